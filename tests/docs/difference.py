#!/usr/bin/python3
"""A page and what its command prints are compared both ways."""
from pages import difference

#        what the page shows       what is printed           what is found
CASES = [(["a", "b"],              ["b", "a"],               None),
         (["at 10:20:30.456"],     ["at 11:22:33.444"],      None),
         ([],                      [],                       None),
         (["a", "b"],              ["a"],                    "is said to print: b"),
         (["a", "a"],              ["a"],                    "is said to print: a"),
         (["a"],                   ["a", "b"],               "prints what the page lacks: b"),
         (["a"],                   ["a", "a"],               "prints what the page lacks: a"),
         ([],                      ["a"],                    "prints what the page lacks: a"),
         (["a", "..."],            ["a", "b", "c"],          None),
         (["a", "..."],            ["b", "c"],               "is said to print: a")]

for expected, printed, found in CASES:
    told = difference(expected, printed)
    if told != found:
        raise SystemExit(
            f"difference: page {expected}, printed {printed}: {told!r} is found, not {found!r}")
print(f"difference: {len(CASES)} pages and outputs compared as they should be")
