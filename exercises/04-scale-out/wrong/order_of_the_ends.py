"""Caught by order: each frame adds its picture to a list when it is ready."""

import time
import uuid

from celery import chord, current_app, shared_task
from flask import Blueprint, abort, request, url_for

bp = Blueprint("render", __name__)


@shared_task(name="frame")
def frame(job, number, seconds):
    """Draw one frame, which takes so many seconds, and add its picture to those of the job."""
    time.sleep(seconds)  # stands for work, but needs no core: leave it here
    current_app.backend.client.rpush(f"celery-pictures-{job}", f"picture {number}")


@shared_task(name="film")
def film(_, job):
    """Join the pictures of all frames into a film."""
    pictures = [one.decode() for one in current_app.backend.client.lrange(f"celery-pictures-{job}", 0, -1)]
    return {"frames": len(pictures), "film": pictures}


@bp.post("/render")
def start_render():
    """Accept {"frames": [0.5, 2]}, the seconds that each takes, and answer at once with the id of the film's task."""
    frames = frames_of(request.get_json())
    job = str(uuid.uuid4())
    drawing = chord(frame.s(job, number, seconds) for number, seconds in enumerate(frames))
    task = drawing(film.s(job))
    return {"task_id": task.id, "status_url": url_for("show_status", task_id=task.id)}, 202


def frames_of(body):
    """The frames in the body of a request; 422 where they are not 1 to 100 numbers from 0 to 10."""
    frames = body.get("frames") if isinstance(body, dict) else None
    if not isinstance(frames, list) or not 1 <= len(frames) <= 100:
        abort(422, 'frames should be 1 to 100 numbers, as in {"frames": [0.5, 2]}')
    if not all(type(one) in (int, float) and 0 <= one <= 10 for one in frames):  # bool is an int too
        abort(422, "each frame should be a number of seconds from 0 to 10")
    return frames
