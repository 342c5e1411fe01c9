"""What must hold in the end, counted by ourselves from databases, mails and log, apart from what
sagactl audit says."""
import collections
import json
import os
import sys

from confluent_kafka import Consumer, KafkaError, TopicPartition

from environment import EVENT_TOPICS, ROOT, Failed, wait_for

sys.path.insert(0, os.path.join(ROOT, "tests/contract"))
from contract import faults  # noqa: E402: an independent judge, made from schemas/

SAID_AT_MOST = 40000  # that are held against their schema; it takes about 1 ms each


def read_all(environment, topics):
    """Every message that is in the topics now: (topic, partition, offset, key, headers, value)."""
    consumer = Consumer({
        "bootstrap.servers": environment.env["QUADRILLE_BROKERS"],
        "group.id": "quadrille-chaos-reader",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "log_level": 0,
        "fetch.wait.max.ms": 10,
        "fetch.message.max.bytes": 8388608
    })
    known = consumer.list_topics(timeout=60).topics
    waiting = {(topic, partition)
               for topic in topics if topic in known for partition in known[topic].partitions}
    consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in waiting])
    try:
        while waiting:
            for message in consumer.consume(1000, 1):
                if message.error() is None:
                    yield message
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    waiting.discard((message.topic(), message.partition()))
                elif message.error().fatal():
                    raise Failed(f"reading the log: {message.error()}")
    finally:
        consumer.close()


def header(message, name):
    found = [value for key, value in message.headers() or [] if key == name]
    return found[0].decode(errors="replace") if found and found[0] is not None else ""


def events(environment, path):
    """What the services emitted validates against schemas/, and one ce_id has one content. All of
    it is written to the path, a line "TYPE JSON" each, which tests/contract takes too."""
    contents, looked_at, findings = {}, 0, []
    with open(path + ".part", "w") as said:
        for message in read_all(environment, EVENT_TOPICS):
            if not header(message, "ce_source").startswith("/quadrille/"):
                continue
            kind, value = header(message, "ce_type"), (message.value()
                                                       or b"").decode(errors="replace")
            said.write(f"{kind} {value}\n")
            place = f"{message.topic()}/{message.partition()}/{message.offset()}"
            content = hash((kind, value, header(message, "ce_time")))
            if contents.setdefault(header(message, "ce_id"), content) != content:
                findings.append(
                    f"{kind} at {place} has the ce_id of another content: {value[:300]}")
            if looked_at < SAID_AT_MOST:
                looked_at += 1
                findings += [
                    f"{kind} at {place} is not what its schema says: {fault[:300]}"
                    for fault in faults(kind, json.loads(value))
                ]
    os.replace(path + ".part", path)
    return len(contents), findings


def closed(environment, which=""):
    """Orders that are stored, and those of them that are closed; None when nobody can be asked
    now."""
    rows = environment.ask(
        "order", "SELECT count(*), count(*) FILTER (WHERE closed) FROM order_status " + which)
    return (int(rows[0][0]), int(rows[0][1])) if rows else None


def orders_are_there_once(environment, load, which=""):
    states = {
        row[0]: row[1:]
        for row in environment.must_ask(
            "order", "SELECT order_id, state, closed, amount FROM order_status " + which)
    }
    findings = [
        f"order {order} was placed, acknowledged and lost" for order in load.orders
        if order not in states
    ]
    findings += [
        f"order {order} is in the database, and nobody placed it" for order in states
        if order not in load.orders
    ]
    findings += [
        f"order {order} is {state[0]}, closed: {state[1]}" for order, state in states.items()
        if state[0] not in ("CONFIRMED", "CANCELLED") or state[1] != "t"
    ]
    return {order: state[0] for order, state in states.items()}, findings


def money_was_moved_once(environment, load, states):
    findings, charges = [], collections.defaultdict(list)
    for order, status, amount, refunds, refunded in environment.must_ask(
            "provider",
            "SELECT c.order_id, c.status, c.amount, count(r.*), coalesce(sum(r.amount), 0)"
            " FROM charge c LEFT JOIN refund r ON r.charge_key = c.idempotency_key GROUP BY "
            "c.idempotency_key"
    ):
        charges[order].append((status, int(amount), int(refunds), int(refunded)))
    for order, state in states.items():
        if order not in load.orders:
            continue
        amount = sum(line["quantity"] * line["unit_price"] for line in load.orders[order]["lines"])
        held = [charge for charge in charges.get(order, []) if charge[0] == "captured"]
        wanted = [("captured", amount, 0, 0)] if state == "CONFIRMED" and amount > 0 else []
        if held != wanted:
            findings.append(
                f"order {order} is {state} over {amount}, and the ledger holds {charges.get(order)}"
            )
        findings += [
            f"order {order}: refunded otherwise than once: {charge}"
            for charge in charges.get(order, [])
            if charge[0] == "refunded" and charge[2:] != (1, charge[1])
        ]
    return findings


def mails_went_out_once(environment, load, states, others=False):
    findings, told = [], collections.defaultdict(list)
    for folder in ("new", "cur"):
        for name in os.listdir(os.path.join(environment.env["QUADRILLE_MAILDIR"], folder)):
            with open(os.path.join(environment.env["QUADRILLE_MAILDIR"], folder, name),
                      errors="replace") as file:
                words = next(line for line in file if line.startswith("Subject: ")).split()
            told[words[3]].append(words[-1])
    for order, state in states.items():
        reachable = order not in load.orders or not load.orders[order]["customer"][
            "email"].endswith(".invalid")
        if told.pop(order, []) != [state.lower()] * reachable:
            findings.append(f"order {order} is {state}, and its mails are not one that says so")
    return findings + [
        f"there is a mail about {order}, and no such order" for order in told if not others
    ]


def stock_is_right(environment, load, states):
    reserved = collections.Counter()
    for order, state in states.items():
        for line in load.orders[order][
                "lines"] if state == "CONFIRMED" and order in load.orders else ():
            reserved[line["sku"]] += line["quantity"]
    rows = {
        sku: (int(on_hand), int(held))
        for sku, on_hand, held in environment.must_ask("inventory",
                                                       "SELECT sku, on_hand, reserved FROM stock")
    }
    wanted = {sku: (quantity, reserved[sku]) for sku, quantity in load.stock_in_the_end().items()}
    return [
        f"stock of {sku}: on hand, reserved are {rows.get(sku)}, and must be {wanted.get(sku)}"
        for sku in sorted({*rows, *wanted})
        if rows.get(sku) != wanted.get(sku)
    ]


def command_is_content(environment, *command):
    done = environment.run(*command)
    return [] if done.returncode == 0 else [
        f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    ]


def all_closed(environment, load, patience, which="", look=None):
    """However slow the machine: as long as something moves it is waited for."""
    last = None

    def more():
        nonlocal last
        (look or environment.watch)()
        now = closed(environment, which)
        environment.journal.progress(
            f"waiting: {now[1] if now else '?'} of {len(load.orders)} closed")
        if now is not None and now[0] >= len(load.orders) and now[0] == now[1]:
            return "all"
        moved, last = now != last, now
        return "some" if moved else None

    while wait_for("more orders that are closed", more, patience, 0.5) != "all":
        pass
