"""The sandbox of a submission: bubblewrap around the checker, and a narrower one around what runs the student's code.

The checker gets a network of its own, which leads nowhere, and a file system that it can only read. Below /mnt it finds
the project, the exercise and the run's data. What runs the student's code shares this network, and sees of the
files little more than Python and the project's own code.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from classroom.check.place import Place
from classroom.check.run import DISK
from classroom.grade import seccomp
from classroom.local.cluster import ROOT
from classroom.words import language

OLDEST = "0.8"  # of bubblewrap
INSTALL = "sudo apt install bubblewrap"
RISK = "Without a sandbox, and at your own risk: ./lab grade --unisolated"
MNT = Path("/mnt")
PROJECT, VENV, CHECKS, EXERCISES, DATA = (MNT / name for name in ("project", "venv", "checks", "exercises", "data"))
ROOM = DATA / "room"  # all that a student's code may write to, of limited size
CODE = "app.py", "tasks.py", "ledger.py", "*.lua", "gunicorn.conf.py", "classroom"  # no exercise, no solution
SYSTEM = "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"
ETC = "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/alternatives"
NOBODY = "65534"
OWN_ETC = {
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "group": f"nogroup:x:{NOBODY}:\n",  # Celery asks for it
}
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
PATIENCE = 60  # seconds in which an empty sandbox starts


class NoSandbox(Exception):
    """No sandbox can be made here; the message says why, and what to do."""


def sandbox(exercise, folder):
    """The place of a run in a sandbox, with its copies and data in the folder."""
    (folder / "data" / "room").mkdir(parents=True)
    (folder / "data" / "cluster").mkdir(mode=0o700)
    for name, text in OWN_ETC.items():
        (folder / "data" / name).write_text(text)
    if filter := seccomp.program():
        (folder / "data" / "filter").write_bytes(filter)
    env = {"PATH": PATH, "LANG": "C.UTF-8", "LAB_LANG": language(), "LAB_DIR": str(DATA), "HOME": str(DATA)}
    around = tuple(around_the_checker(exercise.folder, folder))
    return Place(CHECKS, EXERCISES, DATA, env, PROJECT, python(), around, tuple(around_the_program()))


def around_the_checker(exercise, folder):
    """Bubblewrap's command for the checker: all can be read, nothing but the run's data written, nobody called."""
    yield from (bwrap(), "--unshare-net", "--ro-bind", "/", "/", "--dev", "/dev", "--bind", "/proc", "/proc")
    yield from ("--size", str(2**26), "--tmpfs", "/tmp", "--size", str(2**20), "--tmpfs", str(MNT))
    yield from ("--ro-bind", str(ROOT), str(PROJECT))
    if sys.prefix != sys.base_prefix:
        yield from ("--ro-bind", sys.prefix, str(VENV))
    yield from ("--ro-bind", str(exercise), str(CHECKS), "--ro-bind", str(folder / "exercises"), str(EXERCISES))
    yield from ("--bind", str(folder / "data"), str(DATA), "--size", str(DISK), "--tmpfs", str(ROOM))
    yield from ("--dir", str(ROOM / "tmp"), "--dir", str(ROOM / "shm"), "--chdir", str(PROJECT), "--")


def around_the_program():
    """Bubblewrap's command for what runs the student's code: Python, the project's code, and a room to write in."""
    if seccomp.program():
        yield from ("sh", "-c", f'exec "$0" "$@" 9<{DATA / "filter"}', bwrap(), "--seccomp", "9")
    else:
        yield bwrap()
    yield from ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
    yield from ("--uid", NOBODY, "--gid", NOBODY, "--hostname", "classroom", "--cap-drop", "ALL")
    yield "--disable-userns"  # in a namespace of its own it could make a /tmp of any size
    yield from the_system()
    yield from ("--proc", "/proc", "--dev", "/dev", "--bind", str(ROOM / "shm"), "/dev/shm", "--remount-ro", "/dev")
    if sys.prefix != sys.base_prefix:
        yield from ("--ro-bind", str(VENV), str(VENV))
    for pattern in CODE:
        for path in ROOT.glob(pattern):
            yield from ("--ro-bind", str(PROJECT / path.name), str(PROJECT / path.name))
    yield from ("--ro-bind", str(EXERCISES), str(EXERCISES))
    told = str(DATA / "cluster" / "class.json")  # where the web server finds it; the folder has the broker's passwords
    yield from ("--ro-bind-try", told, told)
    yield from ("--bind", str(ROOM / "home"), str(ROOM / "home"), "--bind", str(ROOM / "tmp"), "/tmp")
    yield from ("--chdir", str(ROOM / "home"), "--remount-ro", "/", "--")


def the_system():
    """The parts of the system that Python needs, to be read; not a file of the teacher's."""
    yield from ("--ro-bind", "/usr", "/usr")
    for path in map(Path, SYSTEM):
        if path.is_symlink():
            yield from ("--symlink", os.readlink(path), str(path))
        elif path.exists():
            yield from ("--ro-bind", str(path), str(path))
    for path in ETC:
        yield from ("--ro-bind-try", path, path)
    for name in OWN_ETC:
        yield from ("--ro-bind", str(DATA / name), f"/etc/{name}")
    yield from ("--ro-bind-try", "/nix/store", "/nix/store")
    for prefix in {sys.base_prefix, os.path.realpath(sys.base_prefix)}:
        if not Path(prefix).is_relative_to("/usr"):
            yield from ("--ro-bind", prefix, prefix)


def python():
    """The Python that runs the checker."""
    return sys.executable if sys.prefix == sys.base_prefix else str(VENV / "bin" / "python")


def bwrap():
    """Bubblewrap's program; raises NoSandbox where there is none."""
    found = shutil.which("bwrap")
    if not found:
        raise NoSandbox(
            "Submissions are graded in a sandbox, and bubblewrap, which makes it on Linux, is not installed.\n"
            f"Version {OLDEST} or later is needed:\n"
            f"  {INSTALL}\n"
            f"{RISK}"
        )
    return found


def prove(exercise):
    """Make an empty sandbox, and start Python in it; raises NoSandbox where that does not work."""
    with tempfile.TemporaryDirectory(prefix="lab-grade-") as folder:
        (Path(folder) / "exercises").mkdir()
        place = sandbox(exercise, Path(folder))
        make_home = ["sh", "-c", 'mkdir "$0" && exec "$@"', str(ROOM / "home")]
        command = [*place.around, *make_home, *place.inside, place.python, "-c", "import celery, flask"]
        env = place.env | {"PYTHONPATH": str(place.root)}
        try:
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise NoSandbox(f"An empty sandbox did not start within {PATIENCE} s. Is this machine busy?") from None
    if done.returncode:
        raise NoSandbox(
            "Submissions are graded in a sandbox, and none can be made here. bubblewrap says:\n"
            f"  {done.stderr.strip()[-500:]}\n"
            f"Version {OLDEST} or later is needed, and a user who may make namespaces. On Ubuntu all may, after\n"
            "  sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0\n"
            f"{RISK}"
        )
