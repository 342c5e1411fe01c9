"""What the benchmark found: a table for a person, JSON for a program, pictures for docs/performance.md."""

import json
import os
import platform
import statistics
import subprocess
import time

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "quadrille", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
from matplotlib import pyplot  # noqa: E402  (the backend is chosen first)

PARTS = (("services", "#3a6ea5"), ("broker", "#c0772c"), ("postgres", "#5f8f4e"))


def machine():
    def first(path, name):
        with open(path) as file:
            return next((line.split(":", 1)[1].strip() for line in file if line.startswith(name)), "unknown")

    def version(*command):
        try:
            return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout.splitlines()[0].strip()
        except (OSError, subprocess.CalledProcessError, IndexError):
            return "unknown"

    return {"processor": first("/proc/cpuinfo", "model name"), "cores": os.cpu_count(), "memory": first("/proc/meminfo", "MemTotal"),
            "kernel": platform.release(), "librdkafka": version("pkg-config", "--modversion", "rdkafka"), "postgres": version("psql", "--version"),
            "java": version("java", "-version"), "kafka": "4.1.1"}


def median_of(rounds, name):
    return statistics.median(r[name] for r in rounds)


def summary(results):
    """The figures that are compared from one run to the next."""
    out = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine()}
    rounds = results.get("backlog", [])
    if rounds:
        warm = rounds[1:] or rounds
        out["sagas_per_s"] = median_of(warm, "sagas_per_s")
        out["sagas_per_s_first"] = rounds[0]["sagas_per_s"]
        out["share_of_limit"] = median_of(warm, "share_of_limit")
        for name in ("kafka_per_s", "postgres_per_s", "limit_per_s", "wal_bytes_per_saga", "statements_per_saga", "rows_per_saga",
                     "commits_per_saga", "messages_per_saga", "kafka_bytes_per_saga"):
            out[name] = median_of(warm, name)
        out["cpu_s_per_1000"] = {part: statistics.median(r["cpu_s_per_1000"][part] for r in warm) for part, _ in PARTS}
        out["resident_mib"] = max(r["resident_mib"]["sum"] for r in rounds)
    if results.get("steady"):
        out["latency_ms"] = {str(r["rate"]): r["verdict_ms"] for r in results["steady"]}
        out["closed_ms"] = {str(r["rate"]): r["closed_ms"] for r in results["steady"]}
        out["hop_ms"] = {str(r["rate"]): r["hop_ms"] for r in results["steady"]}
    out["audit"] = results.get("audit")
    out["parts"] = results
    return out


def table(out):
    lines = []
    rounds = out["parts"].get("backlog", [])
    if rounds:
        lines += ["| round | sagas/s | Kafka alone K | PostgreSQL alone P | limit L | share of L | CPU-s per 1,000: services | broker | PostgreSQL | resident MiB |",
                  "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
        for i, r in enumerate(rounds, 1):
            cpu = r["cpu_s_per_1000"]
            lines.append(f"| {i} | {r['sagas_per_s']:,.0f} | {r['kafka_per_s']:,.0f} | {r['postgres_per_s']:,.0f} | {r['limit_per_s']:,.0f} | {r['share_of_limit']:.0%} | "
                         f"{cpu['services']:.3f} | {cpu['broker']:.3f} | {cpu['postgres']:.3f} | {r['resident_mib']['sum']:.0f} |")
        lines += ["", f"Median of the warm rounds: {out['sagas_per_s']:,.0f} sagas/s, {out['share_of_limit']:.0%} of L; "
                  f"{sum(out['cpu_s_per_1000'].values()):.3f} CPU-s per 1,000 sagas in all. The first round, while the JVM is cold: {out['sagas_per_s_first']:,.0f}/s.",
                  f"Of a saga: {out['messages_per_saga']:.1f} messages, {out['kafka_bytes_per_saga'] / 1024:.1f} KiB in Kafka's log, {out['rows_per_saga']:.1f} rows written, "
                  f"{out['wal_bytes_per_saga'] / 1024:.1f} KiB of WAL, {out['statements_per_saga']:.2f} statements, {out['commits_per_saga']:.3f} commits.", ""]
    if out["parts"].get("steady"):
        lines += ["| orders/s | verdict p50 ms | p90 | p99 | p99.9 | closed p50 ms | p99 | H ms | p50 / H | p99 / H | CPU-s per 1,000 |",
                  "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
        for r in out["parts"]["steady"]:
            v, h = r["verdict_ms"], r["hop_ms"]["p50"]
            cpu = sum(r["cpu_s_per_1000"][part] for part, _ in PARTS)
            lines.append(f"| {r['rate']:,} | {v['p50']:.1f} | {v['p90']:.1f} | {v['p99']:.1f} | {v['p99.9']:.1f} | {r['closed_ms']['p50']:.1f} | "
                         f"{r['closed_ms']['p99']:.1f} | {h:.2f} | {v['p50'] / h:.1f} | {v['p99'] / h:.1f} | {cpu:.2f} |")
        lines.append("")
    for kind, title in (("instances", "instances of each service"), ("batch", "messages in a batch at most"), ("stored", "orders stored before")):
        rows = out["parts"].get("growth", {}).get(kind)
        if rows:
            lines += [f"| {title} | sagas/s | CPU-s per 1,000: services | broker | PostgreSQL | resident MiB |", "| --- | --- | --- | --- | --- | --- |"]
            for r in rows:
                cpu = r["cpu_s_per_1000"]
                lines.append(f"| {r[kind]:,} | {r['sagas_per_s']:,.0f} | {cpu['services']:.3f} | {cpu['broker']:.3f} | {cpu['postgres']:.3f} | {r['resident_mib']:.0f} |")
            lines.append("")
    return "\n".join(lines)


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
        axis.legend(frameon=False, ncols=3, loc="lower right")
        save(figure, folder, "cost")


def save(figure, folder, name):
    figure.tight_layout()
    figure.patch.set_facecolor("white")
    figure.savefig(os.path.join(folder, f"performance-{name}.svg"), metadata={"Date": None})
    pyplot.close(figure)


BEGIN, END = "<!-- written by make bench -->", "<!-- until here -->"


def page_update(path, out):
    """The figures of the page are those of the last run."""
    if not os.path.exists(path):
        return
    with open(path) as file:
        before, _, rest = file.read().partition(BEGIN)
    after = rest.partition(END)[2]
    m = out["machine"]
    head = (f"{out['at'][:10]}, {m['cores']} cores of {m['processor']}, {m['memory']}, Linux {m['kernel']}; Apache Kafka {m['kafka']}, "
            f"{m['postgres']}, librdkafka {m['librdkafka']}, {m['java']}.")
    with open(path, "w") as file:
        file.write(f"{before}{BEGIN}\n{head}\n\n{table(out).rstrip()}\n{END}{after}")


def write(results, folder, docs):
    """latest.json, the same by date, and the pictures.  The table."""
    out = summary(results)
    os.makedirs(folder, exist_ok=True)
    for name in ("latest", out["at"][:16].replace(":", "")):
        with open(os.path.join(folder, name + ".json"), "w") as file:
            json.dump(out, file, indent=1)
            file.write("\n")
    pictures(out, docs)
    page_update(os.path.join(docs, "performance.md"), out)
    return table(out)
