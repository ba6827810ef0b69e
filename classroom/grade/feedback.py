"""Writes a student's page: what ./lab check would have said of each submission, in one file that needs nothing else."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from classroom.check import show
from classroom.check.verdict import FAILED
from classroom.grade.marks import LOOK, ends
from classroom.words import _, language

templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)


def page(student, entries, notes):
    """The page of a student, with the results by exercise, and what was handed in but is not graded."""
    return templates.get_template("feedback.html").render(
        language=language(),
        student=student,
        heading=_("What your program does, {student}", student=student),
        explained=_("Your files were run on a private broker and real workers. Each block below is one promise."),
        not_graded=_("Not graded"),
        notes=notes,
        parts=[part(exercise, entry) for exercise, entry in entries],
    )


def part(exercise, entry):
    """What the page says of one submission."""
    document, row = entry["document"], entry["row"]
    ended = ends(document)
    return {
        "name": exercise.name,
        "title": exercise.title,
        "verdict": document["verdict"],
        "points": _("{score} of 100", score=f"{row['score']:g}"),
        "summary": show.summary(document),
        "doubt": doubt() if LOOK in ended.values() else "",
        "hint": _("A hint: {command}", command=f"./lab hint {exercise.name}") if FAILED in ended.values() else "",
        "checks": [{"end": ended[one["check"]], "text": show.verdict(one)} for one in document["checks"]],
        "file": _("The file's SHA-256: {digest}", digest=document["file_sha256"]) if document["file_sha256"] else "",
    }


def doubt():
    """What to say where something could not be decided."""
    return _(
        "Something could not be decided. That is no fault of yours: no points are off, and your teacher looks at it."
    )
