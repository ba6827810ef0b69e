"""Words for what the ledger knows of a task: the status document."""

import json
from datetime import UTC, datetime

from ledger import LEASE, TERMINAL

START_ONE = "./lab worker"


def document(record, workers):
    """The status of one task; `workers` is asked for the living workers only where the words need it."""
    progress = progress_of(record)
    return {
        "task_id": record["id"],
        "state": record["state"],
        "status": sentence(record, progress, workers),
        "progress": progress,
        "result": strict(record.get("result")),
        "error": strict(record.get("error")),
        "label": record.get("label") or None,
        "worker": record.get("worker"),
        "attempt": int(record.get("attempt", 0)),
        "submitted_at": iso(record.get("submitted")),
        "started_at": iso(record.get("started")),
        "finished_at": iso(record.get("finished")),
    }


def ended(record):
    """Whether the task has reached the state it will keep."""
    return record["state"] in TERMINAL


def sentence(record, progress, workers):
    """The state of the task in one sentence for a person."""
    match record["state"]:
        case "SUCCESS":
            worker = record.get("worker", "a worker")
            return f"Done by {worker} in {seconds(record, 'started', 'finished')}{again(record)}."
        case "FAILURE":
            error = json.loads(record["error"])
            return f"Failed: {error['type']}: {error['message']}"
        case "REVOKED":
            why = "Cancelled" if record.get("cancelled") else "It had expired; revoked"
            return f"{why} at {iso(record['finished'])}."
        case "STARTED" | "PROGRESS" if record["lease"] is None or record["lease"] < record["now"]:
            return silent(record)
        case "STARTED" | "PROGRESS":
            far = f", {progress['percent']} % done" if progress else ""
            stopping = "; it was cancelled and is about to stop" if record.get("cancelled") else ""
            return (
                f"Running on {record['worker']} for {seconds(record, 'started', 'now')}{far}{again(record)}{stopping}."
            )
        case "RETRY":
            error = json.loads(record.get("error") or "{}").get("message", "no reason given")
            return f"Attempt {record['attempt']} failed ({error}); it will be tried again."
    return waiting(record, workers())


def again(record):
    """Which attempt it is, where it is not the first."""
    return f", attempt {record['attempt']}" if int(record["attempt"]) > 1 else ""


def waiting(record, workers):
    """Why a task that is in the queue does not run yet."""
    if record.get("announced"):
        return "Waiting: the tasks before it have not ended."
    worker, ahead_of_now = record.get("worker"), float(record["queued"]) - record["now"]
    back = {
        "returned": f"{worker} gave the task back. ",
        "process": f"A process of {worker} died while running it. ",
        "worker": f"{worker} stopped answering, and {-ahead_of_now:.0f} s ago the task went back to the queue. ",
    }.get(record.get("back"), "")
    if ahead_of_now > 0:
        return f"{back}Waiting for its time, in {ahead_of_now:.0f} s."
    if not workers:
        return f"{back}Waiting: no worker is listening. Start one: {START_ONE}"
    if all(worker["paused"] for worker in workers):
        return f"{back}Waiting: every worker is paused. To let one run: ./lab tell {workers[0]['name']} run"
    busy = sum(1 for worker in workers if worker["running"])
    ahead = record["ahead"] or 0
    return f"{back}Waiting: {count(ahead, 'task')} ahead, {busy} of {count(len(workers), 'worker')} busy."


def silent(record):
    """What is known of a task whose worker gives no sign of life."""
    worker, lease = record["worker"], record["lease"]
    if lease is None:
        return f"{worker} no longer holds this task."
    return f"{worker} stopped answering {record['now'] - lease + LEASE:.0f} s ago, while running this."


def progress_of(record):
    """How far the task says it is, or None where it said nothing that can be counted."""
    meta = strict(record.get("progress"))
    try:
        current, total = meta["current"], meta["total"]
        percent = min(100, max(0, round(100 * current / total)))
    except (TypeError, KeyError, ValueError, ArithmeticError):
        return None
    return {"current": current, "total": total, "percent": percent}


def strict(words):
    """JSON text as a value, None for no text; NaN and Infinity, which JSON lacks, become text."""
    return json.loads(words, parse_constant=str) if words else None


def seconds(record, start, end):
    """The time between two moments of the record, in words."""
    return f"{max(0, float(record[end]) - float(record.get(start) or record[end])):.1f} s"


def iso(moment):
    """Seconds since 1970 as UTC in ISO 8601, to the millisecond; None for None."""
    if not moment:
        return None
    return datetime.fromtimestamp(float(moment), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def count(number, noun):
    """1 task, 2 tasks."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
