"""Sends tasks: recorded first, and whatever becomes of the broker."""

from datetime import UTC, datetime
from functools import cached_property

from celery.app.amqp import AMQP, task_message
from celery.utils.log import get_logger
from kombu.exceptions import LimitExceeded, OperationalError
from kombu.utils import json as kombu_json
from redis.exceptions import NoPermissionError, RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from classroom.recorded.connection import PausableConsumer, QuickConnection

BROKER_AWAY = OperationalError, LimitExceeded, RedisError, OSError
PRIORITY = " priority "  # between a queue's name and the priority: each is first in, first out by itself
logger = get_logger(__name__)


class QueueFull(Exception):
    """The task was not accepted: as many tasks are waiting as are allowed to."""


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


def seconds_until(moment):
    """How long it is until this ISO 8601 moment, by this machine's clock, which also set it."""
    if not moment:
        return 0
    when = datetime.fromisoformat(moment)
    return max(0, ((when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())


def stop_if_it_hangs(error, _):
    """Try once more to send where the connection was stale, but not where the broker did not answer in time."""
    if isinstance(error, (TimeoutError, RedisTimeout)):
        raise error
