"""Tasks that never look up: they do not notice that they were cancelled, and run over their limits."""

import time

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from flask import Blueprint

bp = Blueprint("stubborn", __name__)


@shared_task(name="deaf")
def deaf():
    """Sleep without reporting progress."""
    time.sleep(300)


@shared_task(name="slow", soft_time_limit=1, time_limit=2)
def slow():
    """Sleep beyond the hard limit, whatever the soft one says."""
    try:
        time.sleep(300)
    except SoftTimeLimitExceeded:
        time.sleep(300)


@shared_task(name="soft", soft_time_limit=1)
def soft():
    """Sleep beyond the soft limit."""
    time.sleep(300)


@bp.post("/run/<name>")
def run(name):
    """Send one of the tasks above."""
    return {"task_id": globals()[name].delay().id}, 202
