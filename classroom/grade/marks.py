"""What the verdicts of one submission come to: its row among the grades."""

import re

from classroom.check.verdict import FAILED, PASSED, UNDECIDED
from classroom.words import _

LOST, LOOK = "lost", "look"  # not checked, as another check failed; not checked, and a teacher should look
TO_LOOK_AT = "to look at"
COLUMNS = "student", "exercise", "verdict", "passed", "failed", "undecided", "of", "score", "reason"
LONGEST = 120  # characters of each field in a reason
# What differs from one run to the next, and so has no place in a row that should not.
CHANGES = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # a task's id
    r"|0x[0-9a-f]+|worker\d+@[\w.-]+|(?<=127\.0\.0\.1:)\d+"
    r"|(?<![\d.])\d+\.\d+(?![\d.])"  # what was measured; no part of an address
    r"|(?<![\d.])\d+(?= (?:s|MB|%|processes|processos)(?!\w))"
)


def ends(document):
    """How each check ended, by its key: passed, failed, lost or look."""
    by_title = {one["title"]: one for one in document["checks"]}
    wanted = {_("needs “{title}”", title=title): one for title, one in by_title.items()}
    cut_short = _("the checks ended before it could be made")
    failed = any(one["verdict"] == FAILED for one in document["checks"])

    def end(one, seen=()):
        if one["verdict"] != UNDECIDED:
            return one["verdict"]
        if one["because"] in wanted and one["check"] not in seen:
            cause = end(wanted[one["because"]], (*seen, one["check"]))
            return LOST if cause == FAILED else cause
        return LOST if failed and one["because"] == cut_short else LOOK

    return {one["check"]: end(one) for one in document["checks"]}


def is_to_look_at(document):
    """Whether something is undecided that no failed check explains."""
    return LOOK in ends(document).values()


def row(student, document):
    """The row of one submission; the same for the same verdicts."""
    ended = ends(document)
    verdicts = [one["verdict"] for one in document["checks"]]
    counts = {name: verdicts.count(name) for name in (PASSED, FAILED, UNDECIDED)}
    kept = sum(end in (PASSED, LOOK) for end in ended.values())  # in doubt no points are taken off
    return {
        "student": student,
        "exercise": document["exercise"],
        "verdict": TO_LOOK_AT if LOOK in ended.values() else document["verdict"],
        **counts,
        "of": len(verdicts),
        "score": round(100 * kept / len(verdicts), 1),
        "reason": reason(document, ended),
    }


def reason(document, ended):
    """What the first check that failed, or should be looked at, says; "" where all passed."""
    said = []
    for end, words in (FAILED, "{title}: {why}"), (LOOK, TO_LOOK_AT + ": {title}: {why}"):
        found = next((one for one in document["checks"] if ended[one["check"]] == end), None)
        if found:
            said.append(words.format(title=found["title"], why=why(found)))
    return "; ".join(said)


def why(one):
    """What one check says, in one line, without what differs from run to run."""
    if one["verdict"] == UNDECIDED:
        return short(one["because"])
    # Not what it says of the cause, which may be the latest of several errors: the page has that.
    return f"{_('expected:')} {short(one['expected'])}, {_('actual:')} {short(one['actual'])}"


def short(words):
    """A text in one line that is not long, without what differs from run to run."""
    line = CHANGES.sub("…", " ".join(words.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
