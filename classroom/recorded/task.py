"""What all tasks are made of."""

import secrets
import threading

import celery
from billiard import current_process

from classroom.recorded.request import Refused
from classroom.recorded.values import dumps


class RecordedTask(celery.Task):
    """The base of every task: refuses to run what has ended, and stops what was cancelled."""

    Request = "classroom.recorded.request:Request"

    def before_start(self, task_id, args, kwargs):
        """Take the lease on this task, or leave the task alone."""
        tag = (self.request.properties or {}).get("delivery_tag", "")
        asking = self.name, self.request.hostname, slot(), tag, secrets.token_hex(4)
        self.request.attempt = self.app.ledger.step("started", task_id, *asking)
        if not self.request.attempt:
            self.backend.tell_refusal(self.request)
            raise Refused(f"{task_id} has ended, or runs elsewhere")

    def update_state(self, task_id=None, state=None, meta=None, **kwargs):
        """Tell how far the task is, as in Celery; a task that was cancelled ends here."""
        if self.request.called_directly:
            return
        if not self.app.ledger.step("progress", self.request.id, self.request.attempt, dumps(meta)):
            self.backend.mark_as_revoked(self.request.id, "cancelled", self.request)
            raise Refused("cancelled, or taken over by another attempt")
        super().update_state(task_id, state, meta, **kwargs)

    def progress(self, current, total):
        """Tell that `current` of `total` steps are done."""
        self.update_state(state="PROGRESS", meta={"current": current, "total": total})


def slot():
    """Which of the worker's processes, or threads, this is: from 0 on."""
    thread = threading.current_thread().name.rpartition("_")[2]
    return getattr(current_process(), "index", int(thread) if thread.isdecimal() else 0)
