"""The figures of the benchmark, compared from run to run, and the tables of docs/performance.md.

A run may measure some parts only.  Of the others the figures of the last run that measured them
stay, with the date of that run.
"""

import os
import re
import statistics
import subprocess
import time

PARTS = (("services", "#3a6ea5"), ("broker", "#c0772c"), ("postgres", "#5f8f4e"))


def processor_class(model):
    """AMD EPYC, of "AMD EPYC 7763 64-Core Processor"."""
    words = re.sub(r"\(\w+\)", "", model).split()
    return " ".join(w for w in words if w.isalpha() and w not in ("CPU", "Gen", "Processor"))


def machine():
    """What a figure depends on, and nothing by which one machine is known from another."""

    def processor():
        with open("/proc/cpuinfo") as file:
            models = [line.split(":", 1)[1] for line in file if line.startswith("model name")]
        return processor_class(models[0] if models else "") or "unknown"

    def version(*command):
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, check=True)
            return done.stdout.splitlines()[0].strip()
        except (OSError, subprocess.CalledProcessError, IndexError):
            return "unknown"

    return {"processor": processor(), "cores": os.cpu_count(),
            "librdkafka": version("pkg-config", "--modversion", "rdkafka"),
            "postgres": version("psql", "--version"), "java": version("java", "-version"),
            "kafka": "4.1.1"}


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
        for name in ("kafka_per_s", "postgres_per_s", "limit_per_s", "wal_bytes_per_saga",
                     "statements_per_saga", "rows_per_saga", "commits_per_saga",
                     "messages_per_saga", "kafka_bytes_per_saga"):
            out[name] = median_of(warm, name)
        out["cpu_s_per_1000"] = {part: statistics.median(r["cpu_s_per_1000"][part] for r in warm)
                                 for part, _ in PARTS}
        out["resident_mib"] = max(r["resident_mib"]["sum"] for r in rounds)
    if results.get("steady"):
        out["latency_ms"] = {str(r["rate"]): r["decided_ms"] for r in results["steady"]}
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
    """A run, and the parts that it did not measure as they were; `of` has the run of each part."""
    parts, of = dict(out["parts"]), dict(out["of"])
    for part in MEASURED:
        if part not in of and before.get("parts", {}).get(part):
            parts[part] = before["parts"][part]
            of[part] = before.get("of", {}).get(part) or {"at": before["at"],
                                                          "machine": before["machine"]}
    return {"at": out["at"], "machine": out["machine"], "of": of, **figures(parts)}


def run_of(out, part):
    """The date and machine of the run that measured the part."""
    return out["of"].get(part, out)


def measured_on(run):
    m = run["machine"]
    return (f"{run['at'][:10]}, {m['cores']} cores of {m['processor']}; Apache Kafka "
            f"{m['kafka']}, {m['postgres']}, librdkafka {m['librdkafka']}, {m['java']}")


