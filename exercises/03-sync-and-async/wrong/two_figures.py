"""Caught by stated: how long the tasks took was left open."""

import time

from celery import shared_task
from flask import Blueprint

bp = Blueprint("sync_and_async", __name__)

# Measured with one web process of four threads, and two workers; in seconds.
FIGURES = {
    "sync_s": 2.53,  # until the last of 20 requests to /sync was answered
    "async_s": 0.11,  # until the last of 20 requests to /async was answered
    "tasks_s": None,  # until the last of the 20 tasks from /async had ended
}


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
