#!/usr/bin/python3
"""Applies the mutants of mutants.txt one at a time and sees that each is caught by the test it
names.

A test that cannot fail proves nothing. Each mutant is one change that makes the software wrong; it
is built in a copy of the tree, and the test named beside it must fail there, by name. First the
tests are run without any change: all must pass.

usage: run.py FOLDER [WORD...]     FOLDER for the copies; only mutants whose name or test holds one
                                   of the WORDs
       run.py --fit                sees only that each fits the code
JOBS in the environment: how many at once (default 2).

Exit code: 0 all caught, 1 one survived, 2 usage or a mutant that does not fit the code any more.
"""
import concurrent.futures
import os
import pathlib
import queue
import re
import shlex
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FIELDS = ('file', 'old', 'new', 'by')


class Mutant:
    def __init__(self, name):
        self.name = name
        self.fields = {}

    def applied(self, tree):
        """The text of the file before and after; raises when what should be changed is not there,
        or not once."""
        text = (tree / self.fields['file']).read_text()
        old, new = self.fields['old'].strip(), self.fields['new'].strip()
        (whole, places), (part, _) = bare(text), bare(old)
        if whole.count(part) != 1:
            raise ValueError(
                f'{self.name}: what it changes stands {whole.count(part)} times in '
                f'{self.fields["file"]}, not once'
            )
        first = whole.index(part)
        before, after = text[:places[first]], text[places[first + len(part) - 1] + 1:]
        if old.startswith('"'):  # where the literal begins earlier in the text, it ends here
            opened = before.rstrip()
            before = opened[:-1] if opened.endswith('"') else before + '"'
        if old.endswith('"'):
            after = after[1:] if after.startswith('"') else '"' + after
        return text, before + new + after


def bare(text):
    """The text but for what laying it out anew may change, white space, quotes and comments; and
    where each character stood."""
    parts = re.finditer(r'''"(?:\\.|[^"\\])*"|'\\?.'|/\*.*?\*/|.''', text, re.DOTALL)
    places = [place for part in parts if not part.group().startswith('/*')
              for place in range(part.start(), part.end())
              if not text[place].isspace() and text[place] != '"'
              and text[place:place + 2] != '\\\n']
    return ''.join(text[place] for place in places), places


def read(path):
    mutants, field = [], None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        name, _, value = line.partition(' ')
        if line.startswith('=='):
            mutants.append(Mutant(line[3:]))
        elif line.startswith('\\') and field:
            mutants[-1].fields[field] += '\n' + line[1:]
        elif name in FIELDS and mutants:
            field = name
            mutants[-1].fields[name] = value
        elif line and not line.startswith('#'):
            raise ValueError(f'{path.name}:{number}: "{line}" is no field: {", ".join(FIELDS)} are')
    for mutant in mutants:
        if set(mutant.fields) != set(FIELDS):
            raise ValueError(
                f'{path.name}: {mutant.name}: it lacks '
                f'{", ".join(set(FIELDS) - set(mutant.fields))}'
            )
        if mutant.fields['by'] in ('unit', 'integration'):
            raise ValueError(
                f'{path.name}: {mutant.name}: by "{mutant.fields["by"]}": the name of a test is '
                'expected behind it'
            )
    return mutants


def run(tree, *command, **environment):
    done = subprocess.run(
        command, cwd=tree, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, encoding='utf-8', errors='replace', env={
            'KAFKA_JARS': str(ROOT / 'build/apache/jars'),
            **os.environ,
            **environment
        })
    return done.returncode, done.stdout


def build(tree, test):
    kind = test.split()[0]
    targets = {
        'unit': ['build/tests/unit'],
        'explorer': ['build/tests/explorer'],
        'explorer-instances': ['build/tests/explorer-instances'],
        'integration': ['all', 'build/tests/integration']
    }[kind]
    code, output = run(tree, 'make', '-s', 'CFLAGS=-O1 -g -Wno-error -w', *targets)
    if code != 0:
        raise ValueError(f'does not build:\n{output[-2000:]}')


