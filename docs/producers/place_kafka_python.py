#!/usr/bin/env python3
"""Places an order with kafka-python and waits for the decision.

usage: place_kafka_python.py BROKERS ORDER_ID
"""
import json
import sys
import uuid

from kafka import KafkaConsumer, KafkaProducer

brokers, order_id = sys.argv[1:]
order = {
    "order_id": order_id,
    "customer": {"name": "Ada", "email": "ada@example.com"},
    "currency": "GBP",
    "payment_method": "pm_card_visa",
    "lines": [{"sku": "22350", "name": "CAT BOWL", "quantity": 2, "unit_price": 255}],
}

# The order id is the idempotency key: placed again with the same content it is the same order.
producer = KafkaProducer(bootstrap_servers=brokers, acks="all")
producer.send(
    "orders.commands",
    key=order_id.encode(),
    value=json.dumps(order).encode(),
    headers=[("ce_type", b"order.place"), ("ce_correlationid", b"web-4713")],
).get(timeout=30)
producer.close()

consumer = KafkaConsumer("orders", bootstrap_servers=brokers, group_id=f"place-{uuid.uuid4()}",
                         auto_offset_reset="earliest", consumer_timeout_ms=30000)
for message in consumer:
    if message.key != order_id.encode():
        continue
    headers = dict(message.headers)
    print(headers["ce_type"].decode(), "correlation", headers["ce_correlationid"].decode())
    if headers["ce_type"] in (b"order.confirmed", b"order.cancelled", b"order.rejected"):
        break
else:
    sys.exit(f"no decision about {order_id} within 30 s")
consumer.close()
