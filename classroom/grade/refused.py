"""The result of a submission that is no file which could be checked."""

import ast
from datetime import UTC, datetime
from pathlib import Path

from classroom import code
from classroom.check import loads
from classroom.check.verdict import FAILED, UNDECIDED
from classroom.words import _, language


def refused(exercise, why):
    """A document like that of a run, in which the first check failed and all others need it."""
    (key, title), *others = [one for file in (Path(loads.__file__), *exercise.checks) for one in checks(file)]
    first = {"check": key, "title": title, "verdict": FAILED, "seconds": 0.0}
    first |= {"expected": _("a file that Python can load"), "actual": why}
    needs = _("needs “{title}”", title=title)
    rest = [{"check": key, "title": one, "verdict": UNDECIDED, "seconds": 0.0, "because": needs} for key, one in others]
    return {
        "exercise": exercise.name,
        "verdict": FAILED,
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
