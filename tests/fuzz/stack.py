#!/usr/bin/python3
"""Sends whatever a stranger may send to every topic of a running stack, among healthy orders; the
programs are built with AddressSanitizer and UndefinedBehaviorSanitizer.

usage: stack.py BUILD [--seconds 60] [--seed N] [--brokers kafka embedded] [--rate 200] [--orders 5]

In the end no service has ended or said anything of a sanitizer, each healthy order is closed, was
counted, and is right for the audit, and every command of sagactl that reads the log comes to its
end over it, with JSON that is JSON and text that is fit for a terminal. KEEP=1 in the environment
leaves the stack of a failure running; PATIENCE is how many seconds something may take that comes
sooner or later. The stack lies in BUILD/fuzz-stack. docs/testing.md says more.
"""
import argparse
import collections
import copy
import ctypes
import glob
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
import traceback

from confluent_kafka import KafkaException, Producer

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/chaos"))
from load import Load  # noqa: E402
from environment import PATIENCE_S, SERVICES, Environment, run_and_tell  # noqa: E402
import invariants  # noqa: E402

MEMORY_MIB = 1024  # of one service, AddressSanitizer's own included
KIB, MIB = 1024, 1024 * 1024
HEALTHY = "WHERE order_id ~ '^c[0-9]+[.]'"
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
HEADERS = ("ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_specversion", "ce_flow",
           "ce_causationid", "ce_correlationid", "ce_replayof", "traceparent", "tracestate",
           "content-type", "dlq_error", "dlq_reason", "dlq_topic", "dlq_partition", "dlq_offset",
           "dlq_at", "dlq_resolution", "quadrille_dlq_error", "quadrille_dlq_topic",
           "sent_dlq_topic", "", "x")
ODD = (None, True, -1, 0, 0.5, 1e308, 2 ** 63 - 1, 2 ** 63, -2 ** 63, 10 ** 30, "", " ", "\x00",
       "\x1b[2J", "\x9b31m", "\u2028", "\u202e", "\ud7ff", "a" * 300, "\U0001f600" * 100, "{",
       "0001-01-01T00:00:00Z", "9999-12-31T23:59:60Z", [], {}, [[]], "pay-first")


