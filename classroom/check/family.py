"""The processes of one run: those below pytest, which orphans come to, and all that carry the run's mark."""

import ctypes
import signal
import time
from contextlib import suppress

import psutil

MARK = "LAB_CHECK"  # in the environment
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, in Linux alone


def adopt_orphans():
    """From here on, processes below this one whose parents have ended become its children."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(SUBREAPER, 1)


def family(root, mark):
    """All living processes below this one, and all others with this mark; without the one itself."""
    found = {}
    with suppress(psutil.NoSuchProcess):
        found = {one.pid: one for one in root.children(recursive=True)}
    for one in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if one.environ().get(MARK) == mark:
                found[one.pid] = one
    found.pop(root.pid, None)
    return [one for one in found.values() if lives(one)]


def lives(process):
    """Whether a process runs still, or again when it is let."""
    with suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def end(processes):
    """End these processes by force."""
    for each in (signal.SIGSTOP, signal.SIGKILL):  # who is stopped starts no other
        for one in processes:
            with suppress(psutil.Error):
                one.send_signal(each)


def end_family(root, mark):
    """End all processes of a run, the one at their root at last; within 10 seconds."""
    deadline = time.monotonic() + 10
    with suppress(psutil.Error):
        root.suspend()
    while (left := family(root, mark)) and time.monotonic() < deadline:
        end(left)
        time.sleep(0.05)
    end([root])
