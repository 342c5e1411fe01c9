#!/usr/bin/python3
"""Pictures of the documentation can be read: no legend lies over a bar, all follow a dark page,
none leaves out who consumes what.

usage: pictures.py BUILD [PICTURE...]   by default those of docs/
"""
import glob
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SVG = "{http://www.w3.org/2000/svg}"
EM = 100  # of a glyph, in the units of matplotlib's text


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


def box(points):
    """(left, top, right, bottom)"""
    xs, ys = zip(*points)
    return min(xs), min(ys), max(xs), max(ys)


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def path_points(path):
    values = numbers(path.get("d"))
    return list(zip(values[::2], values[1::2]))


def text_points(text):
    """Two corners of a line of text: glyphs stand in a group that moves and scales them."""
    x, y, scale = numbers(text.get("transform"))[:3]
    last = max(numbers(glyph.get("transform") or "0")[0] for glyph in text.iter(SVG + "use"))
    return [(x, y), (x + scale * (last + EM / 2), y - scale * EM)]


def legends(root):
    for group in root.iter(SVG + "g"):
        if group.get("id", "").startswith("legend"):
            points = []
            for part in group.iter(SVG + "g"):
                points += [p for path in part.findall(SVG + "path") for p in path_points(path)]
                points += text_points(part) if "scale" in part.get("transform", "") else []
            yield box(points)


def bars(root):
    """What is filled and cut off at the axes."""
    return [
        box(path_points(path))
        for path in root.iter(SVG + "path")
        if path.get("clip-path") and not path.get("style").startswith("fill: none")
    ]


def consumers(root):
    """(event, service) of each arrow that leaves the topic of orders."""
    titles = [title.text for title in root.iter(SVG + "title") if title.text.startswith("order.")]
    return {(event, title.partition(": ")[2])
            for title in titles
            for event in title.partition(": ")[0].split(", ")}


def wrong_with(path, build):
    with open(path) as file:
        text = file.read()
    root = xml.etree.ElementTree.fromstring(text)
    wrong = []
    if "@media (prefers-color-scheme: dark)" not in text:
        wrong.append("does not follow a dark page")
    if os.path.basename(path) == "performance-cost.svg" and not (list(legends(root))
                                                                 and bars(root)):
        wrong.append("has no legend or no bars to be found")
    for legend in legends(root):
        for bar in bars(root):
            if overlap(legend, bar):
                wrong.append(f"its legend, at {legend}, lies over the bar at {bar}")
                break
    if os.path.basename(path) == "choreography.svg":
        rows = subprocess.run([os.path.join(build, "bin/sagactl"), "choreography", "--json"],
                              stdout=subprocess.PIPE, text=True, check=True).stdout
        told = {(row["message"], row["consumed_by"])
                for row in map(json.loads, rows.splitlines())
                if row.get("emitted_by") == "order" and row["consumed_by"]}
        if consumers(root) != told:
            wrong.append(f"shows other arrows than there are: {sorted(consumers(root) ^ told)}")
    return wrong


def main():
    if len(sys.argv) < 2:
        print(__doc__)
        sys.exit(2)
    pictures = sys.argv[2:] or sorted(glob.glob(os.path.join(ROOT, "docs/*.svg")))
    found = [
        f"pictures: {path} {what}" for path in pictures for what in wrong_with(path, sys.argv[1])
    ]
    for line in found:
        print(line)
    print(f"pictures: {len(pictures)} looked at, {len(found)} faults")
    sys.exit(1 if found else 0)


main()
