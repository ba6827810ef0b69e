"""What the student reads of a check."""

import textwrap

from classroom.check import results
from classroom.check.exercise import every, shown
from classroom.check.verdict import FAILED, PASSED, UNDECIDED
from classroom.words import _

FACES = {PASSED: ":)", FAILED: ":(", UNDECIDED: ":|"}
FIELDS = "expected", "actual", "because", "try", "repeat"
WIDTH = 64  # of a title, before the seconds
BAR = 20


def heading(run):
    """What is being done."""
    return _("Checking {file}, on a private broker and real workers. Please wait …", file=shown(run.file))


def verdict(one):
    """One verdict, in one line or several."""
    face = FACES[one["verdict"]]
    if one["verdict"] == PASSED:
        return f"{face} {one['title']:{WIDTH}} {one['seconds']:5.2f} s"
    if one["verdict"] == UNDECIDED:
        words = {_("not checked:"): one["because"]}
    else:
        names = _("expected:"), _("actual:"), _("because:"), _("try:"), _("repeat:")
        words = {name: one[field] for name, field in zip(names, FIELDS, strict=True) if field in one}
    wide = max(map(len, words)) + 1
    return "\n".join([f"{face} {one['title']}", *(line(name, said, wide) for name, said in words.items())])


def line(name, said, wide):
    """One field of a verdict: its name, and what it says beside it."""
    return textwrap.indent(f"{name:{wide}}{said}".replace("\n", "\n" + " " * wide), "     ")


def summary(document):
    """How many passed, failed, and were not checked."""
    ends = [one["verdict"] for one in document["checks"]]
    words = _("passed: {passed}, failed: {failed}, not checked: {undecided}")
    return words.format(**{end: ends.count(end) for end in FACES})


def row(name, document, title):
    """One exercise in a list."""
    if document is None:
        return f"   {name:22} {title}"
    return f"{FACES[document['verdict']]} {name:22} {summary(document)}"


def rows():
    """A line for each exercise, with its last result."""
    return [row(one.name, results.last(one), one.title) for one in every()]


def so_far():
    """A bar that shows how many of all exercises are done, as their files are now."""
    known = every()
    return progress(sum(map(results.is_done, known)), len(known))


def progress(done, among):
    """A bar that shows how many exercises are done."""
    full = BAR * done // among if among else 0
    bar = "#" * full + (">" if full < BAR else "") + "-" * (BAR - full - 1)
    return _("Progress: [{bar}] {done}/{among}", bar=bar, done=done, among=among)
