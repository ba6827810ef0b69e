"""The check that comes before those of every exercise: whether its file can be loaded at all."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress

import psutil

from classroom.check.verdict import Failed
from classroom.local.cluster import NAMES, ROOT
from classroom.words import _

WORK, PATIENCE = 8, 40  # seconds that loading may compute, and take
MOST = 2**20  # characters that are read of what was found


def test_loads(looked, program):
    """your file can be loaded, and has what is asked for"""
    found, asked_tasks, asked_routes = looked
    if found["broken"]:
        place, line, what = split(program.own_words(str(found["broken"])))
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


def look(program):
    """What is in the exercise's file, loaded in a process of its own; raises Failed where that does not end well."""
    result, said = program.home / "found.json", program.folder / "look.log"
    command = [*program.limited, sys.executable, "-m", "classroom.check.look", str(program.exercises), str(result)]
    env = {name: value for name, value in program.cluster.env.items() if name not in NAMES}  # they hold a password
    with open(said, "wb") as log:
        quiet = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        process = psutil.Popen(command, env=env, cwd=ROOT, start_new_session=True, **quiet)
    wait(process)
    try:
        return understood(own_file(result))
    except (OSError, ValueError, RecursionError):
        last = said.read_text(errors="replace").strip().splitlines()[-1:]
        raise Failed(
            _("a file that Python can load"),
            _("Python ended while it loaded it, with exit code {code}", code=process.returncode),
            because=program.own_words("".join(last)),
        ) from None


def understood(text):
    """What was found, which the student's code may have written itself; raises ValueError where it is not that."""
    found = json.loads(text)
    if not isinstance(found, dict) or found.keys() != {"broken", "tasks", "routes"}:
        raise ValueError("not what is looked for")
    for names in (found["tasks"], found["routes"]):
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("no list of names")
    if found["broken"] is not None:
        split(str(found["broken"]))
    return found


def own_file(path):
    """What is in this file, which the student's code may have made another; raises OSError where it is none."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), encoding="utf-8") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is no file")
        return file.read(MOST)


def wait(process):
    """Wait until the file has been loaded; raises Failed where it works, or waits, for too long."""
    began, worked = time.monotonic(), 0
    while process.poll() is None:
        with suppress(psutil.Error):
            family = [process, *process.children(recursive=True)]  # in a sandbox it is not the first that works
            worked = sum(sum(one.cpu_times()[:2]) for one in family)
        waited = time.monotonic() - began
        if worked > WORK or waited > PATIENCE:  # on a busy machine the one does not tell of the other
            os.killpg(process.pid, signal.SIGKILL)
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
