"""The last result of each exercise, and which hints were shown: kept in .lab/checks/."""

import json
from contextlib import suppress

from classroom.address import LAB
from classroom.check.run import fingerprint
from classroom.check.verdict import FAILED, PASSED

FOLDER = LAB / "checks"


def keep(document):
    """Keep the result of a check of the student's own file."""
    write(FOLDER / f"{document['exercise']}.json", document)


def write(file, document):
    """Write a document as JSON."""
    write_text(file, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def write_text(file, text):
    """Write a text as a whole, so that no half of one is ever read."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.new")
    draft.write_text(text, encoding="utf-8", errors="replace")  # a student's name may hold halves of characters
    draft.replace(file)


def last(exercise):
    """The last result of an exercise; None where there is none, or the file has changed since."""
    document = read(FOLDER / f"{exercise.name}.json")
    with suppress(OSError):  # the file may be gone
        return document if document and document["file_sha256"] == fingerprint(exercise.file) else None
    return None


def is_done(exercise):
    """Whether the file as it is now has passed all its checks."""
    document = last(exercise)
    return bool(document) and document["verdict"] == PASSED


def failed(document):
    """The keys of the checks that failed."""
    return [one["check"] for one in document["checks"] if one["verdict"] == FAILED]


def read(file):
    """A document; None where there is none that can be read."""
    with suppress(OSError, ValueError):
        return json.loads(file.read_text(encoding="utf-8"))
    return None


def shown(exercise, key):
    """How many hints for this check have been shown."""
    return (read(FOLDER / "hints.json") or {}).get(f"{exercise.name}/{key}", 0)


def show_one_more(exercise, key):
    """Count one more hint that was shown."""
    counts = read(FOLDER / "hints.json") or {}
    write(FOLDER / "hints.json", counts | {f"{exercise.name}/{key}": shown(exercise, key) + 1})
