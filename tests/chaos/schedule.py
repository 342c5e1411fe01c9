"""What is done to the stack, and when: a function of the seed, the length and the kinds, and of
nothing else.

A schedule is a list of steps (second, name, arguments).  A thing that is being done to (an
instance, Kafka, PostgreSQL) is left
alone by others until that is over, so each step can be taken as it stands: what is killed is
started, what is stopped goes on.
"""
import random

from environment import SERVICES

KINDS = ("kill", "freeze", "restart", "second", "backends", "postgres-fast", "postgres-immediate",
         "kafka", "restore")
LONGEST_FREEZE_S = 25


class Schedule:
    def __init__(self, seed, seconds):
        self.random = random.Random(f"{seed} schedule")
        self.seconds = seconds
        self.steps = []
        self.busy = {}
        self.make()
        self.steps.sort(key=lambda step: step[0])

    def add(self, at, name, *arguments):
        self.steps.append((round(at, 2), name, arguments))

    def free(self, at, *things):
        return all(self.busy.get(thing, 0) <= at for thing in things)

    def make(self):
        """First each kind once, in some order, then any; a backup of each service comes before
        them."""
        self.add(self.seconds * 0.04, "backup", *SERVICES)
        first = list(KINDS)
        self.random.shuffle(first)
        at, end, pause = self.seconds * 0.08, self.seconds * 0.92, max(1.5, self.seconds * 0.8 / 60)
        every_kind_takes = (end - at) / (len(KINDS) + 1)
        again = self.seconds / 3
        while at < end:
            if self.one(first[-1] if first else self.random.choice(KINDS), at) and first:
                first.pop()
            if self.seconds > 120 and at > again and self.free(at, "postgres"):
                self.add(at, "backup", self.random.choice(SERVICES))
                again += self.seconds / 8
            at += min(self.random.expovariate(1 / pause) + 0.3, every_kind_takes)
        for kind in first:
            self.one(kind, max(self.busy.values()) + 1)
        if self.seconds > 120:  # all four at once
            self.add(max(end, *self.busy.values()) + 1, "restore", *SERVICES)

    def one(self, kind, at):
        """Whether what it needs was free."""
        service = self.random.choice(SERVICES)
        other = self.random.uniform(0.05, 1) * min(LONGEST_FREEZE_S, self.seconds / 5)
        short = self.random.uniform(0.2, 1) * min(8, self.seconds / 10)
        if kind == "backends":
            self.add(at, "backends", self.random.choice((*SERVICES, "provider")))
            return True
        things = {
            "second": (service + ".2", ),
            "postgres-fast": ("postgres", ),
            "postgres-immediate": ("postgres", ),
            "kafka": ("kafka", ),
            "restore": (service, service + ".2", "postgres", "kafka")
        }.get(kind, (service, ))
        if not self.free(at, *things):
            return False
        lasts = {"freeze": other, "second": other, "restore": 1}.get(kind, short)
        for thing in things:
            self.busy[thing] = at + lasts + 1
        if kind == "kill":
            self.add(at, "kill", service)
            self.add(at + lasts, "start", service)
        elif kind == "freeze":
            self.add(at, "freeze", service)
            self.add(at + lasts, "thaw", service)
        elif kind == "restart":
            self.add(at, "restart", service)
        elif kind == "second":
            self.add(at, "start", service + ".2")
            self.add(at + lasts, self.random.choice(("stop", "kill")), service + ".2")
        elif kind.startswith("postgres"):
            self.add(at, kind)
            self.add(at + lasts, "postgres-start")
        elif kind == "kafka":
            self.add(at, "kafka-kill")
            self.add(at + lasts, "kafka-start")
        else:
            self.add(at, "restore", service)
        return True
