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


def of_shape(rows, shape):
    """Those of one shape; before there were several all ran as four processes."""
    return [r for r in rows or () if r.get("shape", "4") == shape]


def warm(rounds):
    return rounds[1:] or rounds


def has_moved(rounds):
    """Has the bound moved by more than half within the run?  Then a share of it says nothing."""
    bounds = [r["limit_per_s"] for r in rounds if "limit_per_s" in r]
    return not bounds or max(bounds) > 1.5 * min(bounds)


def figures(results):
    """Those that are compared from one run to the next: of four processes."""
    out = {}
    rounds = of_shape(results.get("backlog"), "4")
    if rounds:
        measured = warm(rounds)
        out["sagas_per_s"] = median_of(measured, "sagas_per_s")
        out["sagas_per_s_first"] = rounds[0]["sagas_per_s"]
        if not has_moved(rounds):
            out["share_of_limit"] = median_of(measured, "share_of_limit")
        for name in ("kafka_per_s", "postgres_per_s", "limit_per_s", "wal_bytes_per_saga",
                     "statements_per_saga", "rows_per_saga", "commits_per_saga",
                     "messages_per_saga", "kafka_bytes_per_saga"):
            out[name] = median_of(measured, name)
        out["cpu_s_per_1000"] = {part: statistics.median(r["cpu_s_per_1000"][part]
                                                         for r in measured) for part, _ in PARTS}
        out["resident_mib"] = max(r["resident_mib"]["sum"] for r in rounds)
    rates = of_shape(results.get("steady"), "4")
    if rates:
        out["latency_ms"] = {str(r["rate"]): r["decided_ms"] for r in rates}
        out["closed_ms"] = {str(r["rate"]): r["closed_ms"] for r in rates}
        out["hop_ms"] = {str(r["rate"]): r["hop_ms"] for r in rates}
    out["audit"] = results.get("audit")
    out["parts"] = results
    return out


