"""A task that kills whatever runs it."""

import os
import signal
import time

from celery import shared_task
from flask import Blueprint

bp = Blueprint("poison", __name__)


@shared_task(name="poison")
def poison(victim):
    """Kill the process that runs this task, or its whole worker."""
    if victim == "worker":
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


@bp.post("/poison/<victim>")
def start(victim):
    """Send the task."""
    return {"task_id": poison.delay(victim).id}, 202
