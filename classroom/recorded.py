"""Celery, with an entry in the ledger at each step of every task.

Celery lets us in at four places: `send_task_message` sees every task on its way to the queue,
`before_start` sees it arrive at a worker, the worker's `Request` sees its message go back to the
queue, and the result backend hears how it ended.
"""

import json
import os
import secrets
import threading
from datetime import UTC, datetime
from functools import cached_property

import celery
from billiard import current_process
from celery import states
from celery.app.amqp import AMQP, task_message
from celery.backends.redis import ResultConsumer
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded, TimeLimitExceeded
from celery.utils.log import get_logger
from celery.worker import request, state
from kombu import Connection, Consumer
from kombu.exceptions import EncodeError, LimitExceeded, OperationalError
from kombu.utils import json as kombu_json
from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError, RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from classroom.chords import ChordBackend, is_part
from ledger import TERMINAL, Ledger

BROKER_AWAY = OperationalError, LimitExceeded, RedisError, OSError
logger = get_logger(__name__)
LOCKED_OUT = "The broker lets this worker in no longer: join again, with the line that the teacher shows now."
PRIORITY = " priority "  # between a queue's name and the priority: each is first in, first out by itself


class QueueFull(Exception):
    """The task was not accepted: as many tasks are waiting as are allowed to."""


class Refused(Ignore):
    """A worker leaves a task alone: the task has ended, was cancelled, or runs elsewhere."""


class RecordedCelery(celery.Celery):
    """A Celery app that writes each task into the ledger before the broker gets it."""

    amqp_cls = f"{__name__}:RecordedAMQP"

    def __init__(self, name, broker, results, max_waiting=50_000):
        # Not as an argument: CELERY_RESULT_BACKEND in the environment would put Celery's own in its place.
        self.backend_cls = f"{__name__}:RecordedBackend+{results}"
        # As these two: CELERY_BROKER_URL in the environment would come before the argument.
        settings = {"broker_read_url": broker, "broker_write_url": broker}
        super().__init__(name, broker=broker, task_cls=RecordedTask, changes=settings)
        self.ledger = Ledger(results)
        self.results = results
        self.max_waiting = max_waiting

    def recover(self, ledger):
        """Queue again what nobody holds any more; any process may do this at any time."""
        if os.environ.get("LEDGER_RECOVERY") == "off":  # to show what is lost without it
            return
        empty = [name for name in ledger.step("queues") if self.amqp.is_empty(name.split(PRIORITY)[0])]
        for message in ledger.step("overdue", *empty):
            self.amqp.send_again(kombu_json.loads(message))

    def _task_from_fun(self, fun, name=None, base=None, **options):
        """Make a task as Celery does, one that the ledger hears of whatever its base class is."""
        if base and not issubclass(base, RecordedTask):
            base = type(base.__name__, (base, RecordedTask), {})
        if options.get("time_limit"):  # alone it would lie below the soft limit of all tasks, which Celery refuses
            options.setdefault("soft_time_limit", options["time_limit"])
        return super()._task_from_fun(fun, name=name, base=base, **options)


class QuickConnection(Connection):
    """A connection that is tried again every second; Celery's own pause grows to half a minute."""

    @property
    def connection_errors(self):
        """What a worker survives by connecting anew: a full broker, too, and in the queue what is no message."""
        no_message = json.JSONDecodeError, KeyError, TypeError, AttributeError
        return (*super().connection_errors, OutOfMemoryError, *no_message)

    def ensure_connection(self, errback=None, *args, **options):
        """Connect, and try again until it works, or as often as is asked for; a worker that is locked out ends."""

        def hear(error, interval):
            if isinstance(error, AuthenticationError):
                lock_out()
            if errback:
                errback(error, interval)

        return super().ensure_connection(hear, *args, **{"interval_start": 0.5, "interval_max": 1} | options)


def lock_out():
    """End this worker, with a sentence: the broker refuses its password."""
    if not state.should_terminate:
        logger.error(LOCKED_OUT)
        state.should_terminate = 1


class PausableConsumer(Consumer):
    """A worker's consumer, which takes nothing while the worker is paused, also after it has connected anew."""

    paused = False

    def consume(self, *args, **options):
        """Begin to take messages, unless paused."""
        if not self.paused:
            super().consume(*args, **options)


