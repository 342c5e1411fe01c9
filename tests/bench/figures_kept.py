#!/usr/bin/python3
"""A benchmark of some parts leaves the figures of the others on the page, with the date of their
run.

usage: figures_kept.py BUILD
"""
import copy
import json
import os
import sys

from figures import (END, MARK, MEASURED, PAGE, RESULTS, ROOT, TARGETS, machine, merged, page_with,
                     places, processor_class, sections)


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def rows_of(lines):
    return [line for line in lines if line.startswith("|")]


def prose_of(page):
    """What stands outside the marks."""
    return [part.partition(END)[2] or part for part in page.split(MARK.partition("{}")[0])]


def one_part_again(whole, page, part):
    """As if the part had been measured again, a little slower, on another day."""
    later = {"at": "2099-01-02T03:04:05Z",
             "machine": dict(whole["machine"], processor="a later one")}
    measured = copy.deepcopy(whole["parts"][part])
    out = merged({**later, "of": {part: later}, "parts": {part: measured, "audit": None}}, whole)
    written = page_with(page, out)
    check(prose_of(written) == prose_of(page), f"a benchmark of {part} leaves the prose")
    before = sections(whole)
    for other in (name for name in MEASURED if name in before):
        for row in rows_of(before[other]):
            check(row in written, f"after a benchmark of {part} alone the page has lost: {row}")
    others = sum(bool(whole["parts"].get(other)) for other in MEASURED if other != part)
    check(others > 0 and written.count("Not measured again: ") == others,
          f"after a benchmark of {part} the other parts have the date of their run")
    check("\nMeasured 2099-01-02, " in written, "the summary has the date of the run")
    dates = {run["at"][:10] for run in out["of"].values()}
    for row in rows_of(sections(out)["summary"])[2:]:
        date = row.split("|")[-2].strip()
        check(date in dates, f"the summary has the date of: {row}")
    check("| 2099-01-02 |" in written or all(part != target[0] for target in TARGETS),
          "the summary has figures of the new run")
    again = merged({**later, "at": "2100-01-01T00:00:00Z", "of": {}, "parts": {}}, out)
    check(again["of"][part]["at"] == later["at"], "what was kept once is kept with its own date")


def nothing_published_untold(build):
    """Only --publish writes to the project's own folders."""
    for folder in places(build, False):
        check(os.path.realpath(folder).startswith(os.path.realpath(build) + os.sep),
              f"a benchmark that is not published writes to {folder}")
    check(places(build, True) == (RESULTS, os.path.join(ROOT, "docs")), "--publish writes to docs")


def no_machine_is_named():
    """Of the machine results have no more than that of any other of its class."""
    check(processor_class("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz") == "Intel Xeon",
          "of a processor its class is told")
    for name in os.listdir(RESULTS):
        with open(os.path.join(RESULTS, name)) as file:
            result = json.load(file)
        for run in (result, *result.get("of", {}).values()):
            found = run["machine"]
            check(found.keys() == machine().keys(), f"{name} tells of a machine {list(found)}")
            check(found["processor"] == processor_class(found["processor"]),
                  f"{name} tells of a processor more than its class: {found['processor']}")


def main():
    with open(os.path.join(RESULTS, "latest.json")) as file:
        before = json.load(file)
    with open(PAGE) as file:
        page = file.read()
    whole = merged({
        "at": before["at"],
        "machine": before["machine"],
        "of": {},
        "parts": {}
    }, before)
    check(len(rows_of(sum(sections(whole).values(), []))) > 40, "there are figures to keep")
    check(page_with(page, whole) == page, "docs/performance.md has the figures of latest.json")
    for part in (name for name in MEASURED if whole["parts"].get(name)):
        one_part_again(whole, page, part)
    nothing_published_untold(sys.argv[1])
    no_machine_is_named()
    print("figures-kept: a benchmark of one part leaves the figures of the others, with their date")


main()
