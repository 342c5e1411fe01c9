#!/usr/bin/env python3
"""Has the cost of a saga grown out of proportion?  A short backlog, and the same messages through
bare Kafka clients in the same run: the services' CPU as a multiple of theirs, which says the same
on
a fast machine and on a slow one.  Without what the kernel does for email: a new file costs ext4 up
to ten times as much for minutes after many were deleted, as tests before this one do.

usage: quick.py BUILD     exit code 1 when the multiple is beyond the bound, or the audit is not
                          clean
"""

import sys

from bench import Ends, audit, backlog, limits, topics_make
from stack import EVENT_TOPICS, Stack

ORDERS, BOUND = 5000, 10.0


def main():
    stack = Stack(sys.argv[1], "kafka", "bench-quick")
    stack.base()
    try:
        topics_make(stack, ["limit.orders.commands"] + ["limit." + name for name in EVENT_TOPICS])
        ends = Ends(stack.env["QUADRILLE_BROKERS"])
        round_ = backlog(stack, ends, "q1.", ORDERS)
        limit = limits(stack, "q1.", ORDERS)
        audit_result = audit(stack)
    finally:
        stack.stop_services()
        stack.down()
    cpu, clients = round_["cpu_s_per_1000"], limit["kafka_clients_cpu_s_per_1000"]
    services = cpu["services"] - cpu["email_kernel"]
    print(
        f"bench-quick: services {services:.3f} CPU-s per 1,000 sagas (and "
        f"{cpu['email_kernel']:.3f} the kernel for email), bare Kafka clients {clients:.3f}: "
        f"{services / clients:.1f} times"
        f" (at most {BOUND:.0f}); {round_['sagas_per_s']:.0f} sagas/s, "
        f"{round_['sagas_per_s'] / limit['limit_per_s']:.0%} of the bound; audit "
        f"{'clean' if audit_result['clean'] else 'NOT clean'}"
    )
    return 0 if services / clients <= BOUND and audit_result["clean"] else 1


if __name__ == "__main__":
    sys.exit(main())
