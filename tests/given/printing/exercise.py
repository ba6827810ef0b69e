"""A task that prints."""

from celery import shared_task
from flask import Blueprint

bp = Blueprint("printing", __name__)


@shared_task(name="printing")
def printing():
    """Print two words."""
    print("olá,", "turma")


@bp.post("/print")
def start():
    """Send the task."""
    return {"task_id": printing.delay().id}, 202
