#!/usr/bin/env python3
"""Where the four services spend their time under a backlog, as a flame graph.

usage: flame.py BUILD [--processes 4] [--seconds 5] [--orders 20951] [--publish]

The picture is BUILD/performance/performance-flame.svg, with --publish docs/performance-flame.svg.
Needs perf and the right to use it on one's own processes (kernel.perf_event_paranoid at most 2).
Width is time on a processor, upwards is who was called; what is narrower than a five-hundredth is
left out.
"""

import argparse
import collections
import os
import re
import subprocess
import threading

import picture  # which chooses matplotlib's backend
from matplotlib import pyplot

from bench import Ends, backlog
from figures import places
from stack import SHAPES, Stack, wait_for

SMALLEST = 1 / 500
COLOURS = {
    "quadrille": "#3a6ea5",
    "librdkafka": "#c2803a",
    "libpq": "#4a8f5c",
    "kernel": "#8a8a8a",
    "inlined": "#3a6ea5",
    "other": "#b0a890"
}
LEGEND = {
    "quadrille": "ours",
    "librdkafka": "librdkafka",
    "libpq": "libpq",
    "kernel": "the kernel",
    "other": "other libraries"
}


def record(stack, seconds, data):
    """Samples the services when they are started for the second time, with the orders placed."""
    for count in (len(stack.hosts), 0, len(stack.hosts)):
        wait_for("the services", lambda: len(stack.running) == count, 120, 0.01)
    pids = ",".join(str(stack.pid(s)) for s in stack.hosts)
    subprocess.run([
        "perf", "record", "-q", "-F", "499", "--call-graph", "dwarf,8192", "-o", data, "-p", pids,
        "--", "sleep",
        str(seconds)
    ], check=True, stderr=subprocess.DEVNULL)


def stacks(data):
    """Of each sample the process and its frames, outermost first, as (name, where it belongs)."""
    text = subprocess.run(["perf", "script", "-i", data, "-F", "comm,pid,ip,sym,dso"], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          errors="replace").stdout
    for sample in text.split("\n\n"):
        frames = []
        for line in sample.strip().splitlines()[1:]:
            match = re.match(r"\s*[0-9a-f]+ (.+) \(([^()]*|\[[^]]*\])\)$", line)
            if match:
                name, dso = match.groups()
                where = "kernel" if dso.startswith("[kernel") or "vmlinux" in dso else next(
                    (k for k in COLOURS if k in dso), "other")
                frames.append(
                    ("kernel" if where == "kernel" else re.sub(r"\+0x[0-9a-f]+$", "", name), where))
        if frames:
            yield collapse(frames[::-1])


def collapse(frames):
    """The kernel is one frame, and so is a function that calls itself; what has no name is left
    out; what was inlined belongs to its caller."""
    kept = []
    for name, where in frames:
        if where == "inlined" and kept:
            where = kept[-1][1]
        if name != "[unknown]" and (not kept or kept[-1][0] != name):
            kept.append((name, where))
    return kept


class Node:
    def __init__(self):
        self.count, self.children = 0, collections.OrderedDict()

    def add(self, frames):
        self.count += 1
        if frames:
            self.children.setdefault(frames[0], Node()).add(frames[1:])


def draw(axis, node, left, depth, total):
    """The depth of the picture."""
    deepest = depth
    for (name, where), child in sorted(node.children.items()):
        width = child.count / total
        if width >= SMALLEST:
            axis.barh(depth, width, left=left, height=0.94, align="edge", color=COLOURS[where],
                      edgecolor="white", linewidth=0.3)
            if width > 0.03:
                axis.text(left + width / 2, depth + 0.45, name[:int(width * 150)], ha="center",
                          va="center", fontsize=5, color="white", clip_on=True)
            deepest = max(deepest, draw(axis, child, left, depth + 1, total))
        left += width
    return deepest


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--processes", choices=SHAPES, default="4")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--orders", type=int, default=20951)
    parser.add_argument("--publish", action="store_true")
    arguments = parser.parse_args()
    _, folder = places(arguments.build, arguments.publish)
    stack = Stack(arguments.build, "kafka", "flame", arguments.processes)
    data = os.path.join(stack.folder, "perf.data")
    stack.base()
    try:
        ends = Ends(stack.env["QUADRILLE_BROKERS"])
        backlog(stack, ends, "w1.", arguments.orders)  # the JVM warms up
        watcher = threading.Thread(target=record, args=(stack, arguments.seconds, data))
        watcher.start()
        backlog(stack, ends, "w2.", arguments.orders)
        watcher.join()
        root = Node()
        for frames in stacks(data):
            root.add(frames)
    finally:
        stack.stop_services()
        stack.down()
    figure, axis = pyplot.subplots(figsize=(9, 5))
    deepest = draw(axis, root, 0, 0, root.count)
    axis.set_xlim(0, 1)
    axis.set_ylim(0, deepest + 1)
    axis.axis("off")
    axis.legend([pyplot.Rectangle((0, 0), 1, 1, color=COLOURS[name]) for name in LEGEND],
                LEGEND.values(), frameon=False, fontsize=7, loc=(0.5, 0.72))
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "performance-flame.svg")
    picture.save(figure, path, bbox_inches="tight")
    print(f"{root.count} samples: {path}")


if __name__ == "__main__":
    main()
