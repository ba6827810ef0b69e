"""Caught by jitter: tasks that fail together ask again together, for ever."""

import json
import os
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

from celery import shared_task
from flask import Blueprint, abort, request, url_for

SERVICE_URL = os.environ.get("SERVICE_URL", "http://127.0.0.1:5005")

bp = Blueprint("weather", __name__)


class ServiceError(Exception):
    """What the service said in place of the weather; an HTTPError would lose its words on the way out of the worker."""


@shared_task(bind=True, name="weather", max_retries=3)
def weather(self, city):
    """Return what the service says about the weather in this city."""
    try:
        with urlopen(f"{SERVICE_URL}/weather/{quote(city)}", timeout=2) as answer:
            return json.load(answer)
    except HTTPError as error:
        problem = ServiceError(f"the service answered {error.code} {error.reason}")
        if error.code < 500:
            raise problem from error  # we asked for the wrong thing: asking again changes nothing
    except OSError as error:  # no answer in time, or none at all
        problem = error
    pause = 0.5 * 2**self.request.retries  # seconds: 0.5, 1, 2
    raise self.retry(exc=problem, countdown=pause)


@bp.post("/weather")
def start_weather():
    """Accept {"city": "Recife"} and answer at once with the id of a task."""
    body = request.get_json()
    city = body.get("city") if isinstance(body, dict) else None
    if not isinstance(city, str) or not city:
        abort(422, 'city should be a name, as in {"city": "Recife"}')
    task = weather.delay(city)
    return {"task_id": task.id, "status_url": url_for("show_status", task_id=task.id)}, 202
