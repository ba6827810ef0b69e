"""An exercise is a folder: what lies in it, and how it is found by its name."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from classroom.exercises import FOLDER
from classroom.words import _, in_language

OF_THE_TEACHER = "solution.py", "wrong", "check_teacher.py"  # what the student's copy has not
LEFT = "__pycache__", ".*", "*.mine", "*~", "*.sw?", "*.orig"  # what editors and Python leave beside the files
LOOSE = "exercise.py", "check.py", *OF_THE_TEACHER, "*.md", "*.po", *LEFT  # what a run's copy has not


class NoSuchExercise(Exception):
    """There is no such exercise; the message says which there are."""


@dataclass(frozen=True)
class Exercise:
    """One exercise, in its folder."""

    folder: Path

    @property
    def name(self):
        """Its name, such as 01-factorial."""
        return self.folder.name

    @property
    def file(self):
        """What the student edits."""
        return self.folder / "exercise.py"

    @property
    def checks(self):
        """The files with its checks; the student's copy has no teacher's."""
        return [path for path in (self.folder / "check.py", self.folder / "check_teacher.py") if path.exists()]

    @property
    def keys(self):
        """What its checks are called in commands, in order; before all others comes `loads`."""
        texts = [path.read_text(encoding="utf-8") for path in self.checks]
        names = [name for text in texts for name in re.findall(r"^def test_(\w+)", text, re.MULTILINE)]
        return ["loads", *(name.replace("_", "-") for name in names)]

    @property
    def readme(self):
        """What there is to do, in the student's language."""
        return in_language(self.folder / "README.md")

    @property
    def title(self):
        """Its title: the first line of its README."""
        return self.readme.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")

    @property
    def solution(self):
        """The reference answer, which the student's copy has not."""
        return self.folder / "solution.py"

    @property
    def wrong(self):
        """The wrong answers that its checks must catch."""
        return sorted(self.folder.glob("wrong/*.py"))


def every():
    """All exercises, in order."""
    return [Exercise(path.parent) for path in sorted(FOLDER.glob("*/check.py"))]


def find(word):
    """The exercise of this name, number or beginning, or in whose folder or file this is; raises NoSuchExercise."""
    path = Path(word).resolve()
    for folder in (path, path.parent):
        if folder.parent == FOLDER and Exercise(folder) in every():
            return Exercise(folder)
    return named(word.rstrip("/"))


def named(word):
    """The exercise of this name, number or beginning; raises NoSuchExercise."""
    known = {one.name: one for one in every()}
    bare = [one for one in known.values() if word in (one.name, *re.split("-", one.name, maxsplit=1))]
    if number := re.fullmatch(r"\d+", word):
        bare = [one for one in known.values() if re.match(r"\d*", one.name)[0].lstrip("0") == number[0].lstrip("0")]
    if len(bare) == 1:
        return bare[0]
    there_are = ", ".join(known) or _("none")
    raise NoSuchExercise(_("There is no exercise {word}. There are: {names}", word=word, names=there_are))


def shown(path):
    """A path as the student would type it."""
    relative = os.path.relpath(path)
    return relative if not relative.startswith("..") else str(path)