MEASURED = ("backlog", "steady", "effects", "growth")


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
    return lambda out: next(r["unfinished"] for r in of_shape(out["parts"]["steady"], "4")
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
    ("steady", "Placed to decision read at 50/s, median", latency("50", "p50"), "{:.1f} ms", NONE,
     None),
    ("steady", "Placed to decision read at 200/s, median", latency("200", "p50"), "{:.1f} ms", NONE,
     None),
    ("steady", "The same in hops", in_hops("200", "p50"), "{:.1f} hops", AT_MOST, 5),
    ("steady", "Placed to decision read at 200/s, 99th percentile", in_hops("200", "p99"),
     "{:.1f} hops", AT_MOST, 20),
    ("steady", "Placed to decision read at 1,000/s, median", in_hops("1000", "p50"), "{:.1f} hops",
     AT_MOST, 15),
    ("steady", "Placed to decision read at 1,000/s, 99th percentile", in_hops("1000", "p99"),
     "{:.1f} hops", AT_MOST, 60),
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


SHAPE_NAMES = {"4": "four processes", "1": "one process",
               "1x4": "one process, four databases"}


def shape_name(row):
    return SHAPE_NAMES[row.get("shape", "4")]


def rate_of(rate, part, percentile=None):
    """Of each shape: a value at a rate; None where it was not measured or the rate not held."""

    def value(parts, shape):
        for r in of_shape(parts.get("steady"), shape):
            if r["rate"] == rate and r.get("held"):
                return r[part][percentile] if percentile else cost_of(r) if part == "cpu" else r[
                    part]
        return None

    return value


def cost_of(row):
    return sum(row["cpu_s_per_1000"][part] for part, _ in PARTS)


def cost_of_rounds(rounds):
    return sum(statistics.median(r["cpu_s_per_1000"][part] for r in rounds) for part, _ in PARTS)


def backlog_rate(parts, shape):
    rounds = of_shape(parts.get("backlog"), shape)
    return median_of(warm(rounds), "sagas_per_s") if rounds else None


def backlog_memory(parts, shape):
    rounds = of_shape(parts.get("backlog"), shape)
    return max(r["resident_mib"]["sum"] for r in rounds) if rounds else None


COMMITTED, READ, NO_CLOCK = "decision committed", "decision read", ""

# What one process must reach beside four of the same run: as a share of theirs, or by itself.
COMPARED = (
    # part,    figure, clock, value of a shape, written, a share, direction, what must be reached
    ("steady", "Commits a saga at 50/s", NO_CLOCK, rate_of(50, "commits_per_saga"), "{:.1f}", False,
     AT_MOST, 4),
    *(("steady", f"CPU-s per 1,000 sagas at {rate}/s", NO_CLOCK, rate_of(rate, "cpu"), "{:.2f}",
       True, AT_MOST, 0.6) for rate in (50, 200)),
    *(("steady", f"Placed to decided at {rate:,}/s, {percentile}", COMMITTED,
       rate_of(rate, "committed_ms", percentile), "{:.1f} ms", True, AT_MOST, 0.5)
      for rate in (50, 200, 1000) for percentile in ("p50", "p99")),
    *(("steady", f"Placed to decided at {rate:,}/s, {percentile}", READ,
       rate_of(rate, "decided_ms", percentile), "{:.1f} ms", True, NONE, None)
      for rate in (50, 200, 1000) for percentile in ("p50", "p99")),
    ("backlog", "Sagas a second of a warm backlog", NO_CLOCK, backlog_rate, "{:,.0f}", True,
     AT_LEAST, 1.3),
    ("backlog", "Peak resident memory of the services", NO_CLOCK, backlog_memory, "{:.0f} MiB",
     False, AT_MOST, 60),
)


def shapes_table(out):
    """One process beside four, of the same run."""
    rows = []
    for part, figure, clock, value, written, is_share, direction, must in COMPARED:
        four, one = (value(out["parts"], shape) for shape in ("4", "1"))
        if not any(of_shape(out["parts"].get(part), "1")):
            continue
        ratio = one / four if one is not None and four else None
        found = ratio if is_share else one
        wanted = met = ""
        if direction != NONE:
            wanted = ("at least " if direction == AT_LEAST else "at most ") + (
                f"{must:.0%}" if is_share else written.format(must))
            met = "not measured" if found is None else "yes" if (
                found - must) * direction >= 0 else "**no**"
        rows.append([figure, clock,
                     *("rate not held" if v is None else written.format(v) for v in (four, one)),
                     "" if ratio is None else f"{ratio:.0%}", wanted, met,
                     run_of(out, part)["at"][:10]])
    return table(["figure", "clock", "four processes", "one process", "of it", "must", "met",
                  "date"], rows)


def cpu_columns(cpu):
    return [f"{cpu[part]:.3f}" for part, _ in PARTS] + [
        f"{cpu['provider']:.3f}" if "provider" in cpu else ""]


CPU_TITLES = ["CPU-s per 1,000: services", "broker", "PostgreSQL", "provider"]


def numbered(rows):
    """With the number of each among those of its shape."""
    counts = {}
    for r in rows:
        shape = r.get("shape", "4")
        counts[shape] = counts.get(shape, 0) + 1
        yield counts[shape], r


def backlog_tables(out):
    rows, rounds = [], out["parts"]["backlog"]
    moved = has_moved(rounds)
    for i, r in numbered(rounds):
        rates = [f"{r[name]:,.0f}" if name in r else ""
                 for name in ("sagas_per_s", "kafka_per_s", "postgres_per_s", "limit_per_s")]
        rows.append([str(i), shape_name(r), *rates,
                     "" if moved or "share_of_limit" not in r else f"{r['share_of_limit']:.0%}",
                     *cpu_columns(r["cpu_s_per_1000"]), f"{r['resident_mib']['sum']:.0f}"])
    lines = table(["round", "services in", "sagas/s", "Kafka bound", "PostgreSQL bound",
                   "combined bound", "share of it", *CPU_TITLES, "resident MiB"], rows)
    if moved and any("limit_per_s" in r for r in rounds):
        lines += ["", "No share is shown: the bound moved by more than half within the run."]
    for shape, name in SHAPE_NAMES.items():
        of = of_shape(rounds, shape)
        if of:
            share = "" if moved or "share_of_limit" not in of[0] else (
                f", {median_of(warm(of), 'share_of_limit'):.0%} of the combined bound")
            lines += ["", f"{name.capitalize()}, median of the warm rounds: "
                      f"{median_of(warm(of), 'sagas_per_s'):,.0f} sagas/s{share}; "
                      f"{cost_of_rounds(warm(of)):.3f} CPU-s per 1,000 sagas in "
                      "all. The first round, while the JVM is cold: "
                      f"{of[0]['sagas_per_s']:,.0f}/s."]
    a_saga = [[name, *(written.format(median_of(warm(of), key) / unit)
                       for key, written, unit in A_SAGA)]
              for shape, name in SHAPE_NAMES.items() if (of := of_shape(rounds, shape))]
    return [*lines, "", *table(["of one saga in", "messages", "in Kafka's log", "rows written",
                                "WAL", "statements", "commits"], a_saga)]


A_SAGA = (("messages_per_saga", "{:.1f}", 1), ("kafka_bytes_per_saga", "{:.1f} KiB", 1024),
          ("rows_per_saga", "{:.1f}", 1), ("wal_bytes_per_saga", "{:.1f} KiB", 1024),
          ("statements_per_saga", "{:.2f}", 1), ("commits_per_saga", "{:.3f}", 1))


def steady_tables(out):
    rows = []
    for r in out["parts"]["steady"]:
        decided, closed, hop = r["decided_ms"], r["closed_ms"], r["hop_ms"]["p50"]
        committed = r.get("committed_ms", {})
        rows.append([f"{r['rate']:,}", shape_name(r),
                     {True: "yes", False: "**no**", None: ""}[r.get("held")],
                     *(f"{committed[p]:.1f}" if p in committed else "" for p in ("p50", "p99")),
                     *(f"{decided[p]:.1f}" for p in ("p50", "p99")),
                     f"{closed['p50']:.1f}", f"{closed['p99']:.1f}", f"{hop:.2f}",
                     f"{decided['p50'] / hop:.1f}", f"{decided['p99'] / hop:.1f}",
                     f"{r['commits_per_saga']:.2f}" if "commits_per_saga" in r else "",
                     f"{cost_of(r):.2f}",
                     f"{r['cpu_s_per_1000']['provider']:.2f}"
                     if "provider" in r["cpu_s_per_1000"] else ""])
    return table(["orders/s", "services in", "held", "decision committed: p50 ms", "p99",
                  "decision read: p50 ms", "p99", "closed: p50 ms", "p99", "one hop ms",
                  "read in hops: p50", "p99", "commits a saga", "CPU-s per 1,000", "provider's"],
                 rows)


# What holds beside a slow provider, by shape.
BESIDE = (
    # figure, value, written, direction, must
    ("Charges a second, 64 calls of 300 ms in flight", lambda r: r["charges_per_s"], "{:.0f}",
     AT_LEAST, 200),
    ("Others decided, p99, without a call that hangs", lambda r: r["without"]["others_ms"]["p99"],
     "{:.1f} ms", NONE, None),
    ("Others decided, p99, 1% of calls hang for 30 s", lambda r: r["hanging"]["others_ms"]["p99"],
     "{:.1f} ms", NONE, None),
    ("The same, of that without",
     lambda r: r["hanging"]["others_ms"]["p99"] / r["without"]["others_ms"]["p99"], "{:.2f} times",
     AT_MOST, 2),
    ("Cancellations answered meanwhile, p99", lambda r: r["hanging"]["cancel_ms"]["p99"],
     "{:.1f} ms", AT_MOST, 50),
    ("Orders and cancellations without an answer", lambda r: r["hanging"]["unanswered"], "{}",
     AT_MOST, 0),
)


def effects_tables(out):
    rows = []
    for figure, value, written, direction, must in BESIDE:
        for r in out["parts"]["effects"]:
            found = value(r)
            wanted = "" if direction == NONE else (
                "at least " if direction == AT_LEAST else "at most ") + written.format(must)
            met = "" if direction == NONE else (
                "yes" if (found - must) * direction >= 0 else "**no**")
            rows.append([figure, shape_name(r), written.format(found), wanted, met])
    return table(["figure", "services in", "measured", "must", "met"], rows)


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


TABLES = {"backlog": backlog_tables, "steady": steady_tables, "effects": effects_tables,
          "growth": growth_tables}


def sections(out):
    """What stands between the marks of the page, under their names."""
    found = {"summary": [f"Measured {measured_on(out)}.", "", *summary_table(out)]}
    if any(of_shape(out["parts"].get(part), "1") for part in ("backlog", "steady")):
        found["shapes"] = shapes_table(out)
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
