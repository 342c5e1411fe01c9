#!/usr/bin/env python3
"""The benchmark: how fast sagas go, what they cost, and how much of what the machine allows that
is.

usage: bench.py BUILD [--parts backlog,steady,growth] [--rounds 5] [--orders 20951]
                [--rates 50,200,1000] [--seconds 60] [--warmup 20] [--broker kafka] [--publish]

docs/performance.md says what is measured and how.  The tables are printed; results, pictures and
the page with these figures go to BUILD/performance, with --publish to tests/bench/results and docs.
"""

import argparse
import os
import subprocess
import sys
import threading
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
        self.consumer = Consumer({
            "bootstrap.servers": brokers,
            "group.id": "quadrille-bench",
            "log_level": 2
        })

    def of(self, *topics):
        return sum(
            self.consumer.get_watermark_offsets(TopicPartition(t, p), timeout=10)[1]
            for t in topics
            for p in range(PARTITIONS))


def workload(stack, orders, prefix):
    folder = os.path.join(stack.folder, "run", prefix)
    os.makedirs(folder, exist_ok=True)
    subprocess.run(
        f"xz -dc {ROOT}/tests/data/orders.ndjson.xz | {stack.build}/tests/workload --plain "
        f"{orders} {folder} {prefix}",
        shell=True, check=True)
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
    return {
        "clean": result.returncode == 0,
        "says": result.stdout.strip().splitlines()[-1] if result.stdout.strip() else ""
    }


def backlog(stack, ends, prefix, orders, instances=1, options=()):
    """All orders are placed before the services start; ends when the last one is closed."""
    folder = workload(stack, orders, prefix)
    stack.start_services()
    stock_up(stack, folder)
    stack.stop_services()
    bytes_before = stack.log_bytes()
    stack.bench("place", f"{folder}/orders.ndjson", 0)
    before = {
        "bytes": bytes_before,
        "mails": ends.of("emails"),
        "messages": ends.of(*EVENT_TOPICS),
        "cpu": stack.cpu(),
        "statistics": stack.statistics()
    }
    started = stack.start_services(instances, options)
    memory = Memory(stack)
    wait_for("the last mail", lambda: ends.of("emails") >= before["mails"] + orders, 600, 0.05)
    wait_for("the last order to be closed", lambda: open_orders(stack) == 0, 60, 0.02)
    seconds = time.monotonic() - started
    most = memory.end()
    cpu = difference(stack.cpu(), {
        **{
            s: 0
            for s in SERVICES
        },
        **before["cpu"], "services": 0,
        "email_kernel": 0
    })
    result = {"orders": orders, "seconds": seconds, "sagas_per_s": orders / seconds,
              "cpu_s_per_1000": {name: value / orders * 1000 for name, value in cpu.items()},
              "resident_mib": most,
              "messages_per_saga": (ends.of(*EVENT_TOPICS) - before["messages"]) / orders + 1,
              "kafka_bytes_per_saga": (stack.log_bytes() - before["bytes"]) / orders}
    time.sleep(1)  # statistics come a little later
    result.update({
        name + "_per_saga": value / orders
        for name, value in difference(stack.statistics(), before["statistics"]).items()
    })
    stack.stop_services()
    return result


def limits(stack, prefix, orders):
    """The bounds: the same messages through Kafka alone, the same rows into PostgreSQL alone."""
    seconds, messages, clients = stack.bench("limit-kafka", prefix).split()
    for name in (*SERVICES, "provider"):
        stack.databases["order"].ask(f"DROP DATABASE IF EXISTS limit_{name}")
        stack.databases["order"].ask(f"CREATE DATABASE limit_{name}")
    *rows, postgres_seconds = stack.bench("limit-postgres", prefix).split()
    kafka, postgres = orders / float(seconds), orders / float(postgres_seconds)
    return {
        "kafka_per_s": kafka,
        "postgres_per_s": postgres,
        "limit_per_s": 1 / (1 / kafka + 1 / postgres),
        "kafka_messages": int(messages),
        "kafka_clients_cpu_s_per_1000": float(clients) / orders * 1000,
        "rows": sum(map(int, rows))
    }


