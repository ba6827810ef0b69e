"""Caught by by-a-worker: the web server works it out, and the task only hands it on."""

import math
import sys
import time

from celery import shared_task
from flask import Blueprint, abort, request, url_for

bp = Blueprint("factorial", __name__)


@shared_task(name="factorial")
def factorial(number):
    """Return number! as text, and how many digits it has."""
    time.sleep(1)  # stands for work that takes its time: leave it here
    text = str(number)
    return {"factorial": text, "digits": len(text)}


def text(number):
    """The factorial, as text."""
    sys.set_int_max_str_digits(50_000)
    return str(math.factorial(number))


@bp.post("/factorial")
def start_factorial():
    """Accept {"number": 5} and answer at once with the id of a task."""
    body = request.get_json()
    number = body.get("number") if isinstance(body, dict) else None
    if type(number) is not int or not 0 <= number <= 10_000:  # bool is an int too, but its type is not
        abort(422, 'number should be a whole number from 0 to 10000, as in {"number": 5}')
    task = factorial.delay(text(number))
    return {"task_id": task.id, "status_url": url_for("show_status", task_id=task.id)}, 202
