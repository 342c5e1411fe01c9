"""The services, as the catalog has them: what `sagactl services --json` prints."""

import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def catalog(bin_folder):
    """A dict for each: its name is ["service"], the topic of its events ["emits_to"]."""
    command = [os.path.join(bin_folder, "sagactl"), "services", "--json"]
    printed = subprocess.check_output(command, text=True)
    return [json.loads(line) for line in printed.splitlines()]


def catalog_of_build():
    """Of the build folder that is the first argument of a script, where it has one."""
    given = len(sys.argv) > 1 and os.path.isdir(sys.argv[1])
    build = sys.argv[1] if given else os.path.join(ROOT, "build")
    return catalog(os.path.join(build, "bin"))
