"""Tasks that do not start at once: one sent for later, one that tries again."""

from celery import shared_task
from flask import Blueprint

bp = Blueprint("later", __name__)


@shared_task(name="later")
def later():
    """Say that it is late."""
    return "late"


@shared_task(name="again", bind=True, max_retries=2)
def again(self):
    """Succeed at the third attempt."""
    if self.request.retries < 2:
        raise self.retry(countdown=3, exc=ValueError("not yet"))
    return "done"


@bp.post("/later")
def start_later():
    """Send the first, to start in 12 s: longer than the grace after which a message counts as lost."""
    return {"task_id": later.apply_async(countdown=12).id}, 202


@bp.post("/again")
def start_again():
    """Send the second."""
    return {"task_id": again.delay().id}, 202
