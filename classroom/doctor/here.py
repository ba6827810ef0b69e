"""This machine: its system, Python, packages, memory, disk and ports."""

import platform
import shutil
import sys
from contextlib import suppress
from importlib.metadata import version

import psutil
from packaging.requirements import Requirement

from classroom.address import LAB
from classroom.code import PACKAGES
from classroom.doctor.findings import bad, note, ok
from classroom.local import ports
from classroom.local.class_ports import FIRST
from classroom.local.cluster import ROOT

MB = 10**6
OLDEST = 3, 11  # of Python


def checks():
    """Everything about this machine that does not depend on a cluster."""
    yield system()
    yield python()
    yield packages()
    yield memory()
    yield disk()


def system(name=sys.platform):
    """Whether the system is one that the cluster runs on: Linux, macOS or WSL."""
    if name in ("win32", "cygwin", "msys"):
        cure = "Install WSL (wsl --install), and clone and start the project inside it."
        return bad("system", "This is Windows without WSL: Celery's workers do not run on it.", cure)
    return ok("system", f"{platform.system()} {platform.release()}")


def python(found=sys.version_info):
    """Whether this Python is new enough."""
    words = f"Python {'.'.join(map(str, found[:3]))}"
    if found < OLDEST:
        cure = "Install 3.11 or newer (on Debian or Ubuntu: sudo apt install python3), remove .venv, run ./lab again."
        return bad("python", f"{words} is too old.", cure)
    return ok("python", words)


def packages(file=ROOT / "requirements.txt"):
    """Whether what talks to the broker has a version that requirements.txt allows."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    wanted = [requirement for requirement in map(Requirement, filter(None, lines)) if requirement.name in PACKAGES]
    wrong = [one for one in wanted if not one.specifier.contains(version(one.name), prereleases=True)]
    if wrong:
        words = ", ".join(f"{one.name} is {version(one.name)} and should be {one.specifier}" for one in wrong)
        return bad("packages", f"{words}.", "Remove .venv: the next ./lab installs what requirements.txt names.")
    return ok("packages", ", ".join(f"{one.name} {version(one.name)}" for one in wanted))


def memory(least=200 * MB):
    """Whether there is memory for the processes of a cluster."""
    free = psutil.virtual_memory().available
    words = f"{free // MB:,} MB of memory are free"
    if free < least:
        cure = "Close other programs, or start fewer workers: ./lab up --workers 1"
        return bad("memory", f"Only {words}: a worker needs about 100.", cure)
    return ok("memory", words)


def disk(folder=LAB, least=500 * MB):
    """Whether there is room where the broker writes: without it the broker refuses tasks."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    free = shutil.disk_usage(there).free
    words = f"{free // MB:,} MB are free on the disk of {folder}"
    if free < least:
        cure = "Make room there, or name a folder on another disk: LAB_DIR=/FOLDER ./lab up"
        return bad("disk", f"Only {words}, where the broker keeps tasks.", cure)
    return ok("disk", words)


def free_ports(wanted=FIRST):
    """Whether the ports are free that ./lab up tries first."""
    taken = [f"{port} ({listener(port)})" for port in wanted if not ports.is_free(port)]
    if taken:
        cure = "Nothing needs to be done: ./lab up takes the next free one, and names it."
        return note("ports", f"Another program has port {' and '.join(taken)}.", cure)
    return ok("ports", f"{' and '.join(map(str, wanted))} are free")


def listener(port):
    """The program that listens on a port, as far as the system says."""
    with suppress(psutil.Error):  # on macOS only root may ask
        for line in psutil.net_connections("tcp"):
            if line.status == psutil.CONN_LISTEN and line.laddr.port == port and line.pid:
                return f"{psutil.Process(line.pid).name()}, process {line.pid}"
    return "the system does not say which"
