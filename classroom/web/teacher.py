"""The teacher's actions over HTTP: each needs the token that ./lab token prints."""

from secrets import compare_digest
from urllib.parse import urlsplit

from flask import Blueprint, request

from classroom.local.credentials import class_of, join_line
from classroom.web import overview
from classroom.web.problems import Problem
from ledger import ORDERS
from tasks import celery

bp = Blueprint("teacher", __name__, url_prefix="/teacher")
AT_ONCE = 500  # tasks that one step cancels: the broker does nothing else meanwhile


@bp.before_request
def ask_for_token():
    """Refuse whoever does not send the token: 401."""
    token = class_of().get("token", "")
    given = request.headers.get("Authorization", "")
    if not token or not compare_digest(given.encode(), f"Bearer {token}".encode()):
        raise Problem(401, 'This needs the teacher\'s token: -H "Authorization: Bearer $(./lab token)".', bearer=True)


@bp.get("/class")
def show_class():
    """Give the line that joins; null where this cluster is not for a class."""
    address = class_address()
    return {"join": address and join_line(*address, class_of()["code"])}


def class_address():
    """Host and port that the class reaches this server at; None where this cluster is not for a class."""
    url = class_of()["worker_url"]
    return url and (urlsplit(url).hostname, request.environ["SERVER_PORT"])


@bp.get("/checks")
def show_checks():
    """Tell who shared what of which exercise, what stops most, and the address to share with."""
    address = class_address()
    url = "http://{}:{}".format(*address) if address else request.url_root.rstrip("/")
    return {"url": url} | overview.summary(celery.ledger.redis)


@bp.post("/checks/clear")
def clear_checks():
    """Forget what students shared, before the next class."""
    return {"forgotten": overview.forget(celery.ledger.redis)}


@bp.post("/cancel")
def cancel_all():
    """Cancel every task: at once what waits, at its next step what runs."""
    # What a worker takes meanwhile is running at the second look, what one gives back waits at the third.
    return {"cancelled": sum(cancelled(where) for where in ("waiting", "running", "waiting"))}, 202


@bp.post("/purge")
def purge():
    """Cancel every task that waits, and empty the queue."""
    count = cancelled("waiting")
    celery.control.purge()
    return {"cancelled": count}, 202


def cancelled(where):
    """Cancel all that is waiting, or running, and end what comes after what waited; returns how many those are."""
    total = 0
    while messages := celery.ledger.step("cancelled_all", where, AT_ONCE):
        total += len(messages)
        for message in filter(None, messages):  # the queue may be emptied before a worker could tell
            celery.backend.tell_refusal_of(message)
    return total


@bp.post("/workers/<name>/<order>")
def tell(name, order):
    """Tell a worker to pause, run, reload or stop."""
    if order not in ORDERS:
        raise Problem(422, f"A worker can be told: {', '.join(ORDERS)}.", field="order", expected=" or ".join(ORDERS))
    if not celery.ledger.step("told", name, order):
        raise Problem(404, f"There is no worker {name[:100]}: GET /workers lists those that there are.")
    return {"worker": name, "told": order}, 202
