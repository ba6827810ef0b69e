"""Caught by right: a task that waits for other tasks, which Celery refuses: they may need its worker."""

import time

from celery import shared_task
from flask import Blueprint, abort, request, url_for

bp = Blueprint("render", __name__)


@shared_task(name="frame")
def frame(number, seconds):
    """Draw one frame, which takes so many seconds, and return its picture."""
    time.sleep(seconds)  # stands for work, but needs no core: leave it here
    return f"picture {number}"


@shared_task(name="film")
def film(frames):
    """Join the pictures of all frames, in their order, into a film."""
    pictures = [frame.delay(number, seconds).get() for number, seconds in enumerate(frames)]
    return {"frames": len(pictures), "film": pictures}


@bp.post("/render")
def start_render():
    """Accept {"frames": [0.5, 2]}, the seconds that each takes, and answer at once with the id of the film's task."""
    frames = frames_of(request.get_json())
    task = film.delay(frames)
    return {"task_id": task.id, "status_url": url_for("show_status", task_id=task.id)}, 202


def frames_of(body):
    """The frames in the body of a request; 422 where they are not 1 to 100 numbers from 0 to 10."""
    frames = body.get("frames") if isinstance(body, dict) else None
    if not isinstance(frames, list) or not 1 <= len(frames) <= 100:
        abort(422, 'frames should be 1 to 100 numbers, as in {"frames": [0.5, 2]}')
    if not all(type(one) in (int, float) and 0 <= one <= 10 for one in frames):  # bool is an int too
        abort(422, "each frame should be a number of seconds from 0 to 10")
    return frames
