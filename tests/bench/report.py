"""What the benchmark found: tables for a person, JSON for a program, page and pictures of docs/."""

import json
import os
import statistics

import matplotlib

import picture
from figures import (PARTS, RESULTS, merged, numbered, page_write, places, report, shape_name,
                     summary)

matplotlib.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
from matplotlib import pyplot  # noqa: E402  (the backend is chosen first)

def bars(axis, rows, kind, title):
    labels, seen = [], {}
    for r in rows:
        seen.setdefault(f"{r[kind]:,}", []).append(r["sagas_per_s"])
    labels = list(seen)
    heights = [statistics.mean(values) for values in seen.values()]
    axis.bar(labels, heights, color="#3a6ea5", width=0.6)
    axis.set_title(title)
    axis.set_ylabel("sagas/s")


def pictures(out, folder):
    parts = out["parts"]
    if parts.get("growth"):
        figure, axes = pyplot.subplots(1, 3, figsize=(9, 2.6))
        bars(axes[0], parts["growth"]["instances"], "instances", "instances of each service")
        bars(axes[1], parts["growth"]["batch"], "batch", "messages in a batch at most")
        bars(axes[2], parts["growth"]["stored"], "stored", "orders stored before")
        save(figure, folder, "throughput")
    if parts.get("steady"):
        figure, axis = pyplot.subplots(figsize=(6, 2.8))
        names = ["p50", "p90", "p99", "p99.9"]
        for r in parts["steady"]:
            axis.plot(names, [r.get("committed_ms", r["decided_ms"])[n] for n in names], marker="o",
                      label=f"{r['rate']:,} orders/s, {shape_name(r)}")
        axis.set_yscale("log")
        axis.set_ylabel("placed to decided, ms")
        axis.grid(axis="y", alpha=0.3)
        axis.legend(frameon=False)
        save(figure, folder, "latency")
    if parts.get("backlog"):
        figure, axis = pyplot.subplots(figsize=(6, 2.4))
        left = [0.0] * len(parts["backlog"])
        labels = [f"round {i}, {shape_name(r)}" for i, r in numbered(parts["backlog"])]
        for part, colour in PARTS:
            values = [r["cpu_s_per_1000"][part] for r in parts["backlog"]]
            axis.barh(labels, values, left=left, color=colour, label=part, height=0.6)
            left = [a + b for a, b in zip(left, values)]
        axis.invert_yaxis()
        axis.set_xlabel("CPU seconds per 1,000 sagas")
        axis.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
        save(figure, folder, "cost")


def save(figure, folder, name):
    figure.tight_layout()
    figure.patch.set_facecolor("white")
    picture.save(figure, os.path.join(folder, f"performance-{name}.svg"))
    pyplot.close(figure)


def write(results, build, publish):
    """The figures of a run; where they were written.

    latest.json, page and pictures have all parts that were ever measured, a file of its date this
    run alone.  Only published they replace those of the project.
    """
    out = summary(results)
    folder, docs = places(build, publish)
    os.makedirs(folder, exist_ok=True)
    before = {}
    if os.path.exists(os.path.join(RESULTS, "latest.json")):
        with open(os.path.join(RESULTS, "latest.json")) as file:
            before = json.load(file)
    known = merged(out, before)
    dated = out["at"][:16].replace(":", "") + ".json"
    for name, content in (("latest.json", known), (dated, out)):
        with open(os.path.join(folder, name), "w") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
    pictures(known, docs)
    page_write(docs, known)
    return f"{report(out)}\n\nResults: {folder}; page and pictures: {docs}"
