#!/usr/bin/env python3
"""The benchmark: how fast sagas go, what they cost, and how much of what the machine allows that
is.

usage: bench.py BUILD [--processes 4,1] [--parts backlog,steady,effects,growth] [--rounds 5]
                [--orders 20951] [--rates 50,200,1000] [--seconds 60] [--warmup 20]
                [--broker kafka] [--publish]

--processes names the shapes that are measured side by side: 4 processes with a database each, 1
process with one database, 1x4 one process with four databases.

docs/performance.md says what is measured and how.  The tables are printed; results, pictures and
the page with these figures go to BUILD/performance, with --publish to tests/bench/results and docs.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from stack import EVENT_TOPICS, ROOT, SERVICES, SHAPES, Stack, wait_for

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
            name: 0
            for name in stack.running
        },
        **before["cpu"], "services": 0,
        "email_kernel": 0,
        "provider": 0
    })
    result = {"shape": stack.shape, "orders": orders, "seconds": seconds,
              "sagas_per_s": orders / seconds,
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


def backlog_rounds(stacks, rounds, orders):
    """Of each shape in turn.  The bounds are those of the first that has four databases."""
    done = []
    for i in range(rounds):
        prefix, of_round = f"b{i + 1}.", []
        for stack in stacks:
            of_round.append(backlog(stack, stack.ends, prefix, orders))
        bounds = next((limits(stack, prefix, orders) for stack in stacks
                       if SHAPES[stack.shape][1] == 4), {})
        for r, stack in zip(of_round, stacks):
            r.update(bounds)
            if bounds:
                r["share_of_limit"] = r["sagas_per_s"] / r["limit_per_s"]
            r["audit"] = audit(stack)
            c = r["cpu_s_per_1000"]
            say(f"  round {i + 1}, {stack.shape}: {r['sagas_per_s']:.0f} sagas/s"
                + (f", {r['share_of_limit']:.0%} of the bound {r['limit_per_s']:.0f} "
                   f"(Kafka {r['kafka_per_s']:.0f}, PostgreSQL {r['postgres_per_s']:.0f})"
                   if bounds else "")
                + f"; CPU-s per 1,000: services {c['services']:.3f} "
                f"({', '.join(f'{name} {c[name]:.3f}' for name in stack.hosts)}), "
                f"broker {c['broker']:.3f}, PostgreSQL {c['postgres']:.3f}, "
                f"provider {c['provider']:.3f}; resident "
                f"{r['resident_mib']['sum']:.0f} MiB; audit "
                f"{'clean' if r['audit']['clean'] else 'NOT CLEAN'}")
        done += of_round
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


DECISIONS = ("order.confirmed", "order.cancelled")


def first_times(lines, kinds):
    """When each order had the first event of these kinds: {order: (kind, microseconds)}."""
    found = {}
    for line in lines:
        kind, order, time_us = line.split("\t")
        if kind in kinds:
            found.setdefault(order, (kind, int(time_us)))
    return found


class Order:
    """As placed. An order that was sent late by the tool is timed as if it had been sent in
    time."""

    def __init__(self, line):
        self.id, *times = line.split("\t")
        self.due_us, self.sent_us, acked_us = map(int, times)
        self.start_us = acked_us - max(0, self.sent_us - self.due_us)


def closed_us(order, decisions, words):
    """When its last event was committed; None: it is open."""
    kind, decided_us = decisions.get(order.id, (None, 0))
    needed = {"mail"} if kind == "order.confirmed" else {"mail", "money", "stock"}
    if kind is None or not needed <= words.get(order.id, {}).keys():
        return None
    return max(decided_us, *(words[order.id][word] for word in needed))


def latencies(orders, events, read, start_us, seconds):
    """Of the orders of a window of time: from acknowledged to decided, by both clocks, and to
    closed."""
    end_us = start_us + seconds * 1e6
    decisions, decisions_read, words = first_times(events, DECISIONS), first_times(read,
                                                                                  DECISIONS), {}
    for line in events:
        kind, order, time_us = line.split("\t")
        if kind in CLOSING:
            words.setdefault(order, {}).setdefault(CLOSING[kind], int(time_us))
    of_window = [order for order in orders if start_us <= order.due_us < end_us]
    closed = {order: closed_us(order, decisions, words) for order in of_window}
    decided = sum(start_us <= time_us < end_us for _, time_us in decisions.values())
    return {
        "orders": len(of_window),
        "unfinished": sum(time is None for time in closed.values()),
        "decided_per_s": decided / seconds,
        "committed_ms": percentiles([decisions[order.id][1] - order.start_us
                                     for order in of_window if order.id in decisions], 1e-3),
        "closed_ms": percentiles([time - order.start_us for order, time in closed.items()
                                  if time is not None], 1e-3),
        "decided_ms": percentiles([decisions_read[order.id][1] - order.start_us
                                   for order in orders
                                   if order.due_us >= end_us and order.id in decisions_read], 1e-3)
    }


def many_orders(stack, count, prefix):
    """A file of so many orders, and the stock for them; more than there are: the same ones again,
    under other ids.  Needs the services."""
    folder = workload(stack, min(count, 20951), prefix)
    lines = open(f"{folder}/orders.ndjson").read().splitlines()
    path = f"{folder}/place.ndjson"
    with open(path, "w") as file:
        for i in range(count):
            line = lines[i % len(lines)]
            file.write(
                (line if i < len(lines) else line.replace(prefix, f"{prefix}{i // len(lines)}.", 1))
                + "\n")
    for _ in range(-(-count // len(lines))):
        stock_up(stack, folder)
    return path


class Process:
    """A part of bench that runs meanwhile; what it says first, and then the rest."""

    def __init__(self, stack, *arguments):
        self.process = subprocess.Popen([os.path.join(stack.build, "tests/bench"),
                                         *map(str, arguments)], env=stack.env,
                                        stdout=subprocess.PIPE, text=True)
        self.first = self.process.stdout.readline().strip()
        self.lines = []
        self.reader = threading.Thread(
            target=lambda: self.lines.extend(self.process.stdout.read().splitlines()))
        self.reader.start()

    def end(self):
        self.reader.join()
        if self.process.wait() != 0:
            raise SystemExit("bench: a part of it failed")
        return self.lines

    def stop(self):
        self.process.terminate()
        return self.end()


def sleep_until(steady_us):
    time.sleep(max(0, steady_us / 1e6 - time.monotonic()))


def held(result, rate):
    return result["unfinished"] == 0 and result["decided_per_s"] >= 0.99 * rate


def steady(stack, ends, rate, seconds, warmup):
    """Orders at a fixed rate, whatever becomes of them; the services run.  What is counted is the
    window between the warm-up and the moment at which a client begins to read: reading costs CPU,
    and is timed in a window of its own."""
    reading = max(5, seconds // 3)
    orders = int(rate * (warmup + seconds + reading))
    stack.start_services()
    path = many_orders(stack, orders, f"s{rate}.")
    since_ms = int(time.time() * 1000)
    mails = ends.of("emails")
    placing = Process(stack, "place", path, rate)
    start_us = int(placing.first) + int(warmup * 1e6)
    sleep_until(start_us)
    cpu, statistics = stack.cpu(), stack.statistics()
    sleep_until(start_us + seconds * 1e6)
    cpu = difference(stack.cpu(), cpu)
    statistics = difference(stack.statistics(), statistics)
    resident = stack.resident_mib()
    watch = Process(stack, "watch")
    placed = [Order(line) for line in placing.end()]
    wait_for("the last mail", lambda: ends.of("emails") >= mails + orders, 120, 0.2)
    wait_for("the last order to be closed", lambda: open_orders(stack) == 0, 60)
    read = watch.stop()
    events = stack.bench("events", since_ms).splitlines()
    stack.stop_services()
    result = latencies(placed, events, read, start_us, seconds)
    result.update({
        "shape": stack.shape,
        "rate": rate,
        "resident_mib": sum(resident.values()),
        "commits_per_saga": statistics["commits"] / result["orders"],
        "provider_commits_per_saga": statistics["provider_commits"] / result["orders"],
        "cpu_s_per_1000": {
            name: value / result["orders"] * 1000
            for name, value in cpu.items()
        }
    })
    result["held"] = held(result, rate)
    return result


def steady_rates(stacks, rates, seconds, warmup):
    done = []
    for rate in rates:
        one_hop = hop(stacks[0], rate, 10)
        for stack in stacks:
            r = steady(stack, stack.ends, rate, seconds, warmup)
            r["hop_ms"] = one_hop
            done.append(r)
            committed, read, c = r["committed_ms"], r["decided_ms"], r["cpu_s_per_1000"]
            say(f"  {rate}/s, {stack.shape}: decision committed p50 {committed['p50']:.1f} ms, "
                f"p99 {committed['p99']:.1f} ms; read by another client p50 {read['p50']:.1f}, p99 "
                f"{read['p99']:.1f} ms; closed p50 {r['closed_ms']['p50']:.1f}, p99 "
                f"{r['closed_ms']['p99']:.1f} ms; one hop {one_hop['p50']:.2f} ms; "
                f"{r['decided_per_s']:.0f} decided/s, {r['unfinished']} unfinished, rate "
                f"{'held' if r['held'] else 'NOT HELD'}; commits a saga "
                f"{r['commits_per_saga']:.2f}; CPU-s per 1,000: services {c['services']:.2f}, "
                f"broker {c['broker']:.2f}, PostgreSQL {c['postgres']:.2f}, provider "
                f"{c['provider']:.2f}; resident {r['resident_mib']:.0f} MiB")
    return done


# A provider that takes its time; a hundredth of the orders are paid with a card whose charge is
# never answered, a tenth are cancelled while their charge is under way.
CALL_MS, IN_FLIGHT, HANG_MS, RATE = 300, 64, 30000, 50
SILENT, CANCELLED = range(55, 1 << 30, 100), range(0, 1 << 30, 10)


def charges_rate(stack, orders=2000):
    """Charges a second, with so many calls in flight that take so long."""
    stack.start_services(QUADRILLE_PROVIDER_LATENCY_MS=str(CALL_MS),
                         QUADRILLE_PROVIDER_TIMEOUT_MS=str(HANG_MS),
                         QUADRILLE_EFFECTS_MAX=str(IN_FLIGHT))
    path = many_orders(stack, orders, "e0.")
    since_ms = int(time.time() * 1000)
    stack.bench("place", path, 0)
    charged = ("payment.completed", "payment.failed")

    def times():
        lines = stack.bench("events", since_ms).splitlines()
        return sorted(time_us for _, time_us in first_times(lines, charged).values())

    found = wait_for("the last charge", lambda: len(done := times()) >= orders and done, 60, 1)
    wait_for("the last order to be closed", lambda: open_orders(stack) == 0, 60, 0.2)
    stack.stop_services()
    return (orders - 1) / (found[-1] - found[0]) * 1e6


def slow_provider(stack, prefix, hangs, seconds, warmup=5):
    """Latencies beside calls that take CALL_MS: of all orders but the silent and the cancelled, and
    of the cancellations, from acknowledged to their answer."""
    stack.start_services(QUADRILLE_PROVIDER_LATENCY_MS=str(CALL_MS),
                         QUADRILLE_PROVIDER_TIMEOUT_MS=str(HANG_MS))
    orders = RATE * (warmup + seconds)
    path = many_orders(stack, orders, prefix)
    with open(path) as file:
        lines = file.read().splitlines()
    documents = [json.loads(line) for line in lines]
    for i in SILENT if hangs else ():
        if i >= orders:
            break
        documents[i]["payment_method"] = "pm_silent_charge"
        lines[i] = json.dumps(documents[i])
    with open(path, "w") as file:
        file.writelines(line + "\n" for line in lines)
    with open(path + ".cancel", "w") as file:
        file.writelines(json.dumps({"order_id": documents[i]["order_id"]}) + "\n"
                        for i in CANCELLED[:len(range(0, orders, 10))])
    since_ms = int(time.time() * 1000)
    placing = Process(stack, "place", path, RATE)
    cancelling = Process(stack, "place", path + ".cancel", RATE / 10, "order.cancel")
    first_us = int(placing.first) + warmup * 1e6
    placed = [Order(line) for line in placing.end()]
    cancels = [Order(line) for line in cancelling.end()]
    time.sleep(2 * CALL_MS / 1000 + 1)
    events = stack.bench("events", since_ms).splitlines()
    stack.stop_services()
    apart = {placed[i].id for i in range(orders) if i in CANCELLED or (hangs and i in SILENT)}
    decisions = first_times(events, DECISIONS)
    answers = first_times(events, ("order.cancelled", "order.cancel_rejected"))
    others = [o for o in placed if o.id not in apart and o.due_us >= first_us]
    asked = [o for o in cancels if o.due_us >= first_us]
    return {
        "others_ms": percentiles([decisions[o.id][1] - o.start_us
                                  for o in others if o.id in decisions], 1e-3),
        "cancel_ms": percentiles([answers[o.id][1] - o.start_us
                                  for o in asked if o.id in answers], 1e-3),
        "unanswered": sum(o.id not in decisions for o in others)
                      + sum(o.id not in answers for o in asked),
        "cancelled_before_answer": sum(answers.get(o.id, ("",))[0] == "order.cancelled"
                                       for o in asked),
        "cancels": len(asked)
    }


def effects(stacks, seconds):
    """Do effects block?  By the decisions' commits."""
    done = []
    for stack in stacks:
        r = {"shape": stack.shape, "charges_per_s": charges_rate(stack),
             "without": slow_provider(stack, "e1.", False, seconds),
             "hanging": slow_provider(stack, "e2.", True, seconds)}
        done.append(r)
        say(f"  {stack.shape}: {r['charges_per_s']:.0f} charges/s with {IN_FLIGHT} calls of "
            f"{CALL_MS} ms in flight; others decided p50 {r['without']['others_ms']['p50']:.1f}, "
            f"p99 {r['without']['others_ms']['p99']:.1f} ms, with 1% hanging p50 "
            f"{r['hanging']['others_ms']['p50']:.1f}, p99 {r['hanging']['others_ms']['p99']:.1f}; "
            f"cancellations p50 {r['hanging']['cancel_ms']['p50']:.1f}, p99 "
            f"{r['hanging']['cancel_ms']['p99']:.1f} ms; {r['hanging']['unanswered']} unanswered")
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
    parser.add_argument("--processes", default="4,1")
    parser.add_argument("--parts", default="backlog,steady,effects,growth")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--orders", type=int, default=20951)
    parser.add_argument("--broker", default="kafka")
    parser.add_argument("--rates", default="50,200,1000")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--warmup", type=int, default=20)
    parser.add_argument("--publish", action="store_true")
    arguments = parser.parse_args()
    shapes = arguments.processes.split(",")
    for shape in shapes:
        if shape not in SHAPES:
            parser.error(f"--processes is \"{shape}\": {', '.join(SHAPES)} are possible")
    if arguments.publish and not {"4", "1"} <= set(shapes):
        parser.error("--publish compares four processes with one: --processes 4,1")
    stacks = [Stack(arguments.build, arguments.broker, f"bench-{shape}", shape)
              for shape in shapes]
    results = {}
    try:
        for stack in stacks:
            prepare(stack)
        results = measure(stacks, arguments)
    finally:
        for stack in stacks:
            stack.stop_services()
            stack.down()
    from report import write  # wants matplotlib, which a part of the benchmark alone does not

    print(write(results, arguments.build, arguments.publish))
    if not results["audit"]["clean"]:
        raise SystemExit("bench: the audit is not clean: sagactl audit said: "
                         + results["audit"]["says"])


