#!/usr/bin/env python3
"""Writes what a stranger may write, in keys, headers, reasons, names and SKUs, and looks at what
sagactl prints of it.

usage: hostile.py produce    two orders, a stock command and three dead letters
       hostile.py look       runs each command that prints, and fails where a terminal would obey
                             what it prints
"""
import json
import os
import subprocess
import sys
import tempfile
import unicodedata

KEY = (b"\x1b]0;owned\x07\x1b[2J\x1b[31mforged\n12:00:00.000  admin  order  "
       b"order.confirmed\xff\xfe\xc2\x9b31m\xe2\x80\xae")
TEXT = "x\u202eevil\u2066 \u061c"
PLACE = {
    "order_id": "esc-1",
    "customer": {
        "id": TEXT,
        "name": TEXT,
        "email": "ada@example.com"
    },
    "currency": "GBP",
    "payment_method": "pm_card_visa",
    "lines": [{
        "sku": "s" + TEXT,
        "name": TEXT,
        "quantity": 1,
        "unit_price": 100
    }]
}
BIDI = set("\u061c\u200e\u200f") | {
    chr(c)
    for c in (*range(0x202a, 0x202f), *range(0x2066, 0x206a))
}

COMMANDS = [["trace", "esc-1"], ["trace", "esc-2"], ["trace", "esc-1", "--format", "mermaid"],
            ["trace", "esc-1", "--format", "svg"], ["list"], ["list", "--from-log"],
            ["watch", "--from-beginning", "--once"], ["watch", "--top", "--once"], ["dlq"],
            ["dlq", "show", "--service", "order"], ["dlq", "export"], ["stock", "show"], ["audit"],
            ["replay", "plan", "--all"], ["doctor"], ["topics"]]
JSON = ["trace", "list", "watch", "dlq", "stock", "audit", "doctor", "topics"]


def produce():
    from confluent_kafka import Producer
    producer = Producer({"bootstrap.servers": os.environ["QUADRILLE_BROKERS"]})

    def send(topic, kind, value, key=KEY, headers=()):
        value = value if isinstance(value, bytes) else json.dumps(value,
                                                                  ensure_ascii=False).encode()
        producer.produce(topic, value, key, headers=[("ce_type", kind), *headers])

    send("inventory.commands", "stock.set", {
        "sku": "s" + TEXT,
        "quantity": 1000
    }, headers=[("ce_id", "hostile-stock")])
    send("orders.commands", "order.cancel", {"order_id": "esc-1", "reason": TEXT})
    send("orders.commands", "order.place", PLACE)
    send(
        "orders.commands", "order.place",
        json.dumps({
            **PLACE, "order_id": "esc-2",
            "currency": "\x7f\x9b" + TEXT
        }, ensure_ascii=False).encode())
    send("orders.commands", "order.cancel", b"\x1b[31m{\xff\xc2\x9b",
         headers=[("x\x1b[31m\nname", KEY)])
    send("orders.commands", "order.cancel\x1b[31m\n" + TEXT, {"order_id": "esc-3"})
    send("orders.commands", 'order.cancel","type":"\\', {"order_id": "esc-1"},
         headers=[("ce_subject", "esc-1")])
    if producer.flush(60) > 0:
        sys.exit("hostile: not produced")


def wrong(text):
    """The first character that a terminal would obey, or that turns the writing around."""
    for c in text:
        if c != "\n" and (unicodedata.category(c) in ("Cc", "Zl", "Zp") or c in BIDI):
            return c
    return None


def look():
    sagactl = os.path.join(os.environ["BIN"], "sagactl")
    faults = []
    with tempfile.NamedTemporaryFile() as refused:
        refused.write(b'{"order_id":"esc-4","customer":{"name":"A\x7f\xc2\x9b","email":"'
                      + TEXT.encode() + b'"}}\n\x1b[31m\xff\n')
        refused.flush()
        wishes = COMMANDS + [[*c, "--json"]
                             for c in COMMANDS
                             if c[0] in JSON and len(c) < 5 and not {"--format", "export"} & set(c)]
        wishes += [["place", refused.name], ["stock", "set", refused.name],
                   ["cancel", "\x1b[31m\n" + TEXT], ["\x1b[31m\n"], ["trace", "\x1b[31m\nforged"]]
        for wish in wishes:
            done = subprocess.run([sagactl, *wish], stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=300)
            for name, out in (("stdout", done.stdout), ("stderr", done.stderr)):
                try:
                    found = wrong(out.decode())
                except UnicodeDecodeError as error:
                    found = error
                if found is not None:
                    faults.append(f"{wish!r} prints {found!r} on {name}")
                if any(
                        line.startswith(b"12:00:00.000  admin") or line.startswith(b"forged")
                        for line in out.split(b"\n")):
                    faults.append(f"{wish!r} prints a line that a stranger made on {name}")
            for line in done.stdout.decode(
                    errors="replace").splitlines() if "--json" in wish or "export" in wish else []:
                try:
                    json.loads(line)
                except ValueError as error:
                    faults.append(f"{wish!r} prints what is no JSON: {line!r}: {error}")
            if b"unknown option" in done.stderr or done.returncode < 0:
                faults.append(f"{wish!r}: {done.returncode} {done.stderr!r}")
    print("\n".join(faults) if faults else f"{len(wishes)} commands: nothing reaches a terminal")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit({"produce": produce, "look": look}[sys.argv[1]]())
