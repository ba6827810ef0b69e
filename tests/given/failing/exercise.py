"""Tasks that fail, that store no result, and whose result JSON cannot hold."""

from celery import shared_task
from flask import Blueprint

bp = Blueprint("failing", __name__)


@shared_task(name="failing")
def failing():
    """Fail with a message that looks like markup."""
    raise ValueError("seven is <b>not</b> eight")


@shared_task(name="quiet", ignore_result=True)
def quiet():
    """Return something that Celery is told not to store."""
    return 7


@shared_task(name="huge")
def huge():
    """Return an integer of more than 4,300 digits."""
    return 10**5000


@shared_task(name="strange", bind=True)
def strange(self):
    """Report progress that no float can hold."""
    self.progress(10**400, 3)
    return float("nan")


@bp.post("/run/<name>")
def run(name):
    """Send one of the tasks above."""
    return {"task_id": globals()[name].delay().id}, 202