def prepare(stack):
    stack.base()
    stack.ends = Ends(stack.env["QUADRILLE_BROKERS"])
    if stack.broker == "kafka":  # the embedded broker makes what is asked for
        topics_make(stack, ["limit.orders.commands", "limit.hop"]
                    + ["limit." + name for name in EVENT_TOPICS])


def measure(stacks, arguments):
    parts, results = arguments.parts.split(","), {}
    if "backlog" in parts:
        say(f"Backlog: {arguments.orders} real orders, all placed before the services start")
        results["backlog"] = backlog_rounds(stacks, arguments.rounds, arguments.orders)
    if "steady" in parts:
        say(f"Steady: {arguments.seconds} s after {arguments.warmup} s of warm-up at each rate")
        results["steady"] = steady_rates(stacks,
                                         [int(rate) for rate in arguments.rates.split(",")],
                                         arguments.seconds, arguments.warmup)
    audits = [audit(stack) for stack in stacks if "backlog" in results or "steady" in results]
    if "effects" in parts:
        say(f"Effects: {RATE} orders/s beside a provider that takes {CALL_MS} ms")
        results["effects"] = effects(stacks, min(20, arguments.seconds))
    if "growth" in parts:
        say("Growth: instances, batch sizes, orders that are stored already")
        results["growth"] = growth(stacks[0], stacks[0].ends, arguments.orders)
        audits.append(results["growth"]["audit"])
    results["audit"] = next((found for found in audits if not found["clean"]),
                            audits[0] if audits else {"clean": True, "says": ""})
    return results


if __name__ == "__main__":
    main()
