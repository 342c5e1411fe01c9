"""What the benchmark found: a table for a person, JSON for a program, pictures for docs/performance.md."""

import json
import os
import statistics

import matplotlib

import picture
from figures import PARTS, merged, page_update, summary, table

matplotlib.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
from matplotlib import pyplot  # noqa: E402  (the backend is chosen first)

def bars(axis, rows, kind, title):
    labels, seen = [], {}
    for r in rows:
        seen.setdefault(f"{r[kind]:,}", []).append(r["sagas_per_s"])
    labels = list(seen)
    axis.bar(labels, [statistics.mean(values) for values in seen.values()], color="#3a6ea5", width=0.6)
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
            axis.plot(names, [r["verdict_ms"][n] for n in names], marker="o", label=f"{r['rate']:,} orders/s")
        axis.set_yscale("log")
        axis.set_ylabel("placed to verdict, ms")
        axis.grid(axis="y", alpha=0.3)
        axis.legend(frameon=False)
        save(figure, folder, "latency")
    if parts.get("backlog"):
        figure, axis = pyplot.subplots(figsize=(6, 2.4))
        left = [0.0] * len(parts["backlog"])
        labels = [f"round {i + 1}" for i in range(len(left))]
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


def write(results, folder, docs):
    """latest.json and the pictures, of all parts that were ever measured; this run alone under its date.  The tables of this run."""
    out = summary(results)
    os.makedirs(folder, exist_ok=True)
    latest = os.path.join(folder, "latest.json")
    before = {}
    if os.path.exists(latest):
        with open(latest) as file:
            before = json.load(file)
    known = merged(out, before)
    for path, content in ((latest, known), (os.path.join(folder, out["at"][:16].replace(":", "") + ".json"), out)):
        with open(path, "w") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
    pictures(known, docs)
    page_update(os.path.join(docs, "performance.md"), known)
    return table(out)
