#!/usr/bin/env python3
"""Produces what no well-behaved producer would: for the tests of inputs.

usage: produce.py TOPIC KEY [OPTION=VALUE ...]

  header=NAME=VALUE  a header; may be given again, with the same name too
  headers=N          N headers x-1=v ... before the others, as tracing and frameworks add
  value=TEXT         the value; without it the message has none
  blanks=BYTES       a JSON object of so many bytes, of the order KEY, that is mostly blanks, in
                     place of a value
  lines=N            an order KEY of N lines of some 300 bytes, in place of a value
  cats=N             with lines: the name of each has N characters of four bytes
  noise=BYTES        a value of so many bytes that nothing compresses, in place of a value
  times=N            the message N times, in one batch
  timestamp=MS       the record's time
  partition=N        the partition, whatever the key says
  compression=CODEC  gzip, lz4, zstd or snappy
"""
import json
import os
import sys

from confluent_kafka import Producer

topic, key = sys.argv[1:3]
options = {"headers": "0", "times": "1", "compression": "none", "timestamp": "0", "partition": "-1"}
headers = []
for argument in sys.argv[3:]:
    name, text = argument.split("=", 1)
    if name == "header":
        headers.append(tuple(text.split("=", 1)))
    else:
        options[name] = text
headers = [(f"x-{i + 1}", b"v") for i in range(int(options["headers"]))] + headers

value = options["value"].encode() if "value" in options else None
if "blanks" in options:
    head, tail = b'{"order_id":"' + key.encode() + b'","x":"', b'"}'
    value = head + b" " * (int(options["blanks"]) - len(head) - len(tail)) + tail
if "lines" in options:
    lines = [{
        "sku": "none",
        "name": "\U0001f408" * int(options["cats"]) if "cats" in options else "x" * 240,
        "quantity": 1,
        "unit_price": 1
    } for _ in range(int(options["lines"]))]
    value = json.dumps(
        {
            "order_id": key,
            "customer": {
                "name": "Ada",
                "email": "ada@example.com"
            },
            "currency": "GBP",
            "payment_method": "pm_card_declined",
            "lines": lines
        }, ensure_ascii=False).encode()
if "noise" in options:
    value = os.urandom(int(options["noise"]))

failures = []
producer = Producer({
    "bootstrap.servers": os.environ["QUADRILLE_BROKERS"],
    "compression.type": options["compression"],
    "partitioner": "murmur2_random",
    "message.max.bytes": 1000000000,
    "batch.size": 1000000000,
    "batch.num.messages": 100000,
    "linger.ms": 60000,
    "queue.buffering.max.kbytes": 2000000,
})
for _ in range(int(options["times"])):
    producer.produce(
        topic, value, key, headers=headers, timestamp=int(options["timestamp"]), partition=int(
            options["partition"]), on_delivery=lambda error, message: failures.append(str(error))
        if error else None)
producer.flush(120)
if failures or len(producer) > 0:
    sys.exit(f"not produced: {failures or 'no acknowledgement'}")