class Inventor:
    """Messages, each a function of the seed and of how many came before it."""

    def __init__(self, seed, largest):
        self.random = random.Random(f"{seed} fuzz")
        self.largest = largest
        self.topics = re.findall(r'^ +\{"([a-z.]+)",',
                                 open(os.path.join(ROOT, "brokers/topics.c")).read(), re.MULTILINE)
        self.types = {
            os.path.basename(path)[:-5]: json.load(open(path))["examples"]
            for path in sorted(glob.glob(os.path.join(ROOT, "schemas/*.json")))
        }
        self.bytes = [
            open(path, "rb").read()[1:]
            for path in sorted(glob.glob(os.path.join(ROOT, "tests/fuzz/corpus/decode/*")))
        ]

    def document(self, kind):
        """A valid one, about an order or a SKU that no healthy order has."""
        document = copy.deepcopy(self.random.choice(self.types[kind]))
        for name in ("order_id", "sku"):
            if name in document:
                document[name] = f"fz-{self.random.randrange(500)}"
        for line in document.get("lines", []):
            line["sku"] = f"fz-{self.random.randrange(500)}"
        return document

    def spoil(self, document):
        for _ in range(self.random.randint(1, 3)):
            at = document
            while True:
                key = self.random.choice(list(at) if isinstance(at, dict) else range(len(at)))
                if isinstance(at[key], (dict, list)) and at[key] and self.random.random() < 0.7:
                    at = at[key]
                    continue
                break
            choice = self.random.random()
            if choice < 0.7:
                at[key] = copy.deepcopy(self.random.choice(ODD))
            elif choice < 0.85 and isinstance(at, dict):
                at[f"x{self.random.randrange(9)}"] = at[key]
            elif choice < 0.95 and isinstance(at, list):
                at.extend(at * self.random.randrange(50))
            elif len(at) > 1:
                del at[key]
        return document

    def mutate(self, value):
        value = bytearray(value)
        for _ in range(self.random.randint(1, 8)):
            at, choice = self.random.randrange(len(value) + 1), self.random.randrange(5)
            if choice == 0:
                value[at:at + 1] = bytes([self.random.randrange(256)])
            elif choice == 1:
                del value[at:at + self.random.randrange(20)]
            elif choice == 2:
                value[at:at] = self.random.choice(
                    (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\\u0000", b"\\ud800", b"[" * 40,
                     b"1e999", b"\x00", b'"', b"{}"))
            elif choice == 3:
                value[at:at] = value[at:at + 40]
            else:
                del value[at:]
        return bytes(value)

    def value(self, kind):
        choice = self.random.random()
        if choice < 0.03:
            return None
        if choice < 0.05:
            return b""
        if choice < 0.15:
            return self.mutate(self.random.choice(self.bytes))
        document = self.document(kind)
        if choice > 0.65:
            document = self.spoil(document)
        value = json.dumps(document, ensure_ascii=self.random.random()
                           < 0.5).encode("utf-8", "surrogatepass")
        return self.mutate(value) if choice < 0.35 else value

    def giant(self, kind):
        """Much of nothing, or of something, or a document that is right but for its size."""
        size = int(2 ** self.random.uniform(16, self.largest.bit_length() - 1))
        choice = self.random.randrange(4)
        if choice == 0:
            return b" " * size
        if choice == 1:
            return self.random.randbytes(min(size, 4 * MIB))
        document = self.document(kind)
        document["x" if choice == 2 or "lines" not in document else "customer"] = "x" * size
        return json.dumps(document).encode()

    def headers(self, kind):
        """Mostly what the message needs, among anything else; or nothing."""
        if self.random.random() < 0.05:
            return []
        found = [("ce_type", kind.encode())] if self.random.random() < 0.95 else []
        count = self.random.choice((0, 0, 1, 5, 20, 33, 200))
        for _ in range(count):
            # the client, as of 1.7, gives one back for each header without a value
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(None))
            found.append(
                (self.random.choice(HEADERS),
                 self.random.choice(
                     (None, b"", kind.encode(), b"\xff\xfe", b"\x00", b"1.0", b"fz-1", b"\x1b[31m",
                      b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", b"y" * 5000))))
        if self.random.random() < 0.5:
            self.random.shuffle(found)
        return found

    def key(self, value):
        found = re.search(rb'"(?:order_id|sku)": ?"(fz-\d+)"', value or b"")
        return self.random.choices(
            (found[1] if found else b"fz-0", None, b"", self.random.randbytes(8), b"k" * 3000),
            (90, 4, 2, 3, 1))[0]

    def timestamp(self):
        return self.random.choices((0, 1, 2 ** 31, 2 ** 40, 2 ** 62), (90, 4, 2, 2, 2))[0]

    def message(self):
        topic = self.random.choice(self.topics)
        kind = self.random.choice(list(
            self.types)) if self.random.random() < 0.4 else self.random.choice(
                [kind for kind in self.types if self.fits(kind, topic)] or list(self.types))
        value = self.giant(kind) if self.random.random() < 0.004 else self.value(kind)
        return topic, kind, value

    def fits(self, kind, topic):
        emitter = topic.split(".")[0].rstrip("s")
        return kind.startswith({
            "order": "order.",
            "payment": "payment.",
            "inventory": ("inventory.", "stock."),
            "email": "email."
        }[emitter])


class Stranger(threading.Thread):
    """Sends what the inventor makes, through clients that compress each in another way."""

    def __init__(self, environment, inventor, rate, seconds):
        super().__init__(daemon=True)
        self.environment, self.inventor = environment, inventor
        self.rate, self.seconds = rate, seconds
        self.counted = collections.Counter()
        self.failure = None

    def run(self):
        try:
            self.send_all()
        except Exception as failure:
            self.failure = failure

    def delivered(self, error, _):
        self.counted["refused by the broker" if error else "delivered"] += 1

    def send_all(self):
        producers = [
            Producer({
                "bootstrap.servers": self.environment.env["QUADRILLE_BROKERS"],
                "compression.type": codec,
                "message.max.bytes": 256 * MIB,
                "linger.ms": self.inventor.random.choice((0, 20)),
                "message.timeout.ms": 60000,
                "log_level": 0,
                "queue.buffering.max.kbytes": 512 * KIB
            }) for codec in CODECS
        ]
        began = time.monotonic()
        for n in range(int(self.rate * self.seconds)):
            while began + n / self.rate > time.monotonic():
                producers[n % len(producers)].poll(0.01)
            topic, kind, value = self.inventor.message()
            producer = self.inventor.random.choice(producers)
            while True:
                try:
                    producer.produce(
                        topic, value, self.inventor.key(value), headers=self.inventor.headers(kind),
                        timestamp=self.inventor.timestamp(), on_delivery=self.delivered)
                    break
                except BufferError:
                    producer.poll(0.1)
                except KafkaException as refused:
                    self.counted[f"refused by the client ({refused.args[0].name()})"] += 1
                    break
        for producer in producers:
            producer.flush()


class Fuzz:
    def __init__(self, arguments):
        self.arguments = arguments
        self.environment = Environment(arguments.build, "fuzz-stack", arguments.broker,
                                       QUADRILLE_REPUBLISH_AFTER_MS="5000",
                                       QUADRILLE_DEADLINE_MS="20000")
        reports = os.path.join(self.environment.folder, "log", "sanitizer")
        self.environment.env["ASAN_OPTIONS"] = (
            "detect_stack_use_after_return=1:detect_leaks=0:quarantine_size_mb=16:"
            f"log_path={reports}"
        )
        self.environment.env["UBSAN_OPTIONS"] = f"print_stacktrace=1:log_path={reports}"
        self.most = collections.Counter()

    def look(self):
        """Whoever has ended is told once, and started again, so that one finding does not hide the
        next."""
        for name in self.environment.watch():
            self.environment.start(name)
        for name in SERVICES:
            self.most[name] = max(self.most[name],
                                  int(self.environment.processes[name].resident_mib()))

    def run(self):
        environment, arguments = self.environment, self.arguments
        environment.base()
        try:
            self.begin()
            self.fire()
            self.judge()
            self.tools()
        except KeyboardInterrupt:
            environment.find("interrupted")
        except Exception as failure:  # of ours too: the stack is stopped whatever comes
            environment.find("".join(traceback.format_exception(failure)))
        for path in sorted(glob.glob(os.path.join(environment.folder, "log", "sanitizer.*"))):
            lines = (line.strip() for line in open(path, errors="replace"))
            found = (line for line in lines if "ERROR" in line or "runtime error" in line)
            environment.find(f"{path}: {next(found, '')}")
        if not (environment.findings and os.environ.get("KEEP")):
            environment.down()
        print(
            "fuzz-stack: most resident, with AddressSanitizer: "
            f"{', '.join(f'{name} {self.most[name]} MiB' for name in SERVICES)}"
        )
        return not environment.findings

    def begin(self):
        for service in SERVICES:
            self.environment.start(service)
        for service in SERVICES:
            self.environment.ready(service)
        self.load = Load(self.environment, self.arguments.seed, self.arguments.orders,
                         self.arguments.seconds)
        self.load.stock_set()
        # the embedded broker keeps 5 MiB a partition
        largest = 64 * MIB if self.arguments.broker == "kafka" else 256 * KIB
        self.stranger = Stranger(self.environment, Inventor(self.arguments.seed, largest),
                                 self.arguments.rate, self.arguments.seconds)

    def fire(self):
        self.load.start()
        self.stranger.start()
        while self.load.is_alive() or self.stranger.is_alive():
            self.look()
            self.environment.journal.progress(
                f"{sum(self.stranger.counted.values())} strange messages, {self.load.acknowledged} "
                f"of {self.load.sent} healthy ones; resident: "
                + ", ".join(f"{name} {self.most[name]} MiB" for name in SERVICES))
            for failure in (self.load.failure, self.stranger.failure):
                if failure is not None:
                    raise failure
            time.sleep(0.2)
        counted = ", ".join(f"{count} {what}" for what, count in self.stranger.counted.items())
        self.environment.journal.say(f"sent: {counted}; {len(self.load.orders)} healthy orders")

    def judge(self):
        environment, load = self.environment, self.load
        invariants.all_closed(environment, load, PATIENCE_S, HEALTHY, self.look)
        environment.journal.say("every healthy order is closed: counting")
        states, findings = invariants.orders_are_there_once(environment, load, HEALTHY)
        findings += invariants.money_was_moved_once(environment, load, states)
        findings += invariants.mails_went_out_once(environment, load, states, others=True)
        said, wrong = invariants.events(
            environment,
            os.path.join(environment.build, "tests", f"fuzz-stack-{self.arguments.broker}.emitted"))
        findings += wrong
        for name, most in self.most.items():
            if most > MEMORY_MIB:
                findings.append(f"{name} held {most} MiB, more than {MEMORY_MIB}")
        environment.journal.say(f"{said} events of ours looked at")
        for finding in findings:
            environment.find(finding)

    def tools(self):
        """Each command over that log: an exit code that it documents, JSON that is JSON, text
        without control characters."""
        orders = sorted(self.load.orders)
        for command in (["dlq"], ["dlq", "--all"], ["dlq", "show"], ["dlq", "export"], [
                "watch", "--from-beginning", "--once"
        ], ["watch", "--top", "--once"], ["trace", orders[0]], ["trace", "fz-1"], [
                "trace", "fz-2", "--format", "mermaid"
        ], ["list", "--limit", "100000"], ["list", "--from-log", "--limit", "100000"], ["topics"], [
                "doctor"
        ], ["audit"], ["audit", "--from-log"], ["replay", "plan", "--all"]):
            for json_too in (False, True):
                if not (json_too and "--format" in command):
                    self.tool(["sagactl", *command, *["--json"] * json_too])

    def tool(self, command):
        began = time.monotonic()
        try:
            done = subprocess.run(command, env=self.environment.env, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.environment.find(f"{' '.join(command)}: not within {PATIENCE_S} s")
            return
        text = " ".join(command)
        self.environment.journal.say(
            f"{text}: exit code {done.returncode}, {len(done.stdout)} bytes, "
            f"{time.monotonic() - began:.1f} s"
        )
        if done.returncode not in (0, 1):
            self.environment.find(
                f"{text}: exit code {done.returncode}: "
                f"{done.stderr[-400:].decode(errors='replace')}"
            )
        try:
            out = done.stdout.decode() + done.stderr.decode()
        except UnicodeDecodeError as failure:
            self.environment.find(f"{text}: prints what is no UTF-8: {failure}")
            return
        as_json = "--json" in command or "export" in command
        bad = None if as_json else re.search(
            "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", out)
        if bad:
            self.environment.find(
                f"{text}: prints {bad[0]!r}: {out[max(0, bad.start() - 80):bad.end() + 40]!r}")
        if as_json:
            self.json(text, done.stdout.decode())
            self.healthy(text, command, done.stdout.decode())

    def json(self, text, out):
        for line in out.rstrip("\n").split("\n") if out else ():  # not at U+2028
            try:
                json.loads(line, object_pairs_hook=self.once)
            except ValueError as failure:
                self.environment.find(f"{text}: {failure}: {line[:200]}")
                return

    @staticmethod
    def once(pairs):
        names = [name for name, _ in pairs]
        if len(names) != len(set(names)):
            raise ValueError(f"a key is given twice: {names}")
        return dict(pairs)

    def healthy(self, text, command, out):
        """What audit and plan find is about the stranger's orders alone."""
        lines = out.rstrip("\n").split("\n")
        if command[1] == "replay":
            found = [line for line in lines if json.loads(line).get("order") in self.load.orders]
        elif command[1] == "audit":
            found = [
                shown for line in lines for shown in json.loads(line).get("shown") or []
                if re.search(r"\bc\d+\.", json.dumps(shown))
            ]
        else:
            return
        for finding in found[:5]:
            self.environment.find(f"{text}: of a healthy order: {finding}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--brokers", nargs="+", default=("kafka",), choices=("kafka", "embedded"))
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--orders", type=float, default=5)
    given = parser.parse_args()
    for broker in given.brokers:
        arguments = argparse.Namespace(**vars(given), broker=broker)
        if arguments.seed is None:
            arguments.seed = int.from_bytes(os.urandom(4), "big")
        repeat = (f"make fuzz-stack SECONDS={arguments.seconds:g} FUZZ_BROKERS={arguments.broker} "
                  f"SEED={arguments.seed}")
        print(f"fuzz-stack: {arguments.broker}, SEED={arguments.seed}", flush=True)
        code = run_and_tell("fuzz-stack", Fuzz(arguments), repeat)
        if code != 0:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
