"""./lab test: formatting, lint, and tests on real parts."""

import os
import subprocess
import sys
from pathlib import Path

from classroom.local.cluster import ROOT

NEEDED = ROOT / "tests" / "requirements.txt"
INSTALLED = Path(sys.prefix) / "installed-tests.txt"


def run(everything, arguments):
    """Run the checks; returns the exit code of what failed. Arguments go to pytest alone."""
    if not INSTALLED.exists() or INSTALLED.read_text() != NEEDED.read_text():
        print("Installing what the tests need (once) ...", flush=True)
        if code := python("pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(NEEDED)):
            print("pip could not install tests/requirements.txt: is the network there?", file=sys.stderr)
            return code
        INSTALLED.write_text(NEEDED.read_text())
    findings = 0
    if not arguments:
        for check in (("format", "--check", "--quiet"), ("check", "--quiet")):
            if code := python("ruff", *check, str(ROOT)):
                print(f"ruff {check[0]} found something. To mend it: .venv/bin/ruff format . (or check --fix .)")
                findings = code
    choice = [] if everything else ["-m", "not slow"]
    at_once = "3" if everything else "4"  # each slow test has a cluster: a fourth beside them makes the others late
    how = ["-n", at_once, "--dist", "worksteal", "-q", "-rs"]
    return python("pytest", *how, "--timeout", "180", *choice, *arguments) or findings


def python(*command):
    """Run one of Python's tools in the project's folder; returns its exit code."""
    return subprocess.call([sys.executable, "-m", *command], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
