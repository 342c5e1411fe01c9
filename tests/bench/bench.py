#!/usr/bin/env python3
"""The benchmark: how fast sagas go, what they cost, and how much of what the machine allows that is.

usage: bench.py BUILD [--parts backlog,steady,growth] [--rounds 5] [--orders 20951] [--broker kafka]

docs/performance.md says what is measured and how; the results go to tests/bench/results.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from stack import EVENT_TOPICS, ROOT, SERVICES, Stack, wait_for

PARTITIONS = 6
LARGE = {"max.message.bytes": "4194304"}


def say(*what):
    print(*what, file=sys.stderr, flush=True)


class Ends:
    """Where topics end, asked without reading them."""

    def __init__(self, brokers):
        self.consumer = Consumer({"bootstrap.servers": brokers, "group.id": "quadrille-bench"})

    def of(self, *topics):
        return sum(self.consumer.get_watermark_offsets(TopicPartition(t, p), timeout=10)[1] for t in topics for p in range(PARTITIONS))


def workload(stack, orders, prefix):
    folder = os.path.join(stack.folder, "run", prefix)
    os.makedirs(folder, exist_ok=True)
    subprocess.run(f"xz -dc {ROOT}/tests/data/orders.ndjson.xz | {stack.build}/tests/workload --plain {orders} {folder} {prefix}", shell=True, check=True)
    return folder


def stock_up(stack, folder):
    """Needs the inventory service; all of it is there once the command returns."""
    stack.run("sagactl", "stock", "add", f"{folder}/stock.csv", "--wait")


def open_orders(stack):
    return stack.databases["order"].number("SELECT count(*) FROM orders WHERE next_due IS NOT NULL")


def difference(after, before):
    return {name: after[name] - before[name] for name in after if name in before}


def audit(stack):
    result = subprocess.run(["sagactl", "audit"], env=stack.env, stdout=subprocess.PIPE, text=True)
    return {"clean": result.returncode == 0, "says": result.stdout.strip().splitlines()[-1] if result.stdout.strip() else ""}


def backlog(stack, ends, prefix, orders, instances=1, options=()):
    """All orders are placed before the services start; ends when the last one is closed."""
    folder = workload(stack, orders, prefix)
    stack.start_services()
    stock_up(stack, folder)
    stack.stop_services()
    stack.bench("place", f"{folder}/orders.ndjson", 0)
    before = {"mails": ends.of("emails"), "messages": ends.of(*EVENT_TOPICS), "cpu": stack.cpu(), "statistics": stack.statistics()}
    started = stack.start_services(instances, options)
    wait_for("the last mail", lambda: ends.of("emails") >= before["mails"] + orders, 600, 0.05)
    wait_for("the last order to be closed", lambda: open_orders(stack) == 0, 60, 0.02)
    seconds = time.monotonic() - started
    cpu = difference(stack.cpu(), {**{s: 0 for s in SERVICES}, **before["cpu"], "services": 0})
    result = {"orders": orders, "seconds": seconds, "sagas_per_s": orders / seconds,
              "cpu_s_per_1000": {name: value / orders * 1000 for name, value in cpu.items()},
              "resident_mib": sum(stack.resident_mib().values()), "peak_mib": sum(stack.peak_mib().values()), "peak_mib_each": stack.peak_mib(),
              "messages_per_saga": (ends.of(*EVENT_TOPICS) - before["messages"]) / orders + 1}
    time.sleep(1)  # statistics come a little later
    result.update({name + "_per_saga": value / orders for name, value in difference(stack.statistics(), before["statistics"]).items()})
    stack.stop_services()
    return result


def limits(stack, prefix, orders):
    """K and P: the same messages through Kafka alone, the same rows into PostgreSQL alone."""
    seconds, messages = stack.bench("limit-kafka", prefix).split()
    for name in (*SERVICES, "provider"):
        stack.databases["order"].ask(f"DROP DATABASE IF EXISTS limit_{name}")
        stack.databases["order"].ask(f"CREATE DATABASE limit_{name}")
    *rows, postgres_seconds = stack.bench("limit-postgres", prefix, stack.server).split()
    k, p = orders / float(seconds), orders / float(postgres_seconds)
    return {"kafka_per_s": k, "postgres_per_s": p, "limit_per_s": 1 / (1 / k + 1 / p), "kafka_messages": int(messages), "rows": sum(map(int, rows))}


def backlog_rounds(stack, ends, rounds, orders):
    done = []
    for i in range(rounds):
        prefix = f"b{i + 1}."
        done.append(backlog(stack, ends, prefix, orders))
        done[-1].update(limits(stack, prefix, orders))
        done[-1]["share_of_limit"] = done[-1]["sagas_per_s"] / done[-1]["limit_per_s"]
        done[-1]["audit"] = audit(stack)
        r, c = done[-1], done[-1]["cpu_s_per_1000"]
        say(f"  round {i + 1}: {r['sagas_per_s']:.0f} sagas/s; K {r['kafka_per_s']:.0f}, P {r['postgres_per_s']:.0f}, L {r['limit_per_s']:.0f}: "
            f"{r['share_of_limit']:.0%}; CPU-s per 1,000: services {c['services']:.3f} ({', '.join(f'{s} {c[s]:.3f}' for s in SERVICES)}), "
            f"broker {c['broker']:.3f}, PostgreSQL {c['postgres']:.3f}; peak {r['peak_mib']:.0f} MiB; audit {'clean' if r['audit']['clean'] else 'NOT CLEAN'}")
    return done


def topics_make(stack, names):
    admin = AdminClient({"bootstrap.servers": stack.env["QUADRILLE_BROKERS"]})
    for future in admin.create_topics([NewTopic(name, PARTITIONS, 1, config=LARGE) for name in names]).values():
        future.result()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--parts", default="backlog,steady,growth")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--orders", type=int, default=20951)
    parser.add_argument("--broker", default="kafka")
    arguments = parser.parse_args()
    stack = Stack(arguments.build, arguments.broker)
    results = {}
    stack.base()
    try:
        ends = Ends(stack.env["QUADRILLE_BROKERS"])
        topics_make(stack, ["limit.orders.commands"] + ["limit." + name for name in EVENT_TOPICS] + ["limit.hop"])
        if "backlog" in arguments.parts:
            results["backlog"] = backlog_rounds(stack, ends, arguments.rounds, arguments.orders)
        print(json.dumps(results, indent=1))
    finally:
        stack.stop_services()
        stack.down()


if __name__ == "__main__":
    main()
