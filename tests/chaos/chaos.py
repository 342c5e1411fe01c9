#!/usr/bin/python3
"""Real orders at a rate on Apache Kafka, while everything that can fail does, by a schedule that a
seed makes; in the end every saga must be closed, and every order counted: none lost, none doubled.

usage: chaos.py BUILD [--minutes 5] [--rate 60] [--flow pay-first] [--seed N] [--plan]

--plan prints the schedule and does nothing. KEEP=1 in the environment leaves the stack of a failure
running; PATIENCE is how many seconds something may take that comes sooner or later. The stack lies
in BUILD/chaos. docs/testing.md says what is done and checked.
"""
import argparse
import collections
import os
import random
import signal
import subprocess
import sys
import threading
import time
import traceback

from load import Load
from schedule import Schedule
from environment import PATIENCE_S, SERVICES, Failed, Environment, run_and_tell, wait_for
import invariants


class Chaos:
    def __init__(self, arguments):
        self.arguments = arguments
        self.seconds = arguments.minutes * 60
        self.environment = Environment(
            arguments.build, "chaos", "kafka", FLOW=arguments.flow, QUADRILLE_DEADLINE_MS=str(
                int(min(60, self.seconds / 2) * 1000)), QUADRILLE_REPUBLISH_AFTER_MS="10000")
        self.schedule = Schedule(arguments.seed, self.seconds).steps
        self.backups = {}
        self.counted = collections.Counter()
        self.failure = None
        self.reader = random.Random(f"{arguments.seed} reader")

    # ---- the steps of a schedule, each by its name ----

    def backup(self, *services):
        for service in services:
            path = os.path.join(self.environment.folder,
                                f"{service}.{self.counted['backup ' + service]}.backup")
            done = self.libpq_run(service, "pg_dump", "-Fc", "-f", path)
            if done.returncode != 0:
                raise Failed(f"pg_dump of {service}: {done.stderr}")
            self.counted["backup " + service] += 1
            self.backups[service] = path

    def libpq_run(self, service, *command):
        return subprocess.run(command, env=self.environment.libpq(service), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)

    def restore(self, *services):
        """All at their old backup before the first is recovered: what one lost, another may have
        lost too."""
        names = [name for name in self.environment.processes if name.partition(".")[0] in services]
        self.environment.stop(*names)
        for service in services:
            done = self.libpq_run(
                service, "pg_restore", "--clean", "--if-exists", "--single-transaction", "-d",
                self.environment.libpq(service)["PGDATABASE"], self.backups[service])
            if done.returncode != 0:
                raise Failed(f"pg_restore of {service}: {done.stderr}")
        for service in services:
            self.recover(service)
        for service in services:
            self.environment.start(service)

    def recover(self, service):
        """It refuses as long as a member of the group that was killed is not given up by the
        broker."""
        def recovered():
            done = self.environment.run("sagactl", "recover", service, "--yes")
            self.environment.journal.say(
                f"recover {service}: exit code {done.returncode}: "
                f"{(done.stdout or done.stderr).strip().splitlines()[:4]}"
            )
            return done.returncode == 0

        wait_for(f"sagactl recover {service}", recovered, PATIENCE_S, 2)

    def step(self, name, arguments):
        environment = self.environment
        if name in ("backup", "restore"):
            getattr(self, name)(*arguments)
        elif name == "kill":
            environment.kill(*arguments)
        elif name == "freeze":
            environment.processes[arguments[0]].signal(signal.SIGSTOP)
        elif name == "thaw":
            environment.processes[arguments[0]].signal(signal.SIGCONT)
        elif name == "start":
            environment.start(*arguments)
        elif name == "stop":
            environment.stop(*arguments)
        elif name == "restart":
            environment.stop(*arguments)
            environment.start(*arguments)
        elif name == "backends":
            environment.ask(
                "order",
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                f"'quadrille_{arguments[0]}'"
            )
        elif name == "postgres-fast":
            environment.end("postgres", signal.SIGINT)
        elif name == "postgres-immediate":
            environment.end("postgres", signal.SIGQUIT)
        elif name == "postgres-start":
            environment.postgres_start()
        elif name == "kafka-kill":
            environment.end("broker", signal.SIGKILL)
        elif name == "kafka-start":
            environment.kafka_start()
        else:
            raise Failed(f"\"{name}\" is no step")

    def run_schedule(self):
        """A step that takes long puts off all later ones, and the load with them: what lies between
        two of them is the seed's."""
        began = time.monotonic()
        try:
            for at, name, arguments in self.schedule:
                while (left := began + at - time.monotonic()) > 0:
                    time.sleep(min(left, 0.2))
                began -= left
                self.load.put_off(-left)
                self.environment.journal.say(" ".join((name, *arguments)))
                self.counted[name] += 1
                self.step(name, arguments)
        except Exception as failure:
            self.failure = failure

    # ---- the run ----

    def read_mails(self):
        """As a mail program does: some mails are moved to cur/, with a flag."""
        new = os.path.join(self.environment.env["QUADRILLE_MAILDIR"], "new")
        for name in os.listdir(new) if os.path.isdir(new) else []:
            if self.reader.random() < 0.02:
                try:
                    os.rename(os.path.join(new, name),
                              os.path.join(os.path.dirname(new), "cur", name + ":2,S"))
                except FileNotFoundError:
                    pass  # it was sent again under its name just now

    def begin(self):
        for service in SERVICES:
            self.environment.start(service)
        for service in SERVICES:
            self.environment.ready(service)
        self.load = Load(self.environment, self.arguments.seed, self.arguments.rate, self.seconds)
        self.load.stock_set()
        self.environment.journal.say(
            f"{len(self.load.orders)} orders at {self.arguments.rate} a second, "
            f"{len(self.schedule)} steps, flow {self.arguments.flow}"
        )

    def fire(self):
        steps = threading.Thread(target=self.run_schedule, daemon=True)
        self.load.start()
        steps.start()
        stored = None
        while self.load.is_alive() or steps.is_alive():
            self.environment.watch()
            self.read_mails()
            stored = invariants.closed(self.environment) or stored
            self.environment.journal.progress(
                f"{self.load.placed} placed, {self.load.acknowledged} of {self.load.sent} "
                "acknowledged, "
                f"{stored[1] if stored else 0} closed, {sum(self.counted.values())} of "
                f"{len(self.schedule)} steps"
            )
            for failure in (self.load.failure, self.failure):
                if failure is not None:
                    raise failure
            time.sleep(0.5)
        self.environment.journal.say(
            "the load is sent, and everything runs again: until every saga is closed")

    def judge(self):
        environment, load = self.environment, self.load
        invariants.all_closed(environment, load, PATIENCE_S)
        environment.journal.say("every saga is closed: counting")
        states, findings = invariants.orders_are_there_once(environment, load)
        findings += invariants.money_was_moved_once(environment, load, states)
        findings += invariants.mails_went_out_once(environment, load, states)
        findings += invariants.stock_is_right(environment, load, states)
        said, wrong = invariants.events(
            environment,
            os.path.join(environment.build, "tests", f"chaos-{self.arguments.flow}.emitted"))
        findings += wrong + invariants.command_is_content(environment, "sagactl",
                                                          "audit") + invariants.command_is_content(
                                                              environment, "sagactl", "dlq")
        for finding in findings:
            environment.find(finding)
        decisions = collections.Counter(states.values())
        steps = [
            f"{name} {count}" for name, count in sorted(self.counted.items()) if " " not in name
        ]
        environment.journal.say(f"{len(states)} orders: {decisions['CONFIRMED']} confirmed, "
                          f"{decisions['CANCELLED']} cancelled; {load.cancelled} cancellations; "
                          f"{said} events; steps: {', '.join(steps)}")
        if not decisions["CANCELLED"]:
            environment.find("no order was cancelled, so little was tried")

    def run(self):
        environment = self.environment
        environment.base()
        try:
            self.begin()
            self.fire()
            self.judge()
        except KeyboardInterrupt:
            environment.find("interrupted")
        except Failed as failure:
            environment.find(str(failure))
        except Exception as failure:  # of ours: the stack is stopped all the same
            environment.find("".join(traceback.format_exception(failure)))
        if environment.findings:
            with open(os.path.join(environment.folder, "log", "audit"), "w") as file:
                done = environment.run("sagactl", "audit", "--show", "1000")
                file.write(done.stdout + done.stderr)
        if not (environment.findings and os.environ.get("KEEP")):
            environment.down()
        return not environment.findings


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--rate", type=float, default=60)
    parser.add_argument("--flow", default="pay-first",
                        choices=("pay-first", "reserve-first", "parallel"))
    parser.add_argument("--seed", type=int)
    parser.add_argument("--plan", action="store_true")
    arguments = parser.parse_args()
    if arguments.seed is None:
        arguments.seed = int.from_bytes(os.urandom(4), "big")
    if arguments.minutes < 0.5 or arguments.rate <= 0:
        parser.error(
            f"--minutes is {arguments.minutes:g} and --rate {arguments.rate:g}: at least 0.5, and "
            "more than 0, are expected"
        )
    if arguments.plan:
        for at, name, things in Schedule(arguments.seed, arguments.minutes * 60).steps:
            print(f"{at:7.1f} s  {' '.join((name, *things))}")
        return 0
    repeat = (f"make chaos MINUTES={arguments.minutes:g} RATE={arguments.rate:g} "
              f"FLOW={arguments.flow} SEED={arguments.seed}")
    print(f"chaos: SEED={arguments.seed}", flush=True)
    return run_and_tell("chaos", Chaos(arguments), repeat)


if __name__ == "__main__":
    sys.exit(main())
