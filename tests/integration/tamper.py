#!/usr/bin/python3
"""Does the audit notice it, when somebody changes a thing by hand?

Each column of each table, each field of each kind of event and each header of it is changed, one at
a time, each for an order of its own, in a stack whose services are stopped. The audit must name
that order, or its SKU, each time, and no other. What no audit can know stands in UNKNOWABLE with
its reason; it may not name anybody for that.

usage: tamper.py place | tamper.py check     before and after the services are stopped; the
environment is the stack's
"""
import json
import os
import re
import subprocess
import sys

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

BIN = os.environ["BIN"]
sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from services import catalog

CATALOG = catalog(BIN)
KINDS = {
    "paid": "pm_card_visa",
    "short": "pm_card_visa",
    "declined": "pm_card_declined",
    "silent": "pm_never"
}
DATABASES = {
    name: os.environ[f"QUADRILLE_{name.upper()}_DATABASE"]
    for name in (*(entry["service"] for entry in CATALOG), "provider")
}
TOPICS = tuple(entry["emits_to"] for entry in CATALOG)
CONTROLS, LOOSE = 20, 3
PASSES_MESSAGES = 200000

UNKNOWABLE = {  # a pattern of what is changed: why nobody can tell
    r".*\.version\..*\.value": "counts writes; only the next write compares it",
    r".*\.(next_due|attempts)\..*": "when a sweeper looks next: whenever it does, the row says "
                                    "what is to be done",
    r"(payments|reservation)\.\w+_at\..*\.set": "a service may have done more than it came to emit "
                                                "before the cancellation",
    r"reservation\.currency\..*\.null": "a reservation of the release before has none",
    r"payments\.provider_ref\..*": "what the provider calls a charge is emitted nowhere",
    r"payments\.reason\..*\.set": "what a provider says to a settlement is emitted nowhere",
    r"stock_command\.applied_at\..*": "when it was applied is told nowhere else",
    r"(charge|refund)\.(made_at|answers_from)\..*": "the provider's own clock",
    r".*\.header\.(ce_causationid|ce_correlationid|traceparent|tracestate)": "what asked for a "
                                                                             "repetition may be "
                                                                             "anybody, with a "
                                                                             "trace of its own",
}


def run(*command, stdin=None):
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          encoding="utf-8")
    return done.returncode, done.stdout, done.stderr


def psql(database, sql):
    code, out, err = run("psql", "-qXAt", "-v", "ON_ERROR_STOP=1", DATABASES[database], "-c", sql)
    if code != 0:
        sys.exit(f"tamper: {database}: {err}{sql}")
    return [line.split("|") for line in out.splitlines()]


def columns():
    """(database, table, column, type, is key) of all that is stored."""
    for database in DATABASES:
        for table, column, kind, key in psql(database, """
                SELECT k.table_name, k.column_name, k.data_type, (u.column_name IS NOT NULL)::int
                FROM information_schema.columns k
                JOIN information_schema.tables t USING (table_schema, table_name)
                LEFT JOIN (SELECT table_schema, table_name, column_name
                           FROM information_schema.key_column_usage
                           JOIN information_schema.table_constraints
                           USING (constraint_name, table_schema, table_name)
                           WHERE constraint_type = 'PRIMARY KEY') u
                USING (table_schema, table_name, column_name)
                WHERE k.table_schema = 'public' AND t.table_type = 'BASE TABLE'
                AND k.table_name <> 'schema_migration' AND k.is_generated = 'NEVER'
                ORDER BY 1, k.ordinal_position"""):
            yield database, table, column, kind, key == "1"


def fields():
    """(type, field) of all that services emit, by the schemas; ("order.created", "header.ce_id")
    for their headers."""
    folder = "schemas"
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".json"):
            continue
        schema = json.load(open(os.path.join(folder, name)))
        kind = name[:-len(".json")]
        if EMITTERS.get(kind) is None:
            continue
        for field in schema["properties"]:
            yield kind, field
        for header in ("ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "ce_flow",
                       "ce_causationid", "ce_correlationid"):
            yield kind, f"header.{header}"


EMITTERS = {  # which kind of order has the event
    "order.created": "paid", "order.confirmed": "paid", "order.cancelled": "declined",
    "payment.completed": "paid", "payment.failed": "declined", "payment.pending": "silent",
    "payment.refunded": "short", "payment.voided": "silent", "inventory.reserved": "paid",
    "inventory.failed": "short", "inventory.voided": "declined", "email.sent": "paid",
}


