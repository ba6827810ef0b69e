"""What a worker is told from outside, by its control key in the ledger, which it reads with every heartbeat."""

import atexit
import os
import shlex
import sys
from contextlib import suppress

from celery.signals import worker_shutting_down
from celery.utils.log import get_logger
from celery.worker import state

TOLD_TO_STOP = 3  # exit code of a worker that is not to be started again
logger = get_logger(__name__)


class Control:
    """Does what the worker is told: pause, reload, stop, or stop a task by force."""

    def __init__(self, worker):
        self.worker = worker
        self.paused = None  # the consumer that takes no more tasks
        self.ending = ""  # "stop" or "reload", once told so

    def obey(self, orders):
        """Do what is said: names of orders, and ids of tasks to stop by force."""
        self.pause("pause" in orders)
        self.stop_tasks(orders)
        if not self.ending and "stop" in orders:
            self.end("stop")
        elif not self.ending and ("reload" in orders or self.there_is_new_code(orders)):
            self.end("reload")

    def there_is_new_code(self, orders):
        """Whether the head has other code than this worker; asked for once, in case the head's does not run here."""
        news = [order for order in orders if order.startswith("code ")]
        if not news or news[0] == os.environ.get("LAB_SEEN"):
            return False
        os.environ["LAB_SEEN"] = news[0]
        return True

    @property
    def is_paused(self):
        """Whether the worker takes no more tasks until it is told to run."""
        return self.paused is not None

    def pause(self, wanted):
        """Take no more tasks, or take them again; also after the connection to the broker was made anew."""
        consumer = self.worker.consumer.task_consumer
        if not (consumer and consumer.channel and consumer.channel.connection):  # it is being made anew
            return
        if wanted and self.paused is not consumer:
            logger.warning("told to pause: taking no more tasks")
            consumer.cancel()
            self.paused = consumer
        elif self.paused and not wanted:
            logger.warning("told to run: taking tasks again")
            consumer.consume()
            self.paused = None

    def stop_tasks(self, orders):
        """End cancelled tasks that do not stop by themselves, together with the processes that run them."""
        for request in list(state.active_requests):
            if request.id in orders:
                logger.warning("task %s was cancelled and did not stop: its process is killed", request.id)
                with suppress(NotImplementedError):  # a thread cannot be killed
                    request.terminate(self.worker.pool, signal="KILL")

    def end(self, how):
        """Finish what runs, and end; after a reload the same command starts again, with the code that is here then."""
        logger.warning("told to %s: finishing what runs", how)
        self.ending = how
        state.should_stop = os.EX_OK if how == "reload" else TOLD_TO_STOP
        worker_shutting_down.send(self.worker.hostname, sig=how, how="Warm", exitcode=state.should_stop)
        if how == "reload":
            start = shlex.split(os.environ.get("LAB_START", "")) or [sys.executable, *sys.orig_argv[1:]]
            atexit.register(os.execvp, start[0], start)
