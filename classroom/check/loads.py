"""The check that comes before those of every exercise: whether its file can be loaded at all."""

import json
import subprocess
import sys
import time
from contextlib import suppress

import psutil

from classroom.check.verdict import Failed
from classroom.local.cluster import ROOT
from classroom.words import _

WORK, PATIENCE = 8, 40  # seconds that loading may compute, and take


def test_loads(looked, program):
    """your file can be loaded, and has what is asked for"""
    found, asked_tasks, asked_routes = looked
    if found["broken"]:
        place, line, what = split(program.own_words(found["broken"]))
        raise Failed(_("a file that Python can load"), what, because=f"{place}, {line}")
    for name in asked_tasks:
        if name not in found["tasks"]:
            raise Failed(
                _("a task named {name!r}", name=name),
                _("tasks here: {names}", names=", ".join(map(repr, found["tasks"])) or _("none")),
                because=_("exercise.py has no task named {name!r}", name=name),
                try_=_("did you spell it otherwise, or forget @shared_task(name={name!r})?", name=name),
            )
    for name in asked_routes:
        if name not in found["routes"]:
            raise Failed(
                _("an endpoint {name}", name=name),
                _("endpoints here: {names}", names=", ".join(found["routes"]) or _("none")),
                because=_("exercise.py has no endpoint {name}", name=name),
                try_=_("look at the line with @bp above the function: its method and its path"),
            )


def look(program, result):
    """What is in the exercise's file, loaded in a process of its own; raises Failed where that does not end well."""
    command = [*program.limited, sys.executable, "-m", "classroom.check.look", str(program.exercises), str(result)]
    said = result.with_suffix(".log")
    with open(said, "wb") as log:
        quiet = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        process = psutil.Popen(command, env=program.cluster.env, cwd=ROOT, **quiet)
    wait(process)
    try:
        return json.loads(result.read_text())
    except (OSError, ValueError):
        last = said.read_text(errors="replace").strip().splitlines()[-1:]
        raise Failed(
            _("a file that Python can load"),
            _("Python ended while it loaded it, with exit code {code}", code=process.returncode),
            because=program.own_words("".join(last)),
        ) from None


def wait(process):
    """Wait until the file has been loaded; raises Failed where it works, or waits, for too long."""
    began = time.monotonic()
    while process.poll() is None:
        with suppress(psutil.Error):
            worked = sum(process.cpu_times()[:2])
        waited = time.monotonic() - began
        if worked > WORK or waited > PATIENCE:  # on a busy machine the one does not tell of the other
            process.kill()
            process.wait(5)
            raise Failed(
                _("a file that is loaded at once"),
                _("it was still being loaded after {seconds} s", seconds=f"{waited:.0f}"),
                because=_("something works or waits outside of every function"),
            )
        time.sleep(0.02)


def split(broken):
    """The sentence of a broken exercise, as the file, the line and what is wrong there."""
    file, rest = broken.split(", ", 1)
    line, what = rest.split(": ", 1)
    return file, line, what