def orders():
    """Each order: what is to be changed about it, and its kind."""
    for database, table, column, _, key in columns():
        for kind in KINDS:
            for how in ("value",) if key else ("value", "set", "null"):
                yield f"{table}.{column}.{kind}.{how}", kind
    for event, field in fields():
        yield f"{event}.{field}", EMITTERS[event]
    for kind in KINDS:
        for i in range(CONTROLS):
            yield f"control.{kind}.{i}", kind


def place():
    every = list(orders())
    stock = "sku,quantity\n" + "".join(f"{order},{1 if kind == 'short' else 10}\n"
                                       for order, kind in every)
    code, out, err = run(f"{BIN}/sagactl", "stock", "set", "--wait", stdin=stock)
    if code != 0:
        sys.exit(f"tamper: {out}{err}")
    lines = "".join(
        json.dumps({
            "order_id": order,
            "customer": {
                "name": "Ada",
                "email": "ada@example.com"
            },
            "currency": "GBP",
            "payment_method": KINDS[kind],
            "lines": [{
                "sku": order,
                "name": "A THING",
                "quantity": 2,
                "unit_price": 150
            }]
        }) + "\n" for order, kind in every)
    code, out, err = run(f"{BIN}/sagactl", "place", stdin=lines)
    if code != 0:
        sys.exit(f"tamper: {out}{err}")
    for number in range(LOOSE):  # whose commands are changed, the last there are
        run(f"{BIN}/sagactl", "stock", "add", f"loose.{number}", "5", "--wait")


def silent():
    """Those that wait for the provider are cancelled once they are known to."""
    names = [order for order, kind in orders() if kind == "silent"]
    code, out, err = run(f"{BIN}/sagactl", "cancel", "--reason", "no answer", *names)
    if code != 0:
        sys.exit(f"tamper: {out}{err}")


# ---- what is changed ----

def key_of(table):
    return {"stock": "sku", "refund": "charge_key"}.get(table, "order_id")


def change_columns():
    """What was changed; a column that has no value in a kind of order gets one, or nothing
    happens."""
    changed = []
    for database in DATABASES:
        psql(database, """DO $$ DECLARE c record; BEGIN
            FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
                     WHERE contype IN ('c', 'f') AND connamespace = 'public'::regnamespace LOOP
                EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname);
            END LOOP; END $$""")
    for database, table, column, kind, is_key in columns():
        other = {
            "text": f"coalesce({column}, '') || 'x'",
            "json": f"(replace({column}::text, '150', '151'))::json",
            "smallint": f"({column} + 1)",
            "bigint": f"coalesce({column}, 0) + 1",
            "timestamp with time zone": f"coalesce({column}, now()) + interval '1 minute'",
            "uuid": "gen_random_uuid()"
        }[kind]
        if not is_key:
            psql(database, f"ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL")
        if table == "stock_command":
            continue  # whose ids are drawn: see change_commands
        for how, value, where in (("value", other, f"{column} IS NOT NULL"),
                                  ("set", other, f"{column} IS NULL"), ("null", "NULL",
                                                                        f"{column} IS NOT NULL")):
            if is_key and how != "value":
                continue
            names = [f"{table}.{column}.{order}.{how}" for order in KINDS]
            keys = [("charge:" if table == "refund" else "") + name for name in names]
            match = f"{key_of(table)} = ANY (ARRAY{keys})"
            done = psql(
                database,
                f"UPDATE {table} SET {column} = {value} WHERE {match} AND {where} RETURNING "
                f"{key_of(table) if not is_key else 'true'}"
            )
            if is_key:
                changed += [
                    name for name in names if psql(
                        database,
                        f"SELECT 1 FROM {table} WHERE {column} = "
                        f"'{('charge:' if table == 'refund' else '') + name}x'"
                    )
                ]
            else:
                changed += [row[0].removeprefix("charge:") for row in done]
    return changed


def change_commands():
    """Ids of three stock commands: one is renamed, one deleted, one refused."""
    ids = [
        row[0] for row in psql(
            "inventory", f"SELECT id FROM stock_command ORDER BY applied_at DESC LIMIT {LOOSE}")
    ]
    psql(
        "inventory",
        f"UPDATE stock_command SET id = id || 'x' WHERE id = '{ids[0]}'; DELETE FROM stock_command "
        f"WHERE id = '{ids[1]}'; "
        f"UPDATE stock_command SET refused = 'no' WHERE id = '{ids[2]}'")


def events():
    """(topic, message) of all that was emitted."""
    consumer = Consumer({
        "bootstrap.servers": os.environ["QUADRILLE_BROKERS"],
        "group.id": "tamper",
        "enable.auto.commit": False,
        "enable.partition.eof": True
    })
    parts = [
        TopicPartition(topic, number, 0)
        for topic in TOPICS
        for number in consumer.list_topics(topic, 10).topics[topic].partitions
    ]
    consumer.assign(parts)
    left, found = len(parts), []
    while left > 0:
        message = consumer.poll(10)
        if message is None:
            sys.exit("tamper: the broker is silent")
        if message.error():
            if message.error().code() == KafkaError._PARTITION_EOF:
                left -= 1
            continue
        found.append(message)
    consumer.close()
    return found


