#!/usr/bin/python3
"""Follows the recipes of docs/extending.md, each on a copy of the project: makes the changes, runs
the commands, and compares what they print.

A recipe is a section with blocks of two kinds. In a diff, "+++ FILE" begins a change: the lines
that stay must be there once, however they are broken; lines with - give way to those with +. In a
console block each line that is no command must come, in that order, within a line that the command
before it prints.

usage: run.py BUILD [RECIPE...]     a RECIPE is the end of a heading, as "service"; all unless named
"""
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = "docs/extending.md"
SERVICE_LINES = 300
MARK = "@@ command "
FOREIGN = ("BUILD", "BIN", "BROKERS", "SERVICES", "MAKELEVEL", "MFLAGS") # of who runs this


class Failed(Exception):
    """A recipe does not hold."""


def sections():
    with open(os.path.join(ROOT, PAGE), encoding="utf-8") as file:
        for section in re.split(r"^## ", file.read(), flags=re.M)[1:]:
            title, text = section.split("\n", 1)
            yield title, re.findall(r"^```(diff|console)\n(.*?)^```$", text, flags=re.M | re.S)


def copy(build, folder):
    """The project as it lies here, and what was built: a recipe builds only what it touches."""
    shutil.rmtree(folder, ignore_errors=True)
    listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
                                     text=True)
    for name in listed.splitlines():
        if not os.path.exists(os.path.join(ROOT, name)):
            continue # removed, and not committed yet
        os.makedirs(os.path.join(folder, os.path.dirname(name)), exist_ok=True)
        shutil.copy2(os.path.join(ROOT, name), os.path.join(folder, name))
    if os.path.realpath(build) == os.path.join(ROOT, "build"): # else its names are others
        for part in ("obj", "gen", "bin", "apache"):
            if os.path.isdir(os.path.join(build, part)):
                shutil.copytree(os.path.join(build, part), os.path.join(folder, "build", part),
                                symlinks=True)


def pattern(line):
    """Of a piece of code, whatever blanks and line breaks stand between its words."""
    return r"\s*".join(re.escape(token) for token in re.findall(r"\w+|[^\w\s]", line))


def changes(block):
    """Each change of a diff: its file, and its lines as (sign, text)."""
    for part in re.split(r"^\+\+\+ ", block, flags=re.M)[1:]:
        lines = part.split("\n")[:-1]
        yield lines[0], [(line[:1] or " ", line[1:]) for line in lines[1:]]


def change(folder, name, lines):
    path = os.path.join(folder, name)
    added = [text for sign, text in lines if sign == "+"]
    old = [(sign, text) for sign, text in lines if sign != "+"]
    if not old:
        if os.path.exists(path):
            raise Failed(f"{PAGE} makes {name}, which is there already")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(added) + "\n")
        return
    with open(path, encoding="utf-8") as file:
        text = file.read()
    found = list(re.finditer(r"\s*".join(f"({pattern(line)})" for _, line in old), text))
    if len(found) != 1:
        raise Failed(f"{PAGE}: in {name} this stands {len(found)} times, not once:\n" +
                     "\n".join(line for _, line in old))
    number, edits = 0, []
    place = text.rfind("\n", 0, found[0].start()) + 1 # of lines that are added before all others
    new = []
    for sign, line in lines:
        if sign == "+":
            new.append(line)
            continue
        edits.append((place, place, "".join(line + "\n" for line in new)))
        number, new = number + 1, []
        begin, end = found[0].span(number)
        if sign == "-":
            edits.append((begin, end, None)) # what comes next takes its place
        place = text.find("\n", end) + 1
    edits.append((place, place, "".join(line + "\n" for line in new)))
    write(path, text, edits)


def write(path, text, edits):
    """Puts lines that follow removed ones where those were; what is left of them goes."""
    out, at = [], 0
    for i, (begin, end, insert) in enumerate(edits):
        if insert is None:
            after = edits[i + 1][2] or ""
            edits[i + 1] = (end, end, "")
            out += [text[at:begin], after.rstrip("\n")]
            at = end
        elif begin >= at:
            out += [text[at:begin], insert]
            at = end
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(out) + text[at:])


def run(folder, block):
    commands = []
    for line in block.splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], []))
        elif line:
            commands[-1][1].append(" ".join(line.split()))
    script = "set -e -o pipefail\n" + "".join(f"echo '{MARK}{i}'\n{command}\n"
                                              for i, (command, _) in enumerate(commands))
    environment = {name: value for name, value in os.environ.items()
                   if name not in FOREIGN and not name.startswith("QUADRILLE_")}
    environment.update(PATH=os.path.join(folder, "build/bin") + ":" + environment["PATH"],
                       MAKEFLAGS="-j2 -- CFLAGS=-O0", BROKER="embedded")
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    printed = re.split(f"^{MARK}\\d+\n", done.stdout, flags=re.M)[1:]
    if done.returncode != 0:
        raise Failed(f"$ {commands[len(printed) - 1][0]}\nends with {done.returncode}: "
                     f"{printed[-1][-2000:]}")
    for (command, expected), output in zip(commands, printed):
        lines = iter(" ".join(line.split()) for line in output.splitlines())
        for text in expected:
            if not any(text in line for line in lines):
                raise Failed(f"$ {command}\nlacks \"{text}\":\n{output[-2000:]}")


def service_check(blocks):
    """What a service costs: few lines, and no file of another service."""
    folder = os.path.join(ROOT, "tests/recipes/shipping")
    lines = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(path, name), encoding="utf-8") as file:
                lines += sum(1 for _ in file)
    for block in (block for kind, block in blocks if kind == "diff"):
        for name, changed in changes(block):
            lines += sum(1 for sign, _ in changed if sign == "+")
            if name.startswith("services/") and not name.startswith("services/catalog."):
                raise Failed(f"{name} is touched: a service is added without a file of another")
    if lines >= SERVICE_LINES:
        raise Failed(f"a service takes {lines} lines: fewer than {SERVICE_LINES} are expected")


def follow(build, title, blocks):
    folder = os.path.join(build, "recipes", re.sub(r"\W+", "-", title.lower()))
    begun = time.monotonic()
    if title == "A service":
        service_check(blocks)
    copy(build, folder)
    try:
        for kind, block in blocks:
            if kind == "diff":
                for name, lines in changes(block):
                    change(folder, name, lines)
            else:
                run(folder, block)
    finally:
        subprocess.run(["tools/stack/stack", "down", "build/stack"], cwd=folder, check=False)
    print(f"recipes: {title.lower()}: as {PAGE} says ({time.monotonic() - begun:.0f} s)",
          flush=True)
    shutil.rmtree(folder)


def main():
    build = os.path.abspath(sys.argv[1])
    recipes = [(title, blocks) for title, blocks in sections() if blocks]
    wanted = [word.lower() for word in sys.argv[2:]]
    titles = [title.lower() for title, _ in recipes]
    unknown = [word for word in wanted if not any(title.endswith(word) for title in titles)]
    if unknown:
        raise SystemExit(f"recipes: \"{unknown[0]}\" is no recipe of {PAGE}: "
                         f"one of {', '.join(titles)} is expected")
    failed = 0
    for title, blocks in recipes:
        if wanted and not any(title.lower().endswith(word) for word in wanted):
            continue
        try:
            follow(build, title, blocks)
        except Failed as failure:
            print(f"recipes: {title.lower()}: {failure}", flush=True)
            failed += 1
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
