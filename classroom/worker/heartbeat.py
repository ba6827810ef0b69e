"""A worker's life, told by its heartbeats: a key that expires when it dies."""

import json
import os
import socket
import threading
import time
from contextlib import suppress

from celery.utils.log import get_logger
from celery.worker import state
from redis import RedisError
from redis.exceptions import AuthenticationError

from classroom.code import fingerprint, versions
from classroom.recorded.connection import lock_out
from classroom.worker.control import Control
from ledger import BEAT, CLOCKS_APART, Ledger

logger = get_logger(__name__)


class Heartbeat:
    """What a worker says of itself in the ledger, every second or two, and hears what it is told."""

    def __init__(self, worker, comes_back=False):
        self.name = worker.hostname
        self.worker = worker
        self.stopped = threading.Event()
        self.greeting = "back" if comes_back else "new"  # what one that reloads was told meanwhile still counts
        self.goes_on = None  # the thread of the last heartbeats
        self.control = Control(worker)
        self.ledger = Ledger(worker.app.results)  # not patient: the next beat comes anyway
        self.about = {
            "name": self.name,
            "host": socket.gethostname(),
            "concurrency": worker.concurrency,
            "cores": cores(),
            "code": fingerprint(),
            "versions": versions(),
            "tasks": sorted(name for name in worker.app.tasks if not name.startswith("celery.")),
            "clock_ahead_s": 0.0,
        }

    def beat(self, **_):
        """Renew what this worker holds, and do what it is told."""
        try:
            self.control.obey(self.renew())
        except RedisError as error:
            logger.warning("heartbeat not heard: %s", error)

    def renew(self):
        """Renew the worker's key and the leases of the tasks that it runs; returns what it is told."""
        if self.greeting:
            self.ledger.step("hello", self.name, self.greeting)
            self.greeting = ""
        running = [request.id for request in state.active_requests]
        about = self.about | {"paused": self.control.is_paused}
        before = time.time()
        time_there, *orders = self.ledger.step("alive", self.name, json.dumps(about), self.about["code"], *running)
        after = time.time()
        if after - before < 0.5:  # else nobody knows when in between the broker told its time
            self.compare_clocks((before + after) / 2 - float(time_there))
        return orders

    def compare_clocks(self, ahead):
        """Warn, once, of a clock that is wrong: leases do not depend on it, but what people read in logs does."""
        if abs(ahead) > CLOCKS_APART >= abs(self.about["clock_ahead_s"]):
            direction = "ahead of" if ahead > 0 else "behind"
            logger.warning("this machine's clock is %.0f s %s the broker's: set it right", abs(ahead), direction)
        self.about["clock_ahead_s"] = round(ahead, 1)

    def look_after(self, **_):
        """Queue again what nobody holds any more: in a thread, as a broker that hangs must not stop the heartbeats."""
        threading.Thread(target=self.recover, daemon=True).start()

    def recover(self):
        """Look for what is lost, until the worker signs off."""
        ledger = Ledger(self.worker.app.results)
        while not self.stopped.wait(BEAT):
            try:
                self.worker.app.recover(ledger)
            except AuthenticationError:
                lock_out()
            except Exception as error:  # whatever a broker that is away or returns can raise: the next look may work
                logger.warning("could not look for lost tasks: %r", error)

    def go_on(self, **_):
        """Celery's heart stops before the tasks that a stopping worker still finishes; ours goes on."""
        if not self.goes_on:  # Celery says twice that it stops, where that takes longer
            self.goes_on = threading.Thread(target=self.last_beats, daemon=True)
            self.goes_on.start()

    def last_beats(self):
        """Renew until the worker signs off."""
        while not self.stopped.wait(BEAT):
            with suppress(RedisError, RuntimeError):  # the latter, when a task ends while it looks
                self.control.stop_tasks(self.renew())

    def stop(self, **_):
        """Sign off, so that nobody waits for this worker."""
        self.stopped.set()
        if self.goes_on:
            self.goes_on.join(5)  # or a heartbeat that is on its way might come after the last word
        with suppress(RedisError):
            self.ledger.step("gone", self.name, self.control.ending)


def cores():
    """How many of this machine's cores the worker may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
