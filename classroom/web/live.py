"""What the live page draws, as one JSON document: workers, the queue, and every attempt since the last question.

What is the same for many pages is turned into text once for all of them.
"""

import json
import re
import threading
import time
from collections import deque
from functools import lru_cache

from flask import Blueprint, Response, request
from redis import ConnectionError, RedisError

from classroom import exercises
from classroom.code import fingerprint
from classroom.history import History, numbers
from classroom.local.refused import refused
from classroom.web.problems import Problem
from tasks import celery

bp = Blueprint("live", __name__)
FRESH = 0.2  # seconds for which all pages get the same answer
QUEUE = 40  # tasks at the head of the queue
MOST = 2000  # attempts in one answer that have ended
GONE = 600  # seconds that a dead worker is shown
POLLS = 14  # questions a second that one process wants to answer
WINDOW = 4  # seconds over which it counts them
SHOWN = "name", "host", "concurrency", "paused", "clock_ahead_s", "last_seen_s", "old_code", "lost"
LONGEST = 200  # characters of a task's arguments


class Board:
    """The present picture of the cluster, read once for all pages."""

    def __init__(self):
        self.lock = threading.Lock()
        self.history = History(celery.ledger)
        self.read_at, self.trouble = 0.0, None
        self.hosts = {}  # worker -> its machine
        self.asked = deque(maxlen=1000)  # when pages asked, and after how many seconds they were to ask again

    def answer(self, cursor):
        """The document, in JSON, for a page that has seen everything up to this step; raises ConnectionError."""
        with self.lock:
            if time.monotonic() - self.read_at > FRESH:
                self.read()
            if self.trouble:
                raise ConnectionError(self.trouble)
            running = list(self.history.running.values())
            ended = [one for one in self.history.since(cursor) if one.ended_at]  # the latest end first
            changed = [one for one in running if one.changed > cursor] + ended[:MOST]
            own = {
                "cursor": "{}-{}".format(*self.history.cursor),
                "again_in": self.pace(),
                "running": [f"{one.task_id}/{one.attempt}" for one in running],
                "left_out": len(ended[MOST:]),
            }
            attempts = ",".join(drawn(one, one.changed) for one in sorted(changed, key=lambda one: one.changed))
            return f'{{{self.common},{inside(own)},"attempts":[{attempts}]}}'

    def read(self):
        """Read what is new; or remember what the trouble is, so that not every page waits for a broker that hangs."""
        try:
            self.history.read()
            self.common, self.trouble = inside(self.picture()), None
        except RedisError as error:
            self.trouble = str(error)
        self.read_at = time.monotonic()

    def picture(self):
        """What is the same for all pages."""
        waiting, head = json.loads(celery.ledger.step("waiting", QUEUE))
        picture = {"now": self.history.now, "workers": self.workers(), "queue": queue(head)}
        picture["numbers"] = self.numbers(waiting, picture["workers"])
        picture["broken"] = exercises.broken
        picture["refused"] = refused()
        return picture

    def workers(self):
        """Those that are alive, and those that died within ten minutes without a word."""
        here = fingerprint()
        alive = [worker | {"old_code": worker["code"] != here, "lost": False} for worker in celery.ledger.workers()]
        known = {worker["name"]: {key: worker.get(key) for key in SHOWN} for worker in alive}
        self.hosts |= {name: worker["host"] for name, worker in known.items()}
        for name, silent in json.loads(celery.ledger.step("silent", GONE)):
            host = self.hosts.get(name, name.partition("@")[2])
            known.setdefault(name, {"name": name, "host": host, "last_seen_s": round(float(silent), 1), "lost": True})
        return sorted(known.values(), key=lambda worker: (worker["host"], worker["name"]))

    def numbers(self, waiting, workers):
        """What is written above the lanes."""
        history = self.history
        return {
            "waiting": waiting,
            "workers": sum(not worker["lost"] for worker in workers),
            "per_minute": len(history.ends),
            "waited_s": round(history.waited / len(history.waits), 3) if history.waits else None,
        }

    def pace(self):
        """After how many seconds a page is to ask again: the more pages there are, the later."""
        now = time.monotonic()
        while self.asked and self.asked[0][0] < now - WINDOW:
            self.asked.popleft()
        pages = sum(again_in for _, again_in in self.asked) / WINDOW
        again_in = round(min(3, max(0.5, pages / POLLS)), 2)
        self.asked.append((now, again_in))
        return again_in


def queue(head):
    """The tasks at the head of the queue, each with the number of the attempt that it waits for."""
    return [
        {"task_id": one["task_id"], "queued_at": float(one["queued"]), "attempt": int(one["attempt"]) + 1} | short(one)
        for one in head
        if one["queued"]
    ]


@lru_cache(2 * MOST)
def drawn(attempt, changed):
    """An attempt as the page gets it, in JSON, after this step."""
    known = vars(attempt).copy()
    del known["changed"], known["gone_at"]
    return json.dumps(known | short(known))


def inside(known):
    """A dict in JSON, without the braces."""
    return json.dumps(known)[1:-1]


def short(known):
    """Its name, arguments and label; of long arguments the beginning."""
    args = known["args"]
    args = args if len(args) <= LONGEST else args[:LONGEST] + "…"
    return {"name": known["name"], "args": args, "label": known["label"]}


board = Board()


@bp.get("/live")
def live():
    """Give the picture of the cluster, and what has changed since ?after=CURSOR of the last one."""
    cursor = request.args.get("after", "0-0")
    if not re.fullmatch(r"\d{1,15}-\d{1,15}", cursor, re.ASCII):
        raise Problem(422, "after should be the cursor of an earlier answer.", field="after", expected="a cursor")
    return Response(board.answer(numbers(cursor)), mimetype="application/json")
