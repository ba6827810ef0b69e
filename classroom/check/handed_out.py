"""exercise.py as it was handed out, which git knows."""

import subprocess

import click

from classroom.local.cluster import ROOT
from classroom.words import _


def put_back(exercise, agreed):
    """Put exercise.py back as it was handed out, where the question is `agreed` to; returns what to say."""
    path = exercise.file.relative_to(ROOT)
    done = subprocess.run(["git", "show", f"HEAD:./{path.as_posix()}"], cwd=ROOT, capture_output=True)
    if done.returncode:
        raise click.ClickException(_("git does not know {path} as it was handed out.", path=path))
    if exercise.file.exists() and exercise.file.read_bytes() != done.stdout:
        mine = exercise.file.with_suffix(".py.mine")
        question = _("Undo all your changes to {path}? (What is there now goes to {mine})", path=path, mine=mine.name)
        if not agreed(question):
            return _("Nothing was changed.")
        exercise.file.replace(mine)
    exercise.file.write_bytes(done.stdout)
    return _("{path} is as it was handed out.", path=path)
