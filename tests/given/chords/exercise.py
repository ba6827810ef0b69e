"""Chords whose parts are cut off, in the middle or at their very end."""

import os
import signal
import time
from pathlib import Path

from celery import chain, chord, group, shared_task, signature
from flask import Blueprint, request

bp = Blueprint("chords", __name__)


class LastWords:
    """A result that is the end of its process when it is written down for the nth time, but only once."""

    def __init__(self, place, folder):
        self.left, self.mark = place, Path(folder) / f"died{place}"

    def __json__(self):
        """The result as JSON."""
        self.left -= 1
        if not self.left and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return "last words"


@shared_task(name="quick")
def quick():
    """End at once."""
    return "quick"


@shared_task(name="dying", bind=True)
def dying(self, place, folder):
    """Die while the result is written down, after the other part has ended."""
    return LastWords(place, folder)


@shared_task(name="slow", bind=True)
def slow(self, folder):
    """Wait for a word; the first attempt fails then, the second one does not."""
    word, deadline = Path(folder) / f"end{self.request.attempt}", time.monotonic() + 60
    while not word.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    if self.request.attempt == 1:
        raise ValueError("too late")
    return "slow"


@shared_task(name="joined", bind=True)
def joined(self, words):
    """Return what it is given."""
    return words


@shared_task(name="deadly")
def deadly():
    """Be the end of every process that runs it."""
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task(name="deadlier")
def deadlier():
    """Be the end of every worker that runs it."""
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task(name="doomed")
def doomed(folder):
    """Wait for a word, and be the end of the process then."""
    word, deadline = Path(folder) / "die", time.monotonic() + 60
    while not word.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task(name="steady", bind=True)
def steady(self):
    """Go on until it is cancelled."""
    for step in range(600):
        self.progress(step, 600)
        time.sleep(0.1)


@shared_task(name="failing")
def failing():
    """Fail."""
    raise ValueError("on purpose")


@shared_task(name="silent", ignore_result=True)
def silent():
    """Return what nobody else is to keep."""
    return "silent"


@bp.post("/chord/nested")
def start_nested():
    """Send a chord of a group and a chord."""
    parts = [group(quick.s(), quick.s()), chord([quick.s(), silent.s()], joined.s())]
    return {"task_id": chord(parts)(joined.s()).id}, 202


@bp.post("/after/<kind>/<name>")
def start_after(kind, name):
    """Send a chain of three that begins with this task, or a chord with a chain of two: the ids of the three tasks."""
    first = {"quick": quick, "steady": steady, "deadly": deadly, "failing": failing}.get(name)
    first = first.si() if first else signature(name, immutable=True)
    if kind == "chain":
        last = chain(first, joined.s(), joined.s())()
        middle = last.parent
    else:
        last = chord([quick.s(), chain(first, joined.s())])(joined.s())
        middle = last.parent.results[1]
    return [middle.parent.id, middle.id, last.id], 202


@bp.post("/chord/<name>")
def start(name):
    """Send a chord with a part of this name; the ids of group and part come too."""
    last = chord([quick.s(), {"quick": quick, "deadly": deadly, "deadlier": deadlier}[name].s()])(joined.s())
    return {"task_id": last.id, "group_id": last.parent.id, "part_id": last.parent.results[1].id}, 202


@bp.post("/chord/dying")
def start_dying():
    """Send a chord with a part that dies."""
    body = request.get_json()
    return {"task_id": chord([quick.s(), dying.s(body["place"], body["folder"])])(joined.s()).id}, 202


@bp.post("/chord/in-folder/<name>")
def start_in_folder(name):
    """Send a chord with a part that waits for a word; the ids of group and parts come too."""
    part = {"slow": slow, "doomed": doomed}[name].s(request.get_json()["folder"])
    last = chord([quick.s(), part])(joined.s())
    other_id, part_id = (each.id for each in last.parent.results)
    return {"task_id": last.id, "group_id": last.parent.id, "part_id": part_id, "other_id": other_id}, 202
