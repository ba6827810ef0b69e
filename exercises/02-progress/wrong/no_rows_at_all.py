"""Caught by refuses: 0 is a whole number, but there is nothing to import."""

import time

from celery import shared_task
from flask import Blueprint, abort, request, url_for

bp = Blueprint("progress", __name__)


def import_row(row):
    """Stands for the work on one row: leave it here."""
    time.sleep(0.3)


@shared_task(bind=True, name="import_rows")
def import_rows(self, rows):
    """Import so many rows, and tell after each of them how many are done."""
    for row in range(rows):
        import_row(row)
        self.progress(row + 1, rows)  # range counts from 0, but after row 0 one row is done
    return {"imported": rows}


@bp.post("/import")
def start_import():
    """Accept {"rows": 8} and answer at once with the id of a task."""
    body = request.get_json()
    rows = body.get("rows") if isinstance(body, dict) else None
    if type(rows) is not int or not 0 <= rows <= 100:  # bool is an int too, but its type is not
        abort(422, 'rows should be a whole number from 1 to 100, as in {"rows": 8}')
    task = import_rows.delay(rows)
    return {"task_id": task.id, "status_url": url_for("show_status", task_id=task.id)}, 202
