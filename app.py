"""The HTTP API of the classroom cluster: it gives out work and answers how the work goes.

Start it with:  flask run   or   gunicorn app:app   or   python app.py
"""

import hashlib
import json
import threading
import time
import uuid
from pathlib import Path

from flask import Flask, Response, request, url_for

from classroom import exercises
from classroom.code import fingerprint, versions
from classroom.environment import whole
from classroom.join import web as join
from classroom.web import body, cheatsheet, checks, live, page, problems, security, status, teacher
from classroom.web.problems import Problem
from tasks import celery, longtask

WEB = Path(__file__).parent / "classroom" / "web"
THREADS = whole("WEB_THREADS", 16)  # of one gunicorn process

app = Flask(__name__, static_folder=None)
app.config["MAX_CONTENT_LENGTH"] = 16 * 1024
app.json.sort_keys = False
app.url_map.merge_slashes = False
problems.install(app)
exercises.register_blueprints(app)
app.register_blueprint(teacher.bp)
app.register_blueprint(live.bp)
app.register_blueprint(checks.bp)
app.register_blueprint(page.bp)
join.install(app)
security.install(app)

holding = threading.BoundedSemaphore(THREADS // 2)  # the other half always answers at once


@app.post("/longtask")
def submit():
    """Accept a task, and answer with its id before it is done."""
    job = body.read(
        x=(10, body.whole(-(10**9), 10**9)),
        seconds=(5, body.number(0, 600)),
        label=("", body.text(60)),
    )
    task_id, sent_before = claim(job)
    if not sent_before:
        longtask.apply_async((job["x"], job["seconds"]), task_id=task_id, label=job["label"])
    address = url_for("show_status", task_id=task_id)
    return {"task_id": task_id, "state": "PENDING", "status_url": address}, 202, {"Location": address}


def claim(job):
    """The id for this job, and whether a request with the same Idempotency-Key has sent it already."""
    task_id = str(uuid.uuid4())
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return task_id, False
    if not (1 <= len(key) <= 200 and key.isascii() and key.isprintable()):
        expected = "1 to 200 printable ASCII characters"
        raise Problem(422, f"Idempotency-Key should be {expected}.", field="Idempotency-Key", expected=expected)
    digest = hashlib.sha256(json.dumps(job).encode()).hexdigest()
    first_digest, task_id = celery.ledger.claim(key, task_id, digest)
    if first_digest != digest:
        raise Problem(
            422,
            "This Idempotency-Key came before with another body.",
            field="Idempotency-Key",
            expected="a new key for a new task",
        )
    return task_id, celery.ledger.task(task_id) is not None


@app.get("/status/<task_id>")
def show_status(task_id):
    """Tell the truth about one task; ?wait=SECONDS holds the answer until the task ends."""
    record = find(task_id)
    patience = seconds_to_wait()
    if patience and not status.ended(record) and holding.acquire(blocking=False):
        try:
            deadline = time.monotonic() + patience
            while not status.ended(record) and time.monotonic() < deadline:
                time.sleep(0.1)
                record = find(task_id)
        finally:
            holding.release()
    return status.document(record, celery.ledger.workers)


@app.post("/cancel/<task_id>")
def cancel(task_id):
    """Cancel one task: at once while it waits, at its next step while it runs."""
    outcome = celery.ledger.step("cancelled", task_id)
    record = find(task_id)
    if outcome == "ended":
        raise Problem(409, f"This task has already ended: it is {record['state']}.")
    return status.document(record, celery.ledger.workers), 202


@app.get("/workers")
def list_workers():
    """List the workers that are alive, and whether they run the code that is here now."""
    here = fingerprint()
    return {"workers": [worker | {"old_code": worker["code"] != here} for worker in celery.ledger.workers()]}


@app.get("/healthz")
def health():
    """Say that this server and its broker answer."""
    return {"status": "ok", "broker": "up", "workers": len(celery.ledger.workers()), "versions": versions()}


@app.get("/openapi.json")
def openapi():
    """Describe this API to programs."""
    return Response((WEB / "openapi.json").read_text(), mimetype="application/json")


@app.get("/")
def index():
    """Greet a browser with the page, and curl with the lines to type."""
    if request.accept_mimetypes.best_match(["text/plain", "text/html"]) == "text/html":
        return page.file("index.html")
    return Response(cheatsheet.text(request.url_root.rstrip("/"), exercises.broken), mimetype="text/plain")


def find(task_id):
    """One task's record; Problem 404 where there is none."""
    record = celery.ledger.task(task_id)
    if record is None:
        raise Problem(404, "No task with this id was created here.")
    return record


def seconds_to_wait():
    """The ?wait= of this request, in seconds; 0 where there is none."""
    words = request.args.get("wait", "0")
    try:
        if "_" in words or not words.isascii():  # float() would read them
            raise ValueError
        return body.check("wait", float(words), body.number(0, 30))
    except ValueError:
        raise Problem(422, "wait should be a number from 0 to 30.", field="wait", expected="seconds, 0 to 30") from None


if __name__ == "__main__":
    app.run(port=whole("PORT", 5000))
