"""The hints of an exercise: three steps for each check, from its hints.md."""

import re

from classroom.words import _, in_language

STEPS = 3


def hints(exercise):
    """check -> its hints, in the student's language."""
    file = in_language(exercise.folder / "hints.md")
    found = {}
    for part in re.split(r"^## ", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        key, _newline, body = part.partition("\n")
        steps = re.split(r"^\d+\. ", body.strip(), flags=re.MULTILINE)[1:]
        found[key.strip()] = [re.sub(r"\n {3}", "\n", step).strip() for step in steps]
    return found


def hint(exercise, check, number):
    """One hint for a check, with a line above it; the last where there are not so many."""
    steps = hints(exercise)[check]
    number = min(number, len(steps))
    return _("{check}, hint {number} of {all}:", check=check, number=number, all=len(steps)) + "\n" + steps[number - 1]