class RecordedAMQP(AMQP):
    """Celery's way to the broker, which leads past the ledger."""

    Connection = QuickConnection
    Consumer = PausableConsumer

    @cached_property
    def publish(self):
        """Celery's own function that sends a message."""
        return self._create_task_sender()

    def send_task_message(self, producer, name, message, label="", **options):
        """Send a task as Celery does, recorded first; raises QueueFull where the ledger says so."""
        task_id, ledger = message.headers["id"], self.app.ledger
        queue = getattr(options.get("queue"), "name", options.get("queue")) or self.app.conf.task_default_queue
        where = f"{queue}{PRIORITY}{options['priority']}" if options.get("priority") else queue
        current = self.app.current_worker_task
        attempt = getattr(current.request, "attempt", "") if current and current.request.id == task_id else ""
        # Once it is due, it is due.
        headers = message.headers | {"eta": None}
        said = kombu_json.dumps([headers, message.properties, message.body, queue, options.get("priority")])
        args, delay, most = message.headers["argsrepr"], seconds_until(message.headers["eta"]), self.app.max_waiting
        later = followers(message.body[-1]["chain"], message.body[-1]["chord"])
        answer = ledger.step("submitted", task_id, name, args, label, most, delay, where, attempt, said, *later)
        if answer == "full":
            raise QueueFull(f"{most} tasks are waiting already")
        if answer == "known":  # somebody sent this id before, or it was cancelled before there was a message
            self.app.backend.tell_refusal_of(said)
            return None
        if delay and not self.app.conf.broker_write_url.startswith("redis"):
            return None  # RabbitMQ would let it hold a worker until then: it is sent when it is due
        options.setdefault("confirm_timeout", self.app.conf.broker_transport_options["socket_timeout"])
        options.setdefault("retry_policy", {"errback": stop_if_it_hangs})
        try:
            return self.publish(producer, name, message, **options)
        except Exception as error:
            refused = isinstance(error.__cause__, NoPermissionError)
            # Recorded is accepted: it is sent when the broker is back.
            if isinstance(error, BROKER_AWAY) and not refused:
                logger.warning("task %s is recorded, but not sent yet: %s", task_id, error)
                return None
            ledger.step("withdrawn", task_id)
            if refused:
                raise ValueError(f"queue {queue!r} is not allowed: choose a name like 'celery-{queue}'") from error
            raise

    def send_again(self, said):
        """Send a recorded message once more, with the same id."""
        headers, properties, body, queue, priority = said
        message = task_message(headers, properties, body, None)
        with self.app.producer_or_acquire() as producer:
            self.publish(producer, headers["task"], message, queue=queue, priority=priority)
        self.app.ledger.step("first", headers["id"])

    def is_empty(self, queue):
        """Whether the broker has no message in this queue."""
        with self.app.connection_for_write() as connection, connection.channel() as channel:
            try:
                return channel.queue_declare(queue, passive=True).message_count == 0
            except connection.channel_errors:  # there is no such queue
                return True


def followers(chain, chord):
    """The ids and names, in turn, of the tasks that Celery sends when one and its whole group have ended."""
    for one in [*(chain or []), *([chord] if chord else [])]:
        if "task_id" in one["options"] and not one.get("subtask_type"):
            yield from (one["options"]["task_id"], one["task"])
        yield from followers(None, one["options"].get("chord"))


def stop_if_it_hangs(error, _):
    """Try once more to send where the connection was stale, but not where the broker did not answer in time."""
    if isinstance(error, (TimeoutError, RedisTimeout)):
        raise error


class Request(request.Request):
    """A message in a worker's hands; tells the ledger when it goes back to the queue."""

    why = "process"  # it goes back because the process that ran it died

    def acknowledge(self):
        """Tell the broker that this message is done with."""
        super().acknowledge()
        self.let_go()

    def let_go(self):
        """Hold the message no longer, though the broker was not there to hear it: else no other would be taken."""
        tag, qos = self.message.delivery_tag, getattr(self.message.channel, "qos", None)
        if tag in getattr(qos, "_delivered", ()) and tag not in qos._dirty:
            qos._quick_ack(tag)

    def reject(self, requeue=False):
        """Refuse the message; it goes back to the queue when the process that ran it died."""
        if requeue:
            self.give_back(self.why)
        super().reject(requeue)
        if requeue and self.why == "process":  # Celery gives it back in its next turn: this comes in the one after that
            call_soon = self._on_reject.fun
            call_soon(call_soon, self.task.app.ledger.step, "first", self.id)
        self.let_go()

    def cancel(self, *args, **kwargs):
        """Stop the attempt because the worker stops; its message goes back to the queue."""
        super().cancel(*args, **kwargs)
        self.give_back("returned")

    def give_back(self, why):
        """Tell the ledger that the attempt is over; where that is the end of the task, its chord has to hear it."""
        app = self.task.app
        app.ledger.step("returned", self.id, self.hostname, why)
        app.backend.tell_refusal(self._context)

    def on_failure(self, exc_info, *args, **kwargs):
        """The attempt ended with an exception, one of Celery's own among them."""
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        if isinstance(error, Reject):
            self.why = "returned"
        super().on_failure(exc_info, *args, **kwargs)
        if isinstance(error, Ignore) and not isinstance(error, Refused):
            self.task.app.ledger.step("ignored", self.id, self.hostname)


