"""Caught by at-once: the web server asks, and the task only hands on what it got."""

import json
import os
import random
import time
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

from celery import shared_task
from flask import Blueprint, abort, request, url_for

SERVICE_URL = os.environ.get("SERVICE_URL", "http://127.0.0.1:5005")

bp = Blueprint("weather", __name__)


class ServiceError(Exception):
    """What the service said in place of the weather; an HTTPError would lose its words on the way out of the worker."""


@shared_task(bind=True, name="weather")
def weather(self, said):
    """Return what the service says about the weather in this city."""
    if "error" in said:
        raise ServiceError(said["error"])
    return said


def ask(city):
    """What the service says; asked up to four times."""
    for attempt in range(4):
        try:
            with urlopen(f"{SERVICE_URL}/weather/{quote(city)}", timeout=2) as answer:
                return json.load(answer)
        except HTTPError as error:
            if error.code < 500:
                return {"error": f"{error.code} {error.reason}"}
        except OSError:
            pass
        time.sleep(random.uniform(1, 1.5) * 0.5 * 2**attempt)
    return {"error": "no answer"}


@bp.post("/weather")
def start_weather():
    """Accept {"city": "Recife"} and answer at once with the id of a task."""
    body = request.get_json()
    city = body.get("city") if isinstance(body, dict) else None
    if not isinstance(city, str) or not city:
        abort(422, 'city should be a name, as in {"city": "Recife"}')
    task = weather.delay(ask(city))
    return {"task_id": task.id, "status_url": url_for("show_status", task_id=task.id)}, 202
