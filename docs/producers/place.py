#!/usr/bin/env python3
"""Places an order with confluent-kafka and waits for the decision.

usage: place.py BROKERS ORDER_ID
"""
import json
import sys
import uuid

from confluent_kafka import Consumer, Producer

brokers, order_id = sys.argv[1:]
order = {
    "order_id": order_id,
    "customer": {"name": "Ada", "email": "ada@example.com"},
    "currency": "GBP",
    "payment_method": "pm_card_visa",
    "lines": [{"sku": "22350", "name": "CAT BOWL", "quantity": 2, "unit_price": 255}],
}

# Listen first, so that no decision is missed.
consumer = Consumer({
    "bootstrap.servers": brokers,
    "group.id": f"place-{uuid.uuid4()}",
    "auto.offset.reset": "earliest"
})
consumer.subscribe(["orders"])

# The order id is the idempotency key: placed again with the same content it is the same order.
producer = Producer({
    "bootstrap.servers": brokers,
    "acks": "all",
    "enable.idempotence": True,
    "partitioner": "murmur2_random"
})
failures = []
producer.produce(
    "orders.commands",
    key=order_id,
    value=json.dumps(order),
    headers={"ce_type": "order.place", "ce_correlationid": "web-4711"},
    on_delivery=lambda error, message: failures.append(error) if error else None,
)
producer.flush(30)
if failures or len(producer) > 0:
    sys.exit(f"{order_id} was not placed: {failures or 'no acknowledgement'}")

while True:
    message = consumer.poll(30)
    if message is None:
        sys.exit(f"no decision about {order_id} within 30 s")
    if message.error() or message.key() != order_id.encode():
        continue
    headers = dict(message.headers())
    print(headers["ce_type"].decode(), "correlation", headers["ce_correlationid"].decode())
    if headers["ce_type"] in (b"order.confirmed", b"order.cancelled", b"order.rejected"):
        break
consumer.close()