class RecordedTask(celery.Task):
    """The base of every task: refuses to run what has ended, and stops what was cancelled."""

    Request = f"{__name__}:Request"

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


class LateConsumer(ResultConsumer):
    """Subscribes to a result when somebody waits for it: subscribing at each send hangs a process in the end."""

    def consume_from(self, task_id):
        """Subscribe to nothing yet."""

    def _wait_for_pending(self, result, **kwargs):
        """Subscribe to the result, or to those of a group, and wait."""
        for task_id in ids_in(result):
            super().consume_from(task_id)
        return super()._wait_for_pending(result, **kwargs)


class RecordedBackend(ChordBackend):
    """Celery's result backend, which tells the ledger first how each task ended."""

    ResultConsumer = LateConsumer

    def exception_safe_to_retry(self, exc):
        """Whether to store it again later: also when Redis's memory is full."""
        return isinstance(exc, OutOfMemoryError) or super().exception_safe_to_retry(exc)

    def store_result(self, task_id, result, state, traceback=None, request=None, **kwargs):
        """Store how a task ended, unless the ledger knows an earlier end; it hears of a part of a chord later."""
        part = is_part(request) and state in TERMINAL
        if self.holds(request) if part else self.accepted(task_id, result, state, request):
            return super().store_result(task_id, result, state, traceback, request, **kwargs)

    def mark_as_done(self, task_id, result, request=None, store_result=True, state=states.SUCCESS):
        """The task returned; the ledger hears it also of a task that stores no result."""
        if not (store_result or is_part(request)):
            self.accepted(task_id, result, state, request)
        super().mark_as_done(task_id, result, request, store_result, state)

    def mark_as_failure(self, task_id, exc, traceback=None, request=None, store_result=True, **kwargs):
        """The task failed; the ledger hears it also of a task that stores no result, but not of a stale attempt."""
        if getattr(request, "attempt", None) and not self.holds(request):
            return
        if not (store_result or is_part(request)):
            self.accepted(task_id, exc, states.FAILURE, request)
        super().mark_as_failure(task_id, exc, traceback, request, store_result, **kwargs)

    def accepted(self, task_id, result, state, request):
        """Tell the ledger; False when this attempt's word comes too late."""
        attempt = getattr(request, "attempt", None) or ""
        step = self.app.ledger.step
        if state == states.RETRY:
            return bool(step("retried", task_id, attempt, problem(result)))
        if state not in TERMINAL:
            return True
        value = dumps(result) if state == states.SUCCESS else ""
        error = problem(result, self.soft_limit(request)) if state == states.FAILURE else ""
        worker = getattr(request, "hostname", None) or ""
        return bool(step("ended", task_id, attempt, worker, state, value, error))

    def soft_limit(self, request):
        """The seconds after which this attempt was asked to stop."""
        _, soft = getattr(request, "timelimit", None) or (None, None)
        return soft or getattr(self.app.tasks.get(getattr(request, "task", None)), "soft_time_limit", None)


def ids_in(result):
    """The id of a result, or the ids of all results in a group."""
    if not hasattr(result, "results"):
        return [result.id]
    return [task_id for part in result.results for task_id in ids_in(part)]


def seconds_until(moment):
    """How long it is until this ISO 8601 moment, by this machine's clock, which also set it."""
    if not moment:
        return 0
    when = datetime.fromisoformat(moment)
    return max(0, ((when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())


def dumps(value):
    """The value as JSON text; raises EncodeError, which fails the task, for what JSON cannot hold."""
    try:
        kombu_json.dumps(value)  # what Celery will store
        return json.dumps(value, default=str)
    except (TypeError, ValueError) as error:
        raise EncodeError(error) from error


def problem(error, soft_limit=None):
    """An exception as the ledger keeps it: its type and its message."""
    message = str(error)
    if isinstance(error, TimeLimitExceeded):
        message = f"it ran longer than its time limit of {error.args[0]} s and was stopped by force"
    elif isinstance(error, SoftTimeLimitExceeded):
        message = f"it ran longer than its soft time limit of {soft_limit} s"
    return json.dumps({"type": type(error).__name__, "message": message})
