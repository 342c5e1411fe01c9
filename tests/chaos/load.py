"""Orders at a rate: real ones, some with a card that fails in one way or another, some that want
what is scarce, some placed
twice, some cancelled: at once, late, or before they are placed.  What is sent is a function of the
seed.

The rate is what is aimed at: where broker or machine cannot follow, the load falls behind, and
nothing fails.
"""
import heapq
import json
import os
import random
import subprocess
import threading
import time
import uuid

from confluent_kafka import Producer

from environment import ROOT, Failed

MOST_AT_ONCE = 20951  # so many real orders there are
SCARCE, SCARCE_AT_FIRST = [f"scarce-{n}" for n in range(5)], 40
METHODS = (("pm_never", 0.01), ("pm_silent_charge", 0.01), ("pm_late_approve", 0.02),
           ("pm_late_decline", 0.01))


def workload(environment, count, prefix):
    """Real orders and the stock that they need, from the program that makes them for all tests."""
    folder = os.path.join(environment.folder, "load", prefix)
    os.makedirs(folder, exist_ok=True)
    subprocess.run([
        "bash", "-c",
        'xz -dc "$1/tests/data/orders.ndjson.xz" | "$2/tests/workload" --plain "$3" "$4" "$5"',
        "bash", ROOT, environment.build,
        str(count), folder, prefix
    ], check=True, env=environment.env)
    with open(os.path.join(folder, "orders.ndjson")) as file:
        orders = [json.loads(line) for line in file]
    with open(os.path.join(folder, "stock.csv")) as file:
        stock = {
            sku: int(quantity)
            for sku, _, quantity in (line.rstrip("\n").rpartition(",") for line in list(file)[1:])
        }
    return orders, stock


class Load(threading.Thread):
    def __init__(self, environment, seed, rate, seconds):
        super().__init__(daemon=True)
        self.environment, self.rate, self.seconds = environment, rate, seconds
        self.random = random.Random(f"{seed} load")
        self.late_s = min(20, seconds / 4)
        self.stock = {sku: SCARCE_AT_FIRST for sku in SCARCE}
        self.stock_later = {}
        self.orders = {}
        self.read()
        self.due = []  # (second, number, topic, type, key, value)
        self.number = 0
        self.again = []
        self.sent = self.acknowledged = self.placed = self.cancelled = 0
        self.failure = None
        self.plan()
        self.began = 0.0

    def read(self):
        count = int(self.rate * self.seconds)
        while len(self.orders) < count:
            orders, stock = workload(self.environment, min(MOST_AT_ONCE, count - len(self.orders)),
                                     f"c{len(self.orders)}.")
            for sku, quantity in stock.items():
                self.stock[sku] = self.stock.get(sku, 0) + quantity
            self.orders.update((order["order_id"], order) for order in orders)

    def add(self, at, topic, kind, key, document):
        heapq.heappush(self.due, (at, self.number, topic, kind, key,
                                  json.dumps(document, ensure_ascii=False, separators=(",", ":"))))
        self.number += 1

    def plan(self):
        chance, between = self.random.random, self.random.uniform
        for n, order in enumerate(self.orders.values()):
            at, key = n / self.rate, order["order_id"]
            if chance() < 0.08:
                order["lines"].append({
                    "sku": self.random.choice(SCARCE),
                    "name": "SCARCE",
                    "quantity": self.random.randint(1, 2),
                    "unit_price": 100
                })
            order["payment_method"] = self.random.choices(
                [name for name, _ in METHODS] + [order["payment_method"]],
                [share for _, share in METHODS] + [1 - sum(share for _, share in METHODS)])[0]
            if chance() < 0.005:
                order["customer"]["email"] = "nobody@nowhere.invalid"
            self.add(at, "orders.commands", "order.place", key, order)
            if chance() < 0.03:
                self.add(at, "orders.commands", "order.place", key, order)
            if chance() < 0.02:
                self.add(at + between(0.5, self.late_s), "orders.commands", "order.place", key,
                         order)
            for share, when in ((0.02, at - between(0.05, 2)), (0.03, at + between(0, 0.3)),
                                (0.03, at + between(1, self.late_s))):
                if chance() < share:
                    self.add(max(0, when), "orders.commands", "order.cancel", key, {
                        "order_id": key,
                        "reason": "changed my mind"
                    })
        for n in range(int(self.seconds / 4)):
            sku, pieces = self.random.choice(SCARCE), self.random.randint(1, 5)
            self.stock_later[sku] = self.stock_later.get(sku, 0) + pieces
            self.add(4.0 * n, "inventory.commands", "stock.add", sku, {
                "sku": sku,
                "quantity": pieces
            })

    def stock_set(self):
        """What there is before the first order."""
        path = os.path.join(self.environment.folder, "load", "stock.csv")
        with open(path, "w") as file:
            file.write("sku,quantity\n" + "".join(f"{sku},{quantity}\n"
                                                  for sku, quantity in self.stock.items()))
        done = self.environment.run("sagactl", "stock", "set", path, "--wait", "--timeout", "600")
        if done.returncode != 0:
            raise Failed(f"the stock could not be set: {done.stdout}{done.stderr}")

    def stock_in_the_end(self):
        return {
            sku: quantity + self.stock_later.get(sku, 0)
            for sku, quantity in self.stock.items()
        }

    def produce(self, topic, kind, key, value, identity):
        def delivered(error, _):
            if error is None:
                self.acknowledged += 1
            else:  # its sender's to repeat, under the same id
                self.sent -= 1
                self.again.append((topic, kind, key, value, identity))

        while True:
            try:
                self.producer.produce(
                    topic, value.encode(), key.encode(), headers=[("ce_type", kind.encode()),
                                                                  ("ce_id", identity.encode())],
                    on_delivery=delivered)
                self.sent += 1
                return
            except BufferError:
                self.producer.poll(0.1)

    def put_off(self, seconds):
        self.began += seconds

    def start(self):
        self.began = time.monotonic()
        super().start()

    def run(self):
        try:
            self.send_all()
        except Exception as failure:  # told by whoever waits for us
            self.failure = failure

    def send_all(self):
        self.producer = Producer({
            "bootstrap.servers": self.environment.env["QUADRILLE_BROKERS"],
            "acks": "all",
            "linger.ms": 2,
            "message.timeout.ms": 0,
            "partitioner": "murmur2_random",
            "log_level": 0,
            "reconnect.backoff.max.ms": 1000
        })
        while self.due or self.again or self.acknowledged < self.sent:
            now = time.monotonic() - self.began
            while self.due and self.due[0][0] <= now:
                _, number, topic, kind, key, value = heapq.heappop(self.due)
                self.produce(topic, kind, key, value,
                             str(uuid.uuid5(uuid.NAMESPACE_OID, f"{key} {number}")))
                self.placed += kind == "order.place"
                self.cancelled += kind == "order.cancel"
            while self.again:
                self.produce(*self.again.pop())
            self.producer.poll(0.01)
