"""How a check ends: it passes, it fails and says why, or it cannot be decided."""

import json

from classroom.words import _

VERDICTS = PASSED, FAILED, UNDECIDED = "passed", "failed", "undecided"
LONGEST = 300  # characters of a value that are shown
AROUND = 60  # characters shown on either side of a difference


class Failed(Exception):
    """The student's program breaks a promise.

    `expected` and `actual` say what should have been and what was; `because` the reason where it is known, `try_`
    what to look at next, `repeat` the command that shows it again (else the latest request as a curl line).
    """

    def __init__(self, expected, actual, because="", try_="", repeat=""):
        super().__init__(f"expected {expected}, not {actual}")
        self.expected, self.actual = expected, actual
        self.because, self.try_, self.repeat = because, try_, repeat


class Undecided(Exception):
    """Nobody can tell whether the promise is kept; the message says why. It is never the student's fault."""


def together(verdicts):
    """What several verdicts say together: failed where one has failed, passed where all have passed."""
    ends = set(verdicts)
    return FAILED if FAILED in ends else PASSED if ends == {PASSED} else UNDECIDED


def expect(actual, expected, **why):
    """Fail, with both values, unless the first is the second, also in its type: 120 is not "120", and 1 not true."""
    if strict(actual) != strict(expected):
        raise Failed(*told_apart(strict(expected), strict(actual)), **why)


def strict(value):
    """A value as JSON, in which all that JSON tells apart differs."""
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=isinstance(value, dict))
    except TypeError:
        return repr(value)


def told_apart(expected, actual):
    """Two texts that differ, each cut around the first difference where it is long, so that they still differ."""
    same = next((at for at, pair in enumerate(zip(expected, actual, strict=False)) if pair[0] != pair[1]), None)
    if same is None:  # one begins with the other
        same = min(len(expected), len(actual))
    return cut(expected, same), cut(actual, same)


def cut(text, at=0):
    """A long text around this place, and how much more there is; the beginning and the end where the place allows."""
    if len(text) <= LONGEST:
        return text
    start = max(0, at - AROUND)
    shown = text[start : at + AROUND]
    before = "…" if start else ""
    after = "…" if at + AROUND < len(text) else ""
    more = _("{more} more characters, {all} in all", more=len(text) - len(shown), all=len(text))
    return f"{before}{shown}{after} ({more})"


def stumbled(why):
    """What to say where the checker itself is wrong."""
    return _("the checker itself stumbled, please tell your teacher: {why}", why=why)
