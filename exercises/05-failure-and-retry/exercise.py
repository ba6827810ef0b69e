"""Exercise 5: a task that asks an unreliable service, and asks again where that can help."""

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


@shared_task(bind=True, name="weather")
def weather(self, city):
    """Return what the service says about the weather in this city."""
    # TODO 1: a service that hangs should not hang this task: wait at most 2 seconds for its answer.
    # TODO 2: where another attempt can help, make up to three more, after growing pauses: see README.md.
    try:
        with urlopen(f"{SERVICE_URL}/weather/{quote(city)}") as answer:
            return json.load(answer)
    except HTTPError as error:
        raise ServiceError(f"the service answered {error.code} {error.reason}") from error


@bp.post("/weather")
def start_weather():
    """Accept {"city": "Recife"} and answer at once with the id of a task."""
    body = request.get_json()
    city = body.get("city") if isinstance(body, dict) else None
    if not isinstance(city, str) or not city:
        abort(422, 'city should be a name, as in {"city": "Recife"}')
    task = weather.delay(city)
    return {"task_id": task.id, "status_url": url_for("show_status", task_id=task.id)}, 202
