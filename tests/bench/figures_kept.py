#!/usr/bin/python3
"""A benchmark of some parts leaves the figures of the others on the page, with the day that they are of.

usage: figures_kept.py BUILD
"""
import copy
import json
import os
import shutil
import sys

from figures import merged, page_update, table

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def page_of(build, out):
    page = os.path.join(build, "tests", "performance.md")
    os.makedirs(os.path.dirname(page), exist_ok=True)
    shutil.copy(os.path.join(ROOT, "docs/performance.md"), page)
    page_update(page, out)
    with open(page) as file:
        return file.read()


def main():
    with open(os.path.join(ROOT, "tests/bench/results/latest.json")) as file:
        before = json.load(file)
    whole = merged({"at": before["at"], "machine": before["machine"], "of": {}, "parts": {}}, before)
    rows = [line for line in table(whole).splitlines() if line.startswith("|")]
    check(len(rows) > 15, "there are figures to keep")
    for part in ("backlog", "steady", "growth"):
        later = {"at": "2099-01-02T03:04:05Z", "machine": dict(before["machine"], processor="a later one")}
        parts = {part: copy.deepcopy(before["parts"][part]), "audit": None}
        out = merged({**later, "of": {part: later}, "parts": parts}, whole)
        page = page_of(sys.argv[1], out)
        for row in rows:
            check(row in page, f"after a benchmark of {part} alone the page has lost: {row}")
        check(page.count(f"Not measured again; {before['at'][:10]}") == 2, f"after a benchmark of {part} the two other parts say of when they are")
        check("\n2099-01-02, " in page, "the head is that of the run")
        again = merged({**later, "at": "2100-01-01T00:00:00Z", "of": {}, "parts": {}}, out)
        check(again["of"][part]["at"] == later["at"], "what was kept once is kept with its own day")
    print("figures-kept: a benchmark of one part leaves the figures of the others, with their day")


main()
