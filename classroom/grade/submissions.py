"""Finds what a class has handed in: SUBMISSIONS/<student>/<exercise>.py or <student>/<exercise>/exercise.py."""

import hashlib
import os
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from classroom.check.exercise import Exercise, NoSuchExercise, named
from classroom.words import _

MOST = 2**20  # bytes of a file that is checked


class Unreadable(Exception):
    """A submission is no file that can be checked; the message says why."""


@dataclass(frozen=True)
class Submission:
    """What one student handed in for one exercise."""

    student: str
    exercise: Exercise
    file: Path

    @cached_property
    def content(self):
        """The bytes of the file; raises Unreadable where it is none, or none of its own."""
        for path in (self.file, self.file.parent):
            if path.is_symlink():
                raise Unreadable(_("{name}, a symbolic link", name=path.name))
        try:
            with open(os.open(self.file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise Unreadable(_("{name}, which is no file", name=self.file.name))
                content = file.read(MOST + 1)
        except IsADirectoryError:
            raise Unreadable(_("{name}, a folder", name=self.file.name)) from None
        except OSError as error:
            raise Unreadable(_("a file that cannot be read: {why}", why=error.strerror)) from None
        if len(content) > MOST:
            raise Unreadable(_("a file of more than {most} bytes", most=MOST))
        return content

    @property
    def sha256(self):
        """The SHA-256 of the file; raises Unreadable."""
        return hashlib.sha256(self.content).hexdigest()


def collect(folder):
    """All submissions, by student and exercise, and a note on each thing that is none."""
    found, notes = {}, []
    for student in entries(folder):
        if student.is_symlink() or not student.is_dir():
            notes.append((student.name, f"{shown(student, folder)} is no student's folder"))
            continue
        try:
            paths = [(path, path.is_dir() and not path.is_symlink()) for path in entries(student)]
        except OSError as error:
            notes.append((student.name, f"{shown(student, folder)} cannot be read: {error.strerror}"))
            continue
        for path, is_folder in paths:
            name = path.name.removesuffix(".py")
            file = path / "exercise.py" if is_folder and name == path.name else path
            try:
                if not is_folder and name == path.name and not path.is_symlink():
                    raise NoSuchExercise(name)
                one = Submission(student.name, named(name), file)
            except NoSuchExercise:
                notes.append((student.name, f"{shown(path, folder)} is named like no exercise"))
                continue
            if not os.path.lexists(file):
                notes.append((student.name, f"{shown(path, folder)} has no exercise.py"))
            elif (one.student, one.exercise.name) in found:
                notes.append((student.name, f"{shown(path, folder)} is a second file for {one.exercise.name}"))
            else:
                found[one.student, one.exercise.name] = one
    return [found[key] for key in sorted(found)], notes


def entries(folder):
    """What lies in a folder, in order, but for what is hidden or Python's own."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__")))


def shown(path, folder):
    """A path as it can be printed, whatever its name is."""
    return "".join(one if one.isprintable() else "?" for one in str(path.relative_to(folder)))
