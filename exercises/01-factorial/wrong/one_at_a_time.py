"""Caught by together: a lock in a file lets only one task work."""

import fcntl
import math
import sys
import time

from celery import shared_task
from flask import Blueprint, abort, request, url_for

bp = Blueprint("factorial", __name__)


@shared_task(name="factorial")
def factorial(number):
    """Return number! as text, and how many digits it has."""
    with open("factorial.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        time.sleep(1)  # stands for work that takes its time: leave it here
    sys.set_int_max_str_digits(50_000)  # Python refuses to write out integers over 4,300 digits
    text = str(math.factorial(number))
    return {"factorial": text, "digits": len(text)}


@bp.post("/factorial")
def start_factorial():
    """Accept {"number": 5} and answer at once with the id of a task."""
    body = request.get_json()
    number = body.get("number") if isinstance(body, dict) else None
    if type(number) is not int or not 0 <= number <= 10_000:  # bool is an int too, but its type is not
        abort(422, 'number should be a whole number from 0 to 10000, as in {"number": 5}')
    task = factorial.delay(number)
    return {"task_id": task.id, "status_url": url_for("show_status", task_id=task.id)}, 202
