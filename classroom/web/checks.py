"""Takes what students share of their checks; teacher.py gives it to the teacher."""

import re

from flask import Blueprint

from classroom.check import exercise as exercises
from classroom.check.verdict import VERDICTS
from classroom.label import LONGEST, is_line
from classroom.web import body, overview
from classroom.web.problems import Problem
from tasks import celery

bp = Blueprint("checks", __name__)
MOST = 100  # checks of one exercise
KEY = re.compile(r"[a-z0-9-]{1,40}")


@bp.post("/checks")
def share():
    """Keep how the checks of an exercise ended; nobody is asked to prove who they are."""
    shared = body.read(label=(None, name), exercise=(None, name), checks=(None, verdicts))
    compare(shared["exercise"], shared["checks"])
    if not overview.keep(celery.ledger.redis, **shared):
        raise Problem(429, f"{overview.MOST} results are kept already: the teacher can forget them.", 60)
    return shared, 201


def name(value):
    """A rule: a line of text that is not empty."""
    if value and is_line(value):
        return value
    raise ValueError(f"text of 1 to {LONGEST} characters, none of them a control character")


def verdicts(value):
    """A rule: checks by their names, in the order in which they were made, each with its verdict."""
    is_right = isinstance(value, dict) and 1 <= len(value) <= MOST and all(map(KEY.fullmatch, value))
    if is_right and all(one in VERDICTS for one in value.values()):
        return value
    raise ValueError(f"an object of 1 to {MOST} checks by their names, each {', '.join(VERDICTS)}")


def compare(exercise, checks):
    """Refuse what this class does not have: what somebody made up is not to be projected."""
    known = {one.name: one for one in exercises.every()}
    if exercise not in known:
        raise Problem(409, f"This class has no exercise {exercise}: it has {', '.join(known)}.", field="exercise")
    if others := [check for check in checks if check not in known[exercise].keys]:
        words = f"{exercise} has no check {others[0]} in this class: take the class's copy of it."
        raise Problem(409, words, field="checks")
