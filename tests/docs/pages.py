#!/usr/bin/python3
"""Runs the commands of pages of the documentation against a live stack, and compares what they
print with what the page says.

usage: pages.py BUILD PAGE[@BROKER]...   exit code 1 when a page is not true; BROKER is kafka or
                                         embedded, by default kafka
       pages.py --update BUILD PAGE...   writes what was printed into the pages

In a block of ```console a line that starts with "$ " is a command (and goes on behind a "\\" at its
end), what stands below it is its output: each line must be printed, as often as it stands there,
and nothing else, unless a line "..." says that lines are
left out.  What differs from run to run (times, ids, addresses, offsets, the order of partitions) is
           compared as if it were the
same.  A block behind
<!-- not run --> is left alone; behind <!-- wait --> a command is repeated until its output is as
the page says, for up to a
minute, and --update leaves it as it is.  A block behind <!-- file PATH --> shows that file.
"""
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STACK = os.path.join(ROOT, "tools/stack/stack")
PATIENCE_S = 60
SHOWN_LINES = 14
SHORTENED = "..."

VARIES = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?", "TIME"),
    (r"\b\d\d:\d\d:\d\d(\.\d{3})?", "TIME"),
    (r"\b1\d{12}\b", "TIME"),
    (r"127\.0\.0\.1[:/]?\d*", "ADDRESS"),
    (r"\bpay_\w+|ch_\w+", "ID"),
    (r"\b\d+(\.\d+)? (ms|s|min)\b", "SPAN"),
    (r" \(the slowest\)", ""),
    (r"\b\d+ (events|repeats|messages read)\b", r"N \1"),
    (r"/\d+/\d+\b", "/P/N"),
    (r"\s+", " "),
]


def same(line):
    for pattern, word in VARIES:
        line = re.sub(pattern, word, line)
    return line.strip()


def difference(expected, printed):
    """What is wrong with the first line that is on one side only, or None."""
    left = [same(line) for line in printed]
    for line in expected:
        if line.strip() == SHORTENED:
            continue
        if same(line) not in left:
            return f"is said to print: {line}"
        left.remove(same(line))
    if left and SHORTENED not in (line.strip() for line in expected):
        line = next(line for line in printed if same(line) == left[0])
        return f"prints what the page lacks: {line}"
    return None


class Command:
    def __init__(self, text, waits):
        self.text, self.waits, self.expected = text, waits, []

    def script(self):
        return "\n".join(line[2:] for line in self.text)


def run(command, environment, folder):
    """What it prints, as it should in the end."""
    until = time.monotonic() + PATIENCE_S
    while True:
        script = command.script().replace("build/stack", folder)
        done = subprocess.run(["bash", "-c", script], cwd=ROOT, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        printed = done.stdout.replace(folder, "build/stack").splitlines()
        if not command.waits or difference(command.expected,
                                           printed) is None or time.monotonic() > until:
            return printed


def shorten(printed):
    if len(printed) <= SHOWN_LINES:
        return printed
    return printed[:SHOWN_LINES - 1] + [SHORTENED]


class Page:
    """The lines of a page; commands are found, and their outputs replaced, in place."""

    def __init__(self, path):
        self.path = path
        self.lines = open(path).read().split("\n")

    def blocks(self):
        """(first line, last line, directive) of each fenced block's inside."""
        start = directive = None
        for i, line in enumerate(self.lines):
            if start is None and line.startswith("<!--"):
                directive = line[4:-3].strip()
            elif start is None and line.startswith("```"):
                start, language = i + 1, line[3:]
            elif line.startswith("```"):
                yield start, i, directive, language
                start = directive = None
            elif start is None and line.strip():
                directive = None

    def commands(self, start, end, waits):
        """Each command with the numbers of its lines of output."""
        found, i = [], start
        while i < end:
            if not self.lines[i].startswith("$ "):
                raise SystemExit(f"{self.path}:{i + 1}: output without a command")
            command = Command([self.lines[i]], waits)
            while self.lines[i].endswith("\\"):
                i += 1
                command.text.append("  " + self.lines[i].strip())
            i += 1
            first = i
            while i < end and not self.lines[i].startswith("$ "):
                i += 1
            command.expected = self.lines[first:i]
            found.append((command, first, i))
        return found


def check_page(path, environment, folder, update):
    page, wrong, ran, changes = Page(path), [], 0, []
    for start, end, directive, language in page.blocks():
        if directive and directive.startswith("file "):
            text = open(os.path.join(ROOT, directive[5:])).read().rstrip("\n").split("\n")
            if page.lines[start:end] != text:
                changes.append((start, end, text))
                wrong.append(f"{path}:{start + 1}: is not what {directive[5:]} is")
        elif language == "console" and directive != "not run":
            for command, first, last in page.commands(start, end, directive == "wait"):
                printed = run(command, environment, folder)
                ran += 1
                found = difference(command.expected, printed)
                if found is not None:
                    wrong.append(f"{path}:{first}: {command.text[0]}\n  {found}\n  it prints:\n"
                                 + "\n".join("    " + line for line in printed[:30]))
                if not command.waits:
                    changes.append((first, last, shorten(printed)))
    if update:
        for first, last, lines in reversed(changes):
            page.lines[first:last] = lines
        open(path, "w").write("\n".join(page.lines))
        return ran, []
    return ran, wrong


def processes_of(path):
    """As many as the page's `make up` starts."""
    up = re.search(r"^\$ make up\b.*", open(path).read(), re.MULTILINE).group()
    return (re.search(r"PROCESSES=(\d)", up) or ("", "1"))[1]


def main():
    arguments = sys.argv[1:]
    update = arguments[:1] == ["--update"]
    if update:
        arguments = arguments[1:]
    if len(arguments) < 2:
        print(__doc__)
        sys.exit(2)
    build, pages = os.path.abspath(arguments[0]), arguments[1:]
    failed = False
    for path, broker in ((page.partition("@")[0], page.partition("@")[2] or "kafka")
                         for page in pages):
        folder = os.path.join(build, "tests", "pages")
        shutil.rmtree(folder, ignore_errors=True)
        environment = dict(os.environ, PATH=os.path.join(build, "bin") + ":" + os.environ["PATH"],
                           BIN=os.path.join(build, "bin"), BROKER=broker, PARTITIONS="4",
                           PROCESSES=processes_of(path), NO_COLOR="1", TZ="UTC")
        try:
            subprocess.run([STACK, "up", folder], env=environment, stdout=subprocess.DEVNULL,
                           check=True)
            said = subprocess.run(["bash", "-c", '. "$1/env" && env -0', "bash", folder],
                                  stdout=subprocess.PIPE, text=True, check=True).stdout
            environment.update(
                line.split("=", 1) for line in said.split("\0") if line.startswith("QUADRILLE_"))
            ran, wrong = check_page(path, environment, folder, update)
        finally:
            subprocess.run([STACK, "down", folder], check=False)
        for line in wrong:
            print(line)
        failed = failed or bool(wrong)
        print(
            f"pages: {path} on {broker}: {ran} commands {'written' if update else 'ran'}, "
            f"{len(wrong)} not as the page says"
        )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
