"""Celery, with an entry in the ledger at each step of every task.

Three places where Celery lets us in are enough: `send_task_message` sees every task on its way to
the queue, `before_start` sees it arrive at a worker, and the result backend hears how it ended.
"""

import json as plain_json
import os
from datetime import UTC, datetime
from functools import cached_property

import celery
from celery import states
from celery.app.amqp import AMQP, task_message
from celery.backends.redis import RedisBackend
from celery.exceptions import Ignore, SoftTimeLimitExceeded, TimeLimitExceeded
from celery.worker import request
from kombu.exceptions import EncodeError
from kombu.utils import json

from ledger import TERMINAL, Ledger


class QueueFull(Exception):
    """The task was not accepted: as many tasks are waiting as are allowed to."""


class RecordedCelery(celery.Celery):
    """A Celery app that writes each task into the ledger before the broker gets it."""

    amqp_cls = f"{__name__}:RecordedAMQP"

    def __init__(self, name, broker, results, max_waiting=50_000):
        # Not as an argument: CELERY_RESULT_BACKEND in the environment would put Celery's own in its place.
        self.backend_cls = f"{__name__}:RecordedBackend+{results}"
        super().__init__(name, broker=broker, task_cls=RecordedTask)
        os.environ["CELERY_BROKER_URL"] = broker  # which Celery would put before the argument
        self.ledger = Ledger(results)
        self.results = results
        self.max_waiting = max_waiting
        self.list = self.conf.task_default_queue if broker == results else ""  # the queue, where we can look into it

    def recover(self, ledger):
        """Queue again what nobody holds any more; any process may do this at any time."""
        if os.environ.get("LEDGER_RECOVERY") == "off":  # to show what is lost without it
            return
        for message in ledger.step("overdue", self.list):
            self.amqp.send_again(json.loads(message))


class RecordedAMQP(AMQP):
    """Celery's way to the broker, which leads past the ledger."""

    @cached_property
    def publish(self):
        """Celery's own function that sends a message."""
        return self._create_task_sender()

    def send_task_message(self, producer, name, message, label="", **options):
        """Send a task as Celery does, recorded first; raises QueueFull where the ledger says so."""
        task_id, ledger = message.headers["id"], self.app.ledger
        queue = getattr(options.get("queue"), "name", options.get("queue"))
        said = json.dumps([message.headers, message.properties, message.body, queue])
        args, delay, most = message.headers["argsrepr"], seconds_until(message.headers["eta"]), self.app.max_waiting
        if not ledger.step("submitted", task_id, name, args, label, most, delay, said):
            raise QueueFull(f"{most} tasks are waiting already")
        try:
            return self.publish(producer, name, message, **options)
        except Exception:
            ledger.step("withdrawn", task_id)
            raise

    def send_again(self, said):
        """Send a recorded message once more, with the same id."""
        headers, properties, body, queue = said
        message = task_message(headers, properties, body, None)
        with self.app.producer_or_acquire() as producer:
            self.publish(producer, headers["task"], message, queue=queue)


class Request(request.Request):
    """A message in a worker's hands; tells the ledger when it goes back to the queue."""

    def reject(self, requeue=False):
        """Refuse the message; it goes back to the queue when the process that ran it died."""
        super().reject(requeue)
        if requeue:
            self.task.app.ledger.step("returned", self.id, 1)

    def cancel(self, *args, **kwargs):
        """Stop the attempt because the worker stops; its message goes back to the queue."""
        super().cancel(*args, **kwargs)
        self.task.app.ledger.step("returned", self.id, 0)


class RecordedTask(celery.Task):
    """The base of every task: refuses to run what has ended, and stops what was cancelled."""

    Request = f"{__name__}:Request"

    def before_start(self, task_id, args, kwargs):
        """Take the lease on this task, or leave the task alone."""
        tag = (self.request.properties or {}).get("delivery_tag", "")
        started = self.app.ledger.step("started", task_id, self.name, self.request.hostname, tag)
        self.request.attempt = started
        if not self.request.attempt:
            raise Ignore(f"{task_id} has ended, or runs elsewhere")

    def update_state(self, task_id=None, state=None, meta=None, **kwargs):
        """Tell how far the task is, as in Celery; a task that was cancelled ends here."""
        if self.request.called_directly:
            return
        super().update_state(task_id, state, meta, **kwargs)
        if not self.app.ledger.step("progress", self.request.id, self.request.attempt, dumps(meta)):
            self.backend.mark_as_revoked(self.request.id, "cancelled", self.request)
            raise Ignore("cancelled")

    def progress(self, current, total):
        """Tell that `current` of `total` steps are done."""
        self.update_state(state="PROGRESS", meta={"current": current, "total": total})


class RecordedBackend(RedisBackend):
    """Celery's result backend, which tells the ledger first how each task ended."""

    def on_task_call(self, producer, task_id):
        """Subscribe to nothing when a task is sent: 160,000 subscriptions hang a web process."""

    def _add_pending_result(self, task_id, result, weak=False):
        """Subscribe when somebody waits for the result."""
        super()._add_pending_result(task_id, result, weak=weak)
        self.result_consumer.consume_from(task_id)

    def store_result(self, task_id, result, state, traceback=None, request=None, **kwargs):
        """Store how a task ended, unless the ledger knows an earlier end."""
        if self.told(task_id, result, state, request):
            return super().store_result(task_id, result, state, traceback, request, **kwargs)

    def mark_as_done(self, task_id, result, request=None, store_result=True, state=states.SUCCESS):
        """The task returned; the ledger hears it also of a task that stores no result."""
        if not store_result:
            self.told(task_id, result, state, request)
        super().mark_as_done(task_id, result, request, store_result, state)

    def mark_as_failure(self, task_id, exc, traceback=None, request=None, store_result=True, **kwargs):
        """The task failed; the ledger hears it also of a task that stores no result."""
        if not store_result:
            self.told(task_id, exc, states.FAILURE, request)
        super().mark_as_failure(task_id, exc, traceback, request, store_result, **kwargs)

    def told(self, task_id, result, state, request):
        """Tell the ledger; False when this attempt's word comes too late."""
        attempt = getattr(request, "attempt", None) or ""
        step = self.app.ledger.step
        if state == states.RETRY:
            return step("retried", task_id, attempt, problem(result))
        if state == states.SUCCESS:
            return step("ended", task_id, attempt, state, dumps(result), "")
        if state in TERMINAL:
            return step("ended", task_id, attempt, state, "", problem(result) if state == states.FAILURE else "")
        return True


def seconds_until(moment):
    """How long it is until this ISO 8601 moment, by this machine's clock, which also set it."""
    if not moment:
        return 0
    return max(0, (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds())


def dumps(value):
    """The value as JSON text; raises EncodeError, which fails the task, for what JSON cannot hold."""
    try:
        return plain_json.dumps(value, default=str)
    except (TypeError, ValueError) as error:
        raise EncodeError(error) from error


def problem(error):
    """An exception as the ledger keeps it: its type and its message."""
    message = str(error)
    if isinstance(error, TimeLimitExceeded):
        message = f"it ran longer than its time limit of {error.args[0]} s and was stopped by force"
    elif isinstance(error, SoftTimeLimitExceeded):
        message = "it ran longer than its soft time limit"
    return plain_json.dumps({"type": type(error).__name__, "message": message})