def other(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return (value[:-1] + ("1" if value[-1:] == "0" else "0")) if re.search(
            r"\dZ$|^[A-Z]{3}$", value) is None else {
                "GBP": "EUR"
            }.get(value, re.sub(r"\d\dZ$", lambda m: f"{(int(m.group()[:2]) + 1) % 60:02d}Z",
                                value))
    if isinstance(value, list):
        return value + value[:1]
    return {**value, "name": "Eve"}


def change_events():
    said = {}
    for message in events():
        headers = dict(message.headers())
        said.setdefault((message.key().decode(), headers["ce_type"].decode()), message)
    producer = Producer({
        "bootstrap.servers": os.environ["QUADRILLE_BROKERS"],
        "partitioner": "murmur2_random"
    })
    changed, absent = [], []
    for event, field in fields():
        name = f"{event}.{field}"
        message = said.get((name, event))
        if message is None:
            absent.append(name)
            continue
        headers, value = message.headers(), json.loads(message.value())
        if field.startswith("header."):
            header = field[len("header."):]
            if header not in dict(headers):
                absent.append(name)
                continue
            headers = [(key,
                        (header_other(header, text.decode())).encode() if key == header else text)
                       for key, text in headers]
        elif field in value:
            value[field] = other(value[field])
        else:
            continue  # it may be absent
        producer.produce(message.topic(), json.dumps(value, separators=(",", ":")), message.key(),
                         headers=headers, partition=message.partition())
        changed.append(name)
    producer.flush(30)
    if absent:
        sys.exit(f"tamper: no order has {absent}")
    return changed


def header_other(header, text):
    if header == "ce_type":
        return "order.confirmed" if text != "order.confirmed" else "order.created"
    if header == "ce_time":
        return "2001" + text[4:]
    if header == "ce_flow":
        return "parallel" if text != "parallel" else "pay-first"
    if header == "ce_subject":
        return text + "-x"
    if header == "ce_source":
        return "/quadrille/somebody"
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def findings(*options):
    code, out, err = run(f"{BIN}/sagactl", "audit", "--json", "--show", "1000", "--under-way-ms",
                         "0", *options)
    if code not in (0, 1):
        sys.exit(f"tamper: audit ends with {code}: {err}")
    return [text for line in out.splitlines() for text in json.loads(line)["shown"]]


def lengthen():
    """So many messages more, of no type that anybody knows, that a little memory holds but a share
    of the log."""
    producer = Producer({
        "bootstrap.servers": os.environ["QUADRILLE_BROKERS"],
        "queue.buffering.max.messages": PASSES_MESSAGES,
        "linger.ms": 50
    })
    for number in range(PASSES_MESSAGES):
        producer.produce("order.internal", b"", str(number), headers={"ce_type": "none"})
        if number % 1000 == 0:
            producer.poll(0)
    if producer.flush(60) > 0:
        sys.exit("tamper: the log is not lengthened")


def check():
    before = findings()
    if before:
        sys.exit(f"tamper: before anything is changed the audit finds {before[:5]}")
    changed = change_columns() + change_events()
    change_commands()
    told = findings()
    words = {word for text in told for word in re.findall(r"[A-Za-z0-9._:-]+", text)}
    words |= {word.rstrip(":") for word in words}
    wrong = []
    for name in changed:
        known = not any(re.fullmatch(pattern, name) for pattern in UNKNOWABLE)
        if known and name not in words and name + "x" not in words:
            wrong.append(f"nothing is found of {name}")
    wrong += [
        f"nothing is found of the stock command of loose.{number}" for number in range(LOOSE)
        if f"loose.{number}" not in words
    ]
    wrong += [
        f"nothing was changed about it: {text}" for text in told if re.search(r"\bcontrol\.", text)
    ]
    lengthen()
    passes = findings("--memory-mib", "48")
    wrong += [f"found in one pass, and not in several: {text}" for text in set(told) - set(passes)]
    wrong += [
        f"found in several passes, and not in one: {text}" for text in set(passes) - set(told)
    ]
    print(f"{len(changed) + LOOSE} changes, {len(told)} findings")
    if wrong:
        sys.exit("\n".join([f"{len(wrong)} wrong", *wrong[:60]]))


if __name__ == "__main__":
    {"place": place, "silent": silent, "check": check}[sys.argv[1]]()
