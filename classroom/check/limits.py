"""Runs a program under limits, in a folder where it may write: python -m classroom.check.limits FOLDER PROGRAM …"""

import os
import resource
import sys
from contextlib import suppress

import psutil

MEMORY = 2 * 2**30  # bytes of addresses for one process
FILE = 64 * 2**20  # bytes of one file
FILES = 1024  # open at a time, in one process
MORE_THREADS = 300  # beside those that the user has; root is not held to it


def threads():
    """How many threads this user has now."""
    count = 0
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            count += process.num_threads() if process.uids().real == os.getuid() else 0
    return count


def hold(limit, most):
    """Set a limit where the system knows it, and where there is none that is stricter."""
    with suppress(ValueError, OSError, AttributeError):
        number = getattr(resource, limit)
        _, hard = resource.getrlimit(number)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (most, most))


if __name__ == "__main__":
    hold("RLIMIT_AS", MEMORY)
    hold("RLIMIT_FSIZE", FILE)
    hold("RLIMIT_CORE", 0)
    hold("RLIMIT_NOFILE", FILES)  # each may be a pipe or a connection, whose memory nobody counts
    hold("RLIMIT_NPROC", threads() + MORE_THREADS)
    os.environ["MALLOC_ARENA_MAX"] = "2"  # else each thread of the web server asks for addresses of its own
    os.chdir(sys.argv[1])
    os.execvp(sys.argv[2], sys.argv[2:])
