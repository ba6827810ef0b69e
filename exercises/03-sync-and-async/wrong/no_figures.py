"""Caught by stated: the figures are in a comment, where no program finds them."""

import time

from celery import shared_task
from flask import Blueprint

bp = Blueprint("sync_and_async", __name__)

# sync: 2.53 s, async: 0.11 s, the tasks: 5.23 s


def work():
    """Work for half a second, and return what came out."""
    time.sleep(0.5)  # stands for work that takes its time: leave it here
    return {"answer": 42}


@shared_task(name="slow_work")
def slow_work():
    """Do the work in a worker."""
    return work()


@bp.post("/sync")
def do_it_now():
    """Do the work, and answer with its result."""
    return work()


@bp.post("/async")
def have_it_done():
    """Answer at once with the id of a task that does the work."""
    return {"task_id": slow_work.delay().id}, 202
