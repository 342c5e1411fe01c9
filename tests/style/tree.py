"""The files of the project, but for what others wrote and for migrations, which never change."""
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
OTHERS = ('.git', 'build', 'events/yyjson', 'tests/container/schema', 'tests/contract/asyncapi')


def ours(*skipped):
    """Each with its path from ROOT; nothing of the folders that are to be skipped."""
    for folder, folders, names in os.walk(ROOT):
        at = pathlib.Path(folder).relative_to(ROOT)
        folders[:] = sorted(f for f in folders
                            if f != 'node_modules' and str(at / f) not in OTHERS + skipped)
        if at.name == 'sql' and at.parts[0] == 'services':
            continue
        for name in sorted(names):
            yield ROOT / at / name, str(at / name)
