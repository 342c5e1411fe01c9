"""The figures of the benchmark: what is compared from run to run, as tables of docs/performance.md, and which of them are kept.

A run may measure some parts only.  Of the others the figures of the last run that measured them stay, and say of when they are.
"""

import os
import platform
import statistics
import subprocess
import time

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


def figures(results):
    """Those that are compared from one run to the next."""
    out = {}
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


MEASURED = ("backlog", "steady", "growth")


def summary(results):
    """Of one run."""
    at = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine()}
    return {**at, "of": {part: at for part in MEASURED if results.get(part)}, **figures(results)}


def merged(out, before):
    """A run, and of the parts that it did not measure what was known before; `of` says of when each part is."""
    parts, of = dict(out["parts"]), dict(out["of"])
    for part in MEASURED:
        if part not in of and before.get("parts", {}).get(part):
            parts[part] = before["parts"][part]
            of[part] = before.get("of", {}).get(part) or {"at": before["at"], "machine": before["machine"]}
    return {"at": out["at"], "machine": out["machine"], "of": of, **figures(parts)}


def measured_on(run):
    m = run["machine"]
    return (f"{run['at'][:10]}, {m['cores']} cores of {m['processor']}, {m['memory']}, Linux {m['kernel']}; Apache Kafka {m['kafka']}, "
            f"{m['postgres']}, librdkafka {m['librdkafka']}, {m['java']}.")


def kept_from(out, part):
    """A line before the tables of a part that is of another run."""
    of = out["of"].get(part, out)
    return [] if of["at"] == out["at"] else [f"Not measured again; {measured_on(of)}", ""]


def table(out):
    lines = []
    rounds = out["parts"].get("backlog", [])
    if rounds:
        lines += kept_from(out, "backlog")
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
        lines += kept_from(out, "steady")
        lines += ["| orders/s | verdict p50 ms | p90 | p99 | p99.9 | closed p50 ms | p99 | H ms | p50 / H | p99 / H | CPU-s per 1,000 |",
                  "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
        for r in out["parts"]["steady"]:
            v, h = r["verdict_ms"], r["hop_ms"]["p50"]
            cpu = sum(r["cpu_s_per_1000"][part] for part, _ in PARTS)
            lines.append(f"| {r['rate']:,} | {v['p50']:.1f} | {v['p90']:.1f} | {v['p99']:.1f} | {v['p99.9']:.1f} | {r['closed_ms']['p50']:.1f} | "
                         f"{r['closed_ms']['p99']:.1f} | {h:.2f} | {v['p50'] / h:.1f} | {v['p99'] / h:.1f} | {cpu:.2f} |")
        lines.append("")
    if out["parts"].get("growth"):
        lines += kept_from(out, "growth")
    for kind, title in (("instances", "instances of each service"), ("batch", "messages in a batch at most"), ("stored", "orders stored before")):
        rows = out["parts"].get("growth", {}).get(kind)
        if rows:
            lines += [f"| {title} | sagas/s | CPU-s per 1,000: services | broker | PostgreSQL | resident MiB |", "| --- | --- | --- | --- | --- | --- |"]
            for r in rows:
                cpu = r["cpu_s_per_1000"]
                lines.append(f"| {r[kind]:,} | {r['sagas_per_s']:,.0f} | {cpu['services']:.3f} | {cpu['broker']:.3f} | {cpu['postgres']:.3f} | {r['resident_mib']:.0f} |")
            lines.append("")
    return "\n".join(lines)


BEGIN, END = "<!-- written by make bench -->", "<!-- until here -->"


def page_update(path, out):
    """The figures of the page are those of the last run, and of those before it what it did not measure."""
    if not os.path.exists(path):
        return
    with open(path) as file:
        before, _, rest = file.read().partition(BEGIN)
    after = rest.partition(END)[2]
    with open(path, "w") as file:
        file.write(f"{before}{BEGIN}\n{measured_on(out)}\n\n{table(out).rstrip()}\n{END}{after}")
