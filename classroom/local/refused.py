"""What is wrong with files that were saved, and are not used: ./lab up writes it down, the live page shows it."""

import os
from contextlib import suppress
from pathlib import Path

from classroom.local.private import write

NAME = "LAB_REFUSED"  # in the web server's environment: the file
LONGEST = 300  # characters


def write_refused(file, words):
    """Write down what is wrong; nothing when nothing is."""
    with suppress(OSError):  # a full disk is no reason to stop the cluster
        write(file, words[:LONGEST])


def refused():
    """What is wrong, in one sentence; empty when nothing is, or nobody looks."""
    try:
        return Path(os.environ[NAME]).read_text(encoding="utf-8")
    except (KeyError, OSError):
        return ""