def try_test(tree, test, patience):
    """What failed, in words; '' when the test passed."""
    kind, *words = shlex.split(test)
    if kind in ('explorer', 'explorer-instances'):
        code, output = run(tree, f'build/tests/{kind}', *words)
        found = re.search('VIOLATION: (.*)', output)
        if code != 0 and not found:
            raise ValueError(f'something else than a violation went wrong: {output[-600:]}')
        return found.group(1) if found else ''
    command = ['build/tests/unit'] if kind == 'unit' else ['build/tests/integration', *words]
    code, output = run(tree, *command, PATIENCE=patience)
    name = words[-1]  # of the test, or of its case, where what it stands on failed already
    failed = re.findall(rf'^(.*?:\d+:[FES]:(?:[^:]*:{name}|{name}:[^:]*):\d+: .*)$', output,
                        re.MULTILINE)
    if code != 0 and not failed:
        raise ValueError(f'something else than {name} went wrong: {output[-600:]}')
    return failed[0] if failed else ''


def copy_tree(target):
    """All files that git tracks, or would; what a build left there stays."""
    listed = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard'], cwd=ROOT, check=True,
                            stdout=subprocess.PIPE, encoding='utf-8').stdout
    for name in listed.splitlines():
        source, to = ROOT / name, target / name
        if source.is_file() and (not to.exists() or to.read_bytes() != source.read_bytes()):
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, to)


def patience(test):
    """Seconds that a condition is waited for: long enough for what works, and what does not work
    should not take long."""
    return '40' if test.split()[1:2] in (['scale'], ['outages'], ['brokers']) else '12'


def catch(mutant, trees):
    tree = trees.get()
    start = time.monotonic()
    path = tree / mutant.fields['file']
    before = None
    try:
        before, after = mutant.applied(tree)
        path.write_text(after)
        build(tree, mutant.fields['by'])
        return mutant, try_test(tree, mutant.fields['by'],
                                patience(mutant.fields['by'])), time.monotonic() - start
    except ValueError as error:
        return mutant, error, time.monotonic() - start
    finally:
        if before is not None:
            path.write_text(before)
        trees.put(tree)


def fit():
    mutants = read(HERE / 'mutants.txt')
    wrong = 0
    for mutant in mutants:
        try:
            mutant.applied(ROOT)
        except (ValueError, OSError) as error:
            print(f'mutants: {error}')
            wrong += 1
    print(f'mutants: {len(mutants) - wrong} of {len(mutants)} fit the code')
    return 2 if wrong else 0


def main():
    if sys.argv[1:] == ['--fit']:
        return fit()
    if len(sys.argv) < 2 or sys.argv[1] in ('-h', '--help'):
        print(__doc__)
        return 0 if len(sys.argv) > 1 else 2
    folder, words = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    mutants = [
        m for m in read(HERE / 'mutants.txt')
        if not words or any(word in m.name or word in m.fields['by'] for word in words)
    ]
    jobs = int(os.environ.get('JOBS', 2))
    trees = queue.Queue()
    for i in range(jobs):
        copy_tree(folder / str(i))
        trees.put(folder / str(i))
    tests = sorted({mutant.fields['by'] for mutant in mutants})
    wrong = survived = 0

    def passes(test):
        tree = trees.get()
        try:
            build(tree, test)
            return test, try_test(tree, test, '150')  # what works may be slow now and then
        finally:
            trees.put(tree)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for test, failed in pool.map(passes, tests):
            if failed:
                print(f'mutants: without any change, {test} fails: {failed}')
                return 2
        print(
            f'mutants: {len(tests)} tests pass without a change; now {len(mutants)} changes, one '
            'at a time',
            flush=True)
        for number, done in enumerate(
                concurrent.futures.as_completed([pool.submit(catch, m, trees) for m in mutants]),
                1):
            mutant, found, seconds = done.result()
            if isinstance(found, ValueError):
                wrong += 1
                print(f'{number:3}  WRONG     {mutant.name}: {found}', flush=True)
            elif found:
                print(
                    f'{number:3}  caught    {mutant.name}  <- {mutant.fields["by"]}: {found[:100]} '
                    f' ({seconds:.0f} s)',
                    flush=True)
            else:
                survived += 1
                print(f'{number:3}  SURVIVED  {mutant.name}: {mutant.fields["by"]} passes',
                      flush=True)
    print(
        f'mutants: {len(mutants) - survived - wrong} caught, {survived} survived, {wrong} do not '
        'fit'
    )
    return 2 if wrong else 1 if survived else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except ValueError as error:
        print(f'mutants: {error}')
        sys.exit(2)
