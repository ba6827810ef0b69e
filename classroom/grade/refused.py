"""The result of a submission that was not run: it is no file, or the checker itself stumbled over it."""

import ast
from datetime import UTC, datetime
from pathlib import Path

from classroom import code
from classroom.check import loads
from classroom.check.verdict import FAILED, UNDECIDED, stumbled
from classroom.words import _, language


def refused(exercise, why):
    """The result where the submission is no file."""
    return document(exercise, FAILED, expected=_("a file that Python can load"), actual=why)


def unmade(exercise, error):
    """The result where the checker itself stumbled."""
    return document(exercise, UNDECIDED, because=stumbled(f"{type(error).__name__}: {error}"))


def document(exercise, verdict, **why):
    """A document like that of a run, in which the first check has this verdict and all others need it."""
    (key, title), *others = [one for file in (Path(loads.__file__), *exercise.checks) for one in checks(file)]
    first = {"check": key, "title": title, "verdict": verdict, "seconds": 0.0} | why
    needs = _("needs “{title}”", title=title)
    rest = [{"check": key, "title": one, "verdict": UNDECIDED, "seconds": 0.0, "because": needs} for key, one in others]
    return {
        "exercise": exercise.name,
        "verdict": verdict,
        "file_sha256": "",
        "checked_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": 0.0,
        "language": language(),
        "versions": code.versions(),
        "checks": [first, *rest],
    }


def checks(file):
    """The checks in a file: key and title, in the student's language."""
    for one in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(one, ast.FunctionDef) and one.name.startswith("test_"):
            promise = " ".join(ast.get_docstring(one).split())
            yield one.name.removeprefix("test_").replace("_", "-"), _(promise)
