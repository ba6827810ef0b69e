"""What a worker is told from outside, by its control key in the ledger, which it reads with every heartbeat."""

import atexit
import os
import sys
from contextlib import suppress

from celery.signals import worker_shutting_down
from celery.utils.log import get_logger
from celery.worker import state

from classroom.recorded.connection import PausableConsumer

TOLD_TO_STOP = 3  # exit code of a worker that is not to be started again
logger = get_logger(__name__)


class Control:
    """Does what the worker is told: pause, reload, stop, or stop a task by force."""

    def __init__(self, worker):
        self.worker = worker
        self.ending = ""  # "stop" or "reload", once told so
        worker_shutting_down.connect(self.stay_away, weak=False)

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
        return PausableConsumer.paused

    def pause(self, wanted):
        """Take no more tasks, or take them again."""
        if wanted == PausableConsumer.paused:
            return
        logger.warning("told to %s", "pause: taking no more tasks" if wanted else "run: taking tasks again")
        PausableConsumer.paused = wanted
        consumer = self.worker.consumer.task_consumer
        if consumer and consumer.channel and consumer.channel.connection:  # else it is being made anew
            (consumer.cancel if wanted else consumer.consume)()

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
            os.environ["LAB_NAME"] = self.worker.hostname
            start = [os.environ["LAB_START"]] if "LAB_START" in os.environ else [sys.executable, *sys.orig_argv[1:]]
            atexit.register(os.execvp, start[0], start)

    def stay_away(self, sig, **_):
        """Somebody wants this worker to end, perhaps while it reloads: then it does not start again."""
        if sig != "reload":
            atexit.unregister(os.execvp)
