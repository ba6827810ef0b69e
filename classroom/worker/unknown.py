"""What a worker does with a task that it does not know: another one may, with newer code."""

import random

from celery.utils.log import get_logger
from celery.worker.consumer import Consumer

from classroom.code import fingerprint

PAUSE = 1.5, 2.5  # seconds before the task is put back: at random, or the same worker might always get it first
AT_ONCE = 4  # such tasks that it holds beside its own work: more would keep them from those who know them
PATIENCE = 60  # seconds that it waits for a worker who knows it
logger = get_logger(__name__)


class UnknownTask(LookupError):
    """No worker that is alive knows the task, or none that does took it in time."""


class PatientConsumer(Consumer):
    """Celery's consumer, which puts an unknown task back while a live worker knows it, or newer code may."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.held = set()  # the messages that wait to be put back

    def on_unknown_task(self, body, message, exc):
        """Put the task back after a pause, or let it fail with a sentence that says who knows it."""
        task_id, name = message.headers.get("id"), message.headers.get("task")
        if not task_id:
            return super().on_unknown_task(body, message, exc)
        who = ", ".join(one["name"] for one in self.app.ledger.workers() if name in one.get("tasks", ()))
        waited, newer = self.app.ledger.step("unknown", task_id, fingerprint())
        if (who or newer) and float(waited) < PATIENCE:
            others = f"but to {who}" if who else f"perhaps to newer code ({newer})"
            logger.warning("the task %s is not known here, %s: put back in 2 s", name, others)
            # The worker may take another one meanwhile; of this connection, as a later one begins anew.
            qos = self.qos if len(self.held) < AT_ONCE else None
            if qos:
                qos.increment_eventually()
            self.held.add(message.delivery_tag)
            self.timer.call_after(random.uniform(*PAUSE), self.put_back, (message, qos))
            return
        known = f"only {who} knows it, and did not take it within {PATIENCE} s" if who else "no worker knows it"
        logger.error("the task %s cannot be run: %s", name, known)
        message.reject_log_error(logger, self.connection_errors)
        said = (self.app.ledger.task(task_id) or {}).get("message")
        self.app.backend.mark_as_failure(task_id, UnknownTask(f"the task {name!r} cannot be run: {known}"))
        if said:
            self.app.backend.tell_refusal_of(said)

    def put_back(self, message, qos):
        """Give the message back to the queue."""
        if qos:
            qos.decrement_eventually()
        self.held.discard(message.delivery_tag)
        message.reject_log_error(logger, self.connection_errors, requeue=True)
