"""The task of the drill: it has one effect without a key and one with, and counts both."""

import os
import signal
import time

from celery import shared_task
from flask import Blueprint, request

bp = Blueprint("drill", __name__)


# The mark that it is done and the effect, both or none: between two commands a worker can die.
ONCE = """
local first = redis.call('HSETNX', 'lab:drill:done', ARGV[1], 1) == 1
if first then redis.call('HINCRBY', 'lab:drill:effects', ARGV[1], 1) end
"""


@shared_task(name="drill", bind=True)
def drill(self, seconds):
    """Work for some seconds; count each run, and do what must happen once under a key: the task's id."""
    redis = self.app.ledger.redis
    redis.hincrby("lab:drill:runs", self.request.id, 1)
    time.sleep(seconds)
    redis.eval(ONCE, 0, self.request.id)


@shared_task(name="drill-poison")
def poison():
    """Kill the process that runs this task."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


@bp.post("/drill")
def start():
    """Accept {"seconds": 0.1}, or {"poison": true}."""
    job = request.get_json()
    sent = poison.delay() if job.get("poison") else drill.delay(job["seconds"])
    return {"task_id": sent.id}, 202