def table(columns, rows):
    lines = [columns, ["---"] * len(columns), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def in_hops(rate, percentile):
    return lambda out: out["latency_ms"][rate][percentile] / out["hop_ms"][rate]["p50"]


def latency(rate, percentile):
    return lambda out: out["latency_ms"][rate][percentile]


def unfinished(rate):
    return lambda out: next(r["unfinished"] for r in out["parts"]["steady"]
                            if str(r["rate"]) == rate)


def rate_kept(out):
    """With most orders stored, as a share of that with fewest."""
    rows = out["parts"]["growth"]["stored"]
    counts = [r["stored"] for r in rows]
    most, fewest = (statistics.mean(r["sagas_per_s"] for r in rows if r["stored"] == count)
                    for count in (max(counts), min(counts)))
    return most / fewest


def cpu_in_all(out):
    return sum(out["cpu_s_per_1000"].values())


def cpu_of_services(out):
    return out["cpu_s_per_1000"]["services"]


def figure_of(name):
    return lambda out: out[name]


AT_LEAST, AT_MOST, NONE = 1, -1, 0

# The part that measures a figure, what it is, its value, how it is written, and its target.
TARGETS = (
    # part,     figure,                                              value,
    # written,       direction, target
    ("backlog", "Sagas a second under a backlog", figure_of("sagas_per_s"), "{:,.0f}", NONE, None),
    ("backlog", "The same, as a share of the combined bound", figure_of("share_of_limit"), "{:.0%}",
     AT_LEAST, 0.50),
    ("backlog", "CPU of 1,000 sagas: all processes", cpu_in_all, "{:.3f} s", AT_MOST, 0.45),
    ("backlog", "CPU of 1,000 sagas: the four services", cpu_of_services, "{:.3f} s", AT_MOST,
     0.20),
    ("backlog", "Peak resident memory of the four services", figure_of("resident_mib"),
     "{:.0f} MiB", AT_MOST, 150),
    ("steady", "Placed to decided at 50/s, median", latency("50", "p50"), "{:.1f} ms", NONE, None),
    ("steady", "Placed to decided at 200/s, median", latency("200",
                                                             "p50"), "{:.1f} ms", NONE, None),
    ("steady", "The same in hops", in_hops("200", "p50"), "{:.1f} hops", AT_MOST, 5),
    ("steady", "Placed to decided at 200/s, 99th percentile", in_hops(
        "200", "p99"), "{:.1f} hops", AT_MOST, 20),
    ("steady", "Placed to decided at 1,000/s, median", in_hops("1000",
                                                               "p50"), "{:.1f} hops", AT_MOST, 15),
    ("steady", "Placed to decided at 1,000/s, 99th percentile", in_hops(
        "1000", "p99"), "{:.1f} hops", AT_MOST, 60),
    ("steady", "Orders at 1,000/s that were not closed", unfinished("1000"), "{:,}", AT_MOST, 0),
    ("growth", "Rate with most orders stored, of that with fewest", rate_kept, "{:.0%}", NONE,
     None),
)


def summary_table(out):
    """Each figure, its target, and whether it is met; a rate that was not measured has no line."""
    rows = []
    for part, figure, value, written, direction, target in TARGETS:
        if not out["parts"].get(part):
            continue
        try:
            found = value(out)
        except (KeyError, StopIteration):
            continue
        at = run_of(out, part)["at"][:10]
        if direction == NONE:
            rows.append([figure, written.format(found), "none", "", at])
        else:
            wanted = ("at least " if direction == AT_LEAST else "at most ") + written.format(target)
            met = "yes" if (found - target) * direction >= 0 else "**no**"
            rows.append([figure, written.format(found), wanted, met, at])
    return table(["figure", "measured", "target", "met", "date"], rows)


def cpu_columns(cpu):
    return [f"{cpu[part]:.3f}" for part, _ in PARTS]


CPU_TITLES = ["CPU-s per 1,000: services", "broker", "PostgreSQL"]


def backlog_tables(out):
    rows = []
    for i, r in enumerate(out["parts"]["backlog"], 1):
        rates = [f"{r[name]:,.0f}"
                 for name in ("sagas_per_s", "kafka_per_s", "postgres_per_s", "limit_per_s")]
        rows.append([str(i), *rates, f"{r['share_of_limit']:.0%}",
                     *cpu_columns(r["cpu_s_per_1000"]), f"{r['resident_mib']['sum']:.0f}"])
    a_saga = [f"{out['messages_per_saga']:.1f}", f"{out['kafka_bytes_per_saga'] / 1024:.1f} KiB",
              f"{out['rows_per_saga']:.1f}", f"{out['wal_bytes_per_saga'] / 1024:.1f} KiB",
              f"{out['statements_per_saga']:.2f}", f"{out['commits_per_saga']:.3f}"]
    return [*table(["round", "sagas/s", "Kafka bound", "PostgreSQL bound", "combined bound",
                    "share of it", *CPU_TITLES, "resident MiB"], rows), "",
            f"Median of the warm rounds: {out['sagas_per_s']:,.0f} sagas/s, "
            f"{out['share_of_limit']:.0%} of the combined bound; "
            f"{sum(out['cpu_s_per_1000'].values()):.3f} CPU-s per 1,000 sagas in all. "
            f"The first round, while the JVM is cold: {out['sagas_per_s_first']:,.0f}/s.", "",
            *table(["of one saga: messages", "in Kafka's log", "rows written", "WAL", "statements",
                    "commits"], [a_saga])]


def steady_tables(out):
    rows = []
    for r in out["parts"]["steady"]:
        decided, closed, hop = r["decided_ms"], r["closed_ms"], r["hop_ms"]["p50"]
        cpu = sum(r["cpu_s_per_1000"][part] for part, _ in PARTS)
        rows.append([f"{r['rate']:,}",
                     *(f"{decided[p]:.1f}" for p in ("p50", "p90", "p99", "p99.9")),
                     f"{closed['p50']:.1f}", f"{closed['p99']:.1f}", f"{hop:.2f}",
                     f"{decided['p50'] / hop:.1f}", f"{decided['p99'] / hop:.1f}", f"{cpu:.2f}"])
    return table(["orders/s", "decided: p50 ms", "p90", "p99", "p99.9", "closed: p50 ms", "p99",
                  "one hop ms", "decided in hops: p50", "p99", "CPU-s per 1,000"], rows)


def growth_tables(out):
    lines = []
    for kind, title in (("instances", "instances of each service"),
                        ("batch", "messages in a batch at most"),
                        ("stored", "orders stored before")):
        rows = [[f"{r[kind]:,}", f"{r['sagas_per_s']:,.0f}", *cpu_columns(r["cpu_s_per_1000"]),
                 f"{r['resident_mib']:.0f}"] for r in out["parts"]["growth"].get(kind, [])]
        if rows:
            lines += ["", *table([title, "sagas/s", *CPU_TITLES, "resident MiB"], rows)]
    return lines[1:]


TABLES = {"backlog": backlog_tables, "steady": steady_tables, "growth": growth_tables}


def sections(out):
    """What stands between the marks of the page, under their names."""
    found = {"summary": [f"Measured {measured_on(out)}.", "", *summary_table(out)]}
    for part in MEASURED:
        if out["parts"].get(part):
            run = run_of(out, part)
            found[part] = TABLES[part](out)
            if run["at"] != out["at"]:
                found[part] = [f"Not measured again: {measured_on(run)}.", "", *found[part]]
    return found


def report(out):
    """All tables of a run, for a person who waits for them."""
    return "\n\n".join("\n".join(lines) for lines in sections(out).values())


ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = os.path.join(ROOT, "docs/performance.md")
RESULTS = os.path.join(ROOT, "tests/bench/results")


def places(build, publish):
    """The folder of the results, and that of page and pictures; the project's own if published."""
    if publish:
        return RESULTS, os.path.dirname(PAGE)
    return (os.path.join(build, "performance"),) * 2


MARK, END = "<!-- make bench: {} -->", "<!-- end -->"


def page_with(page, out):
    """The text of the page with the figures of a run."""
    for name, lines in sections(out).items():
        before, mark, rest = page.partition(MARK.format(name))
        _, end, after = rest.partition(END)
        if not end:
            raise SystemExit(f"bench: {PAGE}: no {MARK.format(name)} with {END} after it")
        page = before + mark + "\n" + "\n".join(lines) + "\n" + end + after
    return page


def page_write(folder, out):
    """The page of docs/ with the figures of a run, into a folder."""
    with open(PAGE) as file:
        page = page_with(file.read(), out)
    with open(os.path.join(folder, os.path.basename(PAGE)), "w") as file:
        file.write(page)
