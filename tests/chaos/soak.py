#!/usr/bin/python3
"""Real orders at a rate on Apache Kafka, services killed and restarted among them, and an audit
every two seconds: none of them finds anything, until one row is changed by hand, which the next one
names, and nothing else.

usage: soak.py BUILD [--minutes 5] [--rate 150] [--flow pay-first] [--seed N]

The stack lies in BUILD/audit-soak. docs/testing.md says what is done and checked.
"""
import argparse
import os
import random
import threading
import time

from chaos import Chaos
from environment import SERVICES, Failed, Environment, run_and_tell

EVERY_S = 2
TAMPER_AT = 0.8  # of the time; the audits behind it see that it is compensated


def schedule(seed, seconds):
    """A kill and a start a moment later, or a restart, every few seconds."""
    chance, steps, at = random.Random(f"{seed} soak"), [], 5.0
    while at < seconds - 5:
        service = chance.choice(SERVICES)
        if chance.random() < 0.5:
            steps += [(at, "kill", (service,)), (at + chance.uniform(0.1, 3), "start", (service,))]
        else:
            steps.append((at, "restart", (service,)))
        at += chance.uniform(4, 9)
    return steps


class Soak(Chaos):
    def __init__(self, arguments):
        super().__init__(arguments)
        self.environment = Environment(arguments.build, "audit-soak", "kafka", FLOW=arguments.flow,
                                       QUADRILLE_DEADLINE_MS="60000",
                                       QUADRILLE_REPUBLISH_AFTER_MS="10000")
        self.schedule = schedule(arguments.seed, self.seconds)
        self.audits, self.named, self.longest_s = 0, None, 0.0

    def audit(self):
        """What it finds; None when it came to no end, which is a finding of its own."""
        began = time.monotonic()
        done = self.environment.run("sagactl", "audit")
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        self.audits += 1
        if done.returncode not in (0, 1):
            self.environment.find(
                f"audit {self.audits} ends with {done.returncode}: {done.stderr.strip()}")
            return None
        return [line.strip() for line in done.stdout.splitlines() if line.startswith("       ")]

    def tamper(self):
        """A row of an order that is closed for long is changed; what the next audit says of it, and
        that it is told no more."""
        order = self.environment.must_ask(
            "order",
            "SELECT order_id FROM order_status WHERE closed AND state = 'CONFIRMED' AND decided_at "
            "< now() - interval '20 s' "
            "ORDER BY decided_at DESC LIMIT 1")[0][0]
        self.environment.must_ask(
            "payment", f"UPDATE payments SET amount = amount + 1 WHERE order_id = '{order}'")
        while (found := self.audit()) is None and not self.over.is_set():
            pass
        self.environment.must_ask(
            "payment", f"UPDATE payments SET amount = amount - 1 WHERE order_id = '{order}'")
        others = [text for text in found or [] if f"order {order}:" not in text]
        if not found:
            self.environment.find(f"a row of {order} was changed, and the next audit finds nothing")
        if others:
            self.environment.find(
                f"a row of {order} was changed, and the next audit finds {others[:5]}")
        self.named = order
        self.environment.journal.say(f"audit {self.audits}: {(found or [])[:3]}")

    def watch_audits(self):
        began = time.monotonic()
        try:
            while not self.over.is_set():
                next_at = time.monotonic() + EVERY_S
                if self.named is None and time.monotonic() - began > TAMPER_AT * self.seconds:
                    self.tamper()
                elif found := self.audit():
                    self.environment.find(f"audit {self.audits} finds {len(found)}: {found[:5]}")
                self.over.wait(max(0, next_at - time.monotonic()))
        except Exception as failure:
            self.failure = failure

    def fire(self):
        self.over = threading.Event()
        watching = threading.Thread(target=self.watch_audits, daemon=True)
        watching.start()
        try:
            super().fire()
        finally:
            self.over.set()
            watching.join()
        if self.failure is not None:
            raise self.failure
        if self.named is None:
            raise Failed("no row was changed: the run was too short")
        self.environment.journal.say(
            f"{self.audits} audits, the longest took {self.longest_s:.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--rate", type=float, default=150)
    parser.add_argument("--flow", default="pay-first",
                        choices=("pay-first", "reserve-first", "parallel"))
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    if arguments.seed is None:
        arguments.seed = int.from_bytes(os.urandom(4), "big")
    if arguments.minutes < 1 or arguments.rate <= 0:
        parser.error(
            f"--minutes is {arguments.minutes:g} and --rate {arguments.rate:g}: at least 1, and "
            "more than 0, are expected"
        )
    print(f"soak: SEED={arguments.seed}", flush=True)
    soak = Soak(arguments)
    repeat = (f"make audit-soak MINUTES={arguments.minutes:g} RATE={arguments.rate:g} "
              f"FLOW={arguments.flow} SEED={arguments.seed}")
    return run_and_tell("soak", soak, repeat, lambda: f", in {soak.audits} audits")


if __name__ == "__main__":
    raise SystemExit(main())
