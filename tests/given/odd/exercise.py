"""Tasks as students may write them, each odd in its way."""

import os
import time
from datetime import datetime, timedelta
from pathlib import Path

import celery
from celery import chain, chord, shared_task
from celery.exceptions import Ignore, Reject
from flask import Blueprint

bp = Blueprint("odd", __name__)


class Logged(celery.Task):
    """A base class of the student's own, as in Celery's documentation."""


@shared_task(name="ignoring")
def ignoring():
    """End without a result."""
    raise Ignore()


@shared_task(name="rejecting", bind=True)
def rejecting(self):
    """Send its message back once."""
    if self.request.attempt < 5:
        raise Reject("not now", requeue=True)
    return "at last"


@shared_task(name="based", base=Logged)
def based():
    """Run under another base class, longer than the grace after which a message counts as lost."""
    time.sleep(9)
    return "once"


@shared_task(name="unspeakable")
def unspeakable():
    """Return what JSON cannot hold."""
    return object()


@shared_task(name="limited", time_limit=30)
def limited():
    """Have a hard time limit alone."""
    return "in time"


@shared_task(name="nap")
def nap():
    """Sleep longer than a lease."""
    time.sleep(12)
    return "rested"


@shared_task(name="held")
def held():
    """Wait for a word."""
    word, deadline = Path(os.environ["ODD_WORD"]), time.monotonic() + 60
    while not word.exists() and time.monotonic() < deadline:
        time.sleep(0.05)


@shared_task(name="passing")
def passing(word):
    """Return what it is given, but no error."""
    if word == "error":
        raise ValueError("on purpose")
    return word


@shared_task(name="joining")
def joining(*words):
    """Return all that it is given."""
    return words


@bp.post("/run/<name>")
def run(name):
    """Send one of the tasks above."""
    return {"task_id": globals()[name].delay().id}, 202


@bp.post("/at")
def at():
    """Send a task for a time without a time zone, an hour from now."""
    return {"task_id": limited.apply_async(eta=datetime.utcnow() + timedelta(hours=1)).id}, 202


@bp.post("/elsewhere")
def elsewhere():
    """Send a task to a queue that nobody listens to."""
    return {"task_id": limited.apply_async(queue="celery-gpu").id}, 202


@bp.post("/queue/<name>")
def queue(name):
    """Send a task to a queue of this name."""
    return {"task_id": limited.apply_async(queue=name).id}, 202


@bp.post("/chain/<word>")
def in_a_chain(word):
    """Send a task that comes after another; returns its id."""
    return {"task_id": chain(passing.s(word), joining.s())().id}, 202


@bp.post("/chord/<word>")
def in_a_chord(word):
    """Send a task that comes after two chains; returns its id."""
    two = [chain(passing.s(each), passing.s()) for each in ("one", word)]
    return {"task_id": chord(two)(joining.s()).id}, 202