def backlog_rounds(stack, ends, rounds, orders):
    done = []
    for i in range(rounds):
        prefix = f"b{i + 1}."
        done.append(backlog(stack, ends, prefix, orders))
        done[-1].update(limits(stack, prefix, orders))
        done[-1]["share_of_limit"] = done[-1]["sagas_per_s"] / done[-1]["limit_per_s"]
        done[-1]["audit"] = audit(stack)
        r, c = done[-1], done[-1]["cpu_s_per_1000"]
        say(f"  round {i + 1}: {r['sagas_per_s']:.0f} sagas/s, {r['share_of_limit']:.0%} of the "
            f"bound {r['limit_per_s']:.0f} "
            f"(Kafka {r['kafka_per_s']:.0f}, PostgreSQL {r['postgres_per_s']:.0f}); CPU-s per "
            f"1,000: services {c['services']:.3f} "
            f"({', '.join(f'{s} {c[s]:.3f}' for s in SERVICES)}), "
            f"broker {c['broker']:.3f}, PostgreSQL {c['postgres']:.3f}; resident "
            f"{r['resident_mib']['sum']:.0f} MiB; audit "
            f"{'clean' if r['audit']['clean'] else 'NOT CLEAN'}"
            )
    return done


class Memory(threading.Thread):
    """The most that the services held resident together, looked at ten times a second."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.stack, self.most, self.stopped = stack, {"sum": 0.0}, threading.Event()
        self.start()

    def run(self):
        while not self.stopped.wait(0.1):
            each = self.stack.resident_mib()
            if sum(each.values()) > self.most["sum"]:
                self.most = {"sum": sum(each.values()), **each}

    def end(self):
        self.stopped.set()
        self.join()
        return self.most


def percentiles(values, factor=1.0):
    values = sorted(values)
    return {name: values[min(len(values) - 1, int(len(values) * share))] * factor
            for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999))}


def hop(stack, rate, seconds=20):
    """One message produced, fetched elsewhere, a row committed; at the rate of a step of the
    saga."""
    micros = [int(line) for line in stack.bench("hop", "limit.hop", rate, seconds).split()]
    return percentiles(micros[len(micros) // 4:], 1e-3)


CLOSING = {
    "email.sent": "mail",
    "email.failed": "mail",
    "payment.refunded": "money",
    "payment.voided": "money",
    "inventory.released": "stock",
    "inventory.voided": "stock"
}


def latencies(placed, seen, warmup_us):
    """From acknowledged to decided and to closed. An order that was sent late by the tool is timed
    as if it had been sent in time."""
    decision, words = {}, {}
    for line in seen:
        kind, order, time_us = line.split("\t")
        if kind in ("order.confirmed", "order.cancelled"):
            decision.setdefault(order, (kind, int(time_us)))
        elif kind in CLOSING:
            words.setdefault(order, {}).setdefault(CLOSING[kind], int(time_us))
    to_decision, to_closed, first, unfinished = [], [], None, 0
    for line in placed:
        order, due_us, sent_us, acked_us = line.split("\t")
        due_us, sent_us, acked_us = int(due_us), int(sent_us), int(acked_us)
        first = first or due_us
        if due_us - first < warmup_us:
            continue
        start_us = acked_us - max(0, sent_us - due_us)
        kind, decided_us = decision.get(order, (None, 0))
        needed = {"mail"} if kind == "order.confirmed" else {"mail", "money", "stock"}
        if kind is None or not needed <= words.get(order, {}).keys():
            unfinished += 1
            continue
        to_decision.append(decided_us - start_us)
        to_closed.append(max(decided_us, *(words[order][word] for word in needed)) - start_us)
    return to_decision, to_closed, unfinished


def steady(stack, ends, rate, seconds, warmup):
    """Orders at a fixed rate, whatever becomes of them; the services run."""
    orders, prefix = int(rate * (seconds + warmup)), f"s{rate}."
    folder = workload(stack, min(orders, 20951), prefix)
    lines = open(f"{folder}/orders.ndjson").read().splitlines()
    path = f"{folder}/place.ndjson"
    # more orders than there are: the same ones again, under other ids
    with open(path, "w") as file:
        for i in range(orders):
            line = lines[i % len(lines)]
            file.write(
                (line if i < len(lines) else line.replace(prefix, f"{prefix}{i // len(lines)}.", 1))
                + "\n")
    stack.start_services()
    for _ in range(-(-orders // len(lines))):
        stock_up(stack, folder)
    watch = subprocess.Popen([f"{stack.build}/tests/bench", "watch"], env=stack.env,
                             stdout=subprocess.PIPE, text=True)
    watch.stdout.readline()
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(watch.stdout.read().splitlines()))
    reader.start()
    mails, before, started = ends.of("emails"), stack.cpu(), time.monotonic()
    placed = stack.bench("place", path, rate).splitlines()
    wait_for("the last mail", lambda: ends.of("emails") >= mails + orders, 120, 0.05)
    wait_for("the last order to be closed", lambda: open_orders(stack) == 0, 60)
    cpu, took = difference(stack.cpu(), before), time.monotonic() - started
    watch.terminate()
    reader.join()
    watch.wait()
    stack.stop_services()
    to_decision, to_closed, unfinished = latencies(placed, seen, warmup * 1e6)
    return {
        "rate": rate,
        "orders": len(to_decision),
        "unfinished": unfinished,
        "held_per_s": orders / took,
        "decided_ms": percentiles(to_decision, 1e-3),
        "closed_ms": percentiles(to_closed, 1e-3),
        "cpu_s_per_1000": {
            name: value / orders * 1000
            for name, value in cpu.items()
        }
    }


def steady_rates(stack, ends, rates, seconds, warmup):
    done = []
    for rate in rates:
        done.append(steady(stack, ends, rate, seconds, warmup))
        done[-1]["hop_ms"] = hop(stack, rate)
        r = done[-1]
        one = r["hop_ms"]["p50"]
        say(f"  {rate}/s: placed to decided p50 {r['decided_ms']['p50']:.1f} ms "
            f"({r['decided_ms']['p50'] / one:.1f} hops), "
            f"p99 {r['decided_ms']['p99']:.1f} ms ({r['decided_ms']['p99'] / one:.1f} hops); "
            f"closed p50 {r['closed_ms']['p50']:.1f}, p99 {r['closed_ms']['p99']:.1f} ms; one hop "
            f"{one:.2f} ms; "
            f"{r['unfinished']} unfinished; CPU-s per 1,000: services "
            f"{r['cpu_s_per_1000']['services']:.2f}, broker {r['cpu_s_per_1000']['broker']:.2f}, "
            f"PostgreSQL {r['cpu_s_per_1000']['postgres']:.2f}")
    return done


# Rows of a closed, confirmed order, as many as wanted, copied from one that a round has left.
COPIES = {
    "order": ("orders", "order_content"),
    "payment": ("payments",),
    "inventory": ("reservation",),
    "email": ("mails", "mail_content"),
    "provider": ("charge",),
}


def fill(stack, prefix, first, last):
    """Stored orders number `first` to `last` in every database, each a copy of a confirmed order of
    the round with the prefix."""
    model = stack.databases["order"].ask(
        f"SELECT min(order_id) FROM orders WHERE order_id LIKE '{prefix}%' AND state = 2")
    for name, tables in COPIES.items():
        ask = stack.databases[name].ask
        for table in tables:
            columns = ask(
                "SELECT string_agg(column_name, ',') FROM information_schema.columns WHERE "
                f"table_name = '{table}'"
                " AND is_generated = 'NEVER'").split(",")
            values = [
                f"'stored.' || n" if c == "order_id" else
                "'charge:stored.' || n" if c == "idempotency_key" else "gen_random_uuid()" if
                (table, c) == ("charge", "payment_id") else c for c in columns
            ]
            ask(f"INSERT INTO {table} ({','.join(columns)}) SELECT {','.join(values)} FROM "
                f"{table}, generate_series({first}, {last}) AS n"
                f" WHERE order_id = '{model}'")
    for name in COPIES:
        stack.databases[name].ask("VACUUM ANALYZE")


def growth(stack, ends, orders):
    """Instances, batch sizes, and orders already stored; each against the usual setting of the same
    part of the run."""
    done = {"instances": [], "batch": [], "stored": []}
    count = 0

    def measure(kind, label, **settings):
        nonlocal count
        count += 1
        r = backlog(stack, ends, f"g{count}.", orders, **settings)
        done[kind].append({
            kind: label,
            "sagas_per_s": r["sagas_per_s"],
            "cpu_s_per_1000": r["cpu_s_per_1000"],
            "resident_mib": r["resident_mib"]["sum"]
        })
        say(f"  {kind} {label}: {r['sagas_per_s']:.0f} sagas/s; CPU-s per 1,000: services "
            f"{r['cpu_s_per_1000']['services']:.3f}, "
            f"broker {r['cpu_s_per_1000']['broker']:.3f}, PostgreSQL "
            f"{r['cpu_s_per_1000']['postgres']:.3f}"
            )

    for instances in (1, 2, 4):
        measure("instances", instances, instances=instances)
    for batch in (10, 100, 1000):
        measure("batch", batch, options=("--batch", str(batch)))
    done["audit"] = audit(stack)  # before there are orders that no log tells of
    stored = 0
    for wanted in (20000, 200000, 1000000):
        fill(stack, "g1.", stored + 1, wanted)
        stored = wanted
        for _ in range(2):
            measure("stored", wanted)
    return done


def topics_make(stack, names):
    admin = AdminClient({"bootstrap.servers": stack.env["QUADRILLE_BROKERS"]})
    for future in admin.create_topics(
        [NewTopic(name, PARTITIONS, 1, config=LARGE) for name in names]).values():
        future.result()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--parts", default="backlog,steady,growth")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--orders", type=int, default=20951)
    parser.add_argument("--broker", default="kafka")
    parser.add_argument("--rates", default="50,200,1000")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--warmup", type=int, default=20)
    parser.add_argument("--publish", action="store_true")
    arguments = parser.parse_args()
    stack = Stack(arguments.build, arguments.broker)
    results = {}
    stack.base()
    try:
        ends = Ends(stack.env["QUADRILLE_BROKERS"])
        if arguments.broker == "kafka":  # the embedded broker makes what is asked for
            topics_make(stack,
                        ["limit.orders.commands"] + ["limit." + name
                                                     for name in EVENT_TOPICS] + ["limit.hop"])
        if "backlog" in arguments.parts:
            say(f"Backlog: {arguments.orders} real orders, all placed before the services start")
            results["backlog"] = backlog_rounds(stack, ends, arguments.rounds, arguments.orders)
        if "steady" in arguments.parts:
            say(f"Steady: {arguments.seconds} s after {arguments.warmup} s of warm-up at each rate")
            results["steady"] = steady_rates(stack, ends,
                                             [int(rate) for rate in arguments.rates.split(",")],
                                             arguments.seconds, arguments.warmup)
        if "growth" in arguments.parts:
            say("Growth: instances, batch sizes, orders that are stored already")
            results["growth"] = growth(stack, ends, arguments.orders)
        results["audit"] = results["backlog"][-1]["audit"] if "backlog" in results else results[
            "growth"]["audit"] if "growth" in results else audit(stack)
    finally:
        stack.stop_services()
        stack.down()
    from report import write  # wants matplotlib, which a part of the benchmark alone does not

    print(write(results, arguments.build, arguments.publish))
    if not results["audit"]["clean"]:
        raise SystemExit("bench: the audit is not clean: sagactl audit said: "
                         + results["audit"]["says"])


if __name__ == "__main__":
    main()
