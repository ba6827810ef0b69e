"""Caught by right: the result is text, not a number."""

import time

from celery import shared_task
from flask import Blueprint, abort, request, url_for

bp = Blueprint("WORDS", __name__)


@shared_task(name="WORDS")
def double(number):
    """Return the number, doubled."""
    time.sleep(1)  # stands for work that takes its time: leave it here
    return str(2 * number)


@bp.post("/WORDS")
def start():
    """Accept {"number": 5} and answer at once with the id of a task."""
    body = request.get_json()
    number = body.get("number") if isinstance(body, dict) else None
    if type(number) is not int:  # bool is an int too, but its type is not
        abort(422, 'number should be a whole number, as in {"number": 5}')
    task = double.delay(number)
    return {"task_id": task.id, "status_url": url_for("show_status", task_id=task.id)}, 202
