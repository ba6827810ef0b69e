"""A connection to the broker that comes back soon, and a consumer that can be paused."""

import json

from celery.utils.log import get_logger
from celery.worker import state
from kombu import Connection, Consumer
from redis.exceptions import AuthenticationError, OutOfMemoryError

LOCKED_OUT = "The broker lets this worker in no longer: join again, with the line that the teacher shows now."
logger = get_logger(__name__)


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
