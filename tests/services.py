"""The services, as the catalog has them: what `sagactl services --json` prints."""

import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def catalog(bin_folder):
    """A dict for each: its name is ["service"], the topic of its events ["emits_to"]."""
    printed = subprocess.check_output([os.path.join(bin_folder, "sagactl"), "services", "--json"], text=True)
    return [json.loads(line) for line in printed.splitlines()]


def catalog_of_build():
    """Of the build folder that is the first argument of a script, where it has one."""
    build = sys.argv[1] if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]) else os.path.join(ROOT, "build")
    return catalog(os.path.join(build, "bin"))
