"""Where a run's checks find what they need, and which commands its processes are started with."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from classroom.local.cluster import ROOT

SCRATCH = "lab-check-"  # what the name of a run's folder begins with


@dataclass(frozen=True)
class Place:
    """The paths as the checker sees them, and the commands that come before its own."""

    checks: Path  # the exercise's folder, with its checks and words
    exercises: Path  # a folder with a copy of the exercise, and the student's file in it
    data: Path  # of the cluster
    env: dict  # of the checker
    root: Path = ROOT  # the project
    python: str = sys.executable
    around: tuple = ()  # starts the checker
    inside: tuple = ()  # starts what runs the student's code


def here(exercise, folder):
    """The place of a run on this machine as it is, with its copies and data in the folder."""
    return Place(exercise.folder, folder / "exercises", folder / "data", dict(os.environ))
