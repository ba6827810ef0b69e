"""A worker's life, told by its heartbeats: a name of its own, a key that expires when it dies."""

import json
import os
import secrets
import socket
import sys
import threading
import time
from contextlib import suppress

import click
from celery.signals import heartbeat_sent, worker_init, worker_ready, worker_shutdown, worker_shutting_down
from celery.utils.log import get_logger
from celery.worker.state import active_requests
from redis import RedisError

from classroom.code import fingerprint
from classroom.control import Control
from ledger import CLOCKS_APART, Ledger

BEAT = 1.5  # seconds
logger = get_logger(__name__)


@worker_init.connect
def prepare(sender, **_):
    """Make this process a worker of the cluster: patient, with a name of its own, line by line."""
    if sender.options.get("without_heartbeat"):
        sys.exit("A worker's life is told by its heartbeats: start it again without --without-heartbeat.")
    if "solo" in str(sender.pool_cls):
        sys.exit("The solo pool sends no heartbeats while a task runs: start again with --pool=prefork.")
    if not named_by_hand():
        sender.hostname = os.environ.pop("LAB_NAME", "") or f"worker-{secrets.token_hex(2)}@{socket.gethostname()}"
    # Gossip and mingle listen to all other workers: the more workers, the more each has to do.
    sender.options.update(heartbeat_interval=BEAT, without_gossip=True, without_mingle=True)
    sys.stdout.reconfigure(line_buffering=True)
    sender.app.conf.update(sender.app.patient)
    sender.app.ledger = Ledger(sender.app.results, patient=True)
    heart = Heartbeat(sender)
    heartbeat_sent.connect(heart.beat, weak=False)
    worker_ready.connect(heart.look_after, weak=False)
    worker_shutting_down.connect(heart.go_on, weak=False)
    worker_shutdown.connect(heart.stop, weak=False)


def named_by_hand():
    """Whether the worker's name was given with -n."""
    context = click.get_current_context(silent=True)
    return context and context.get_parameter_source("hostname") != click.core.ParameterSource.DEFAULT


class Heartbeat:
    """What a worker says of itself in the ledger, every second or two, and hears what it is told."""

    def __init__(self, worker):
        self.name = worker.hostname
        self.worker = worker
        self.stopped = threading.Event()
        self.greeted = False
        self.control = Control(worker)
        self.ledger = Ledger(worker.app.results)  # not patient: the next beat comes anyway
        self.about = {
            "name": self.name,
            "host": socket.gethostname(),
            "concurrency": worker.concurrency,
            "code": fingerprint(),
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
        if not self.greeted:
            self.ledger.step("hello", self.name)
            self.greeted = True
        running = [request.id for request in active_requests]
        about = self.about | {"paused": self.control.is_paused}
        time_there, *orders = self.ledger.step("alive", self.name, json.dumps(about), self.about["code"], *running)
        self.compare_clocks(time.time() - float(time_there))
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
            except Exception as error:  # whatever a broker that is away or returns can raise: the next look may work
                logger.warning("could not look for lost tasks: %r", error)

    def go_on(self, **_):
        """Celery's heart stops before the tasks that a stopping worker still finishes; ours goes on."""
        threading.Thread(target=self.last_beats, daemon=True).start()

    def last_beats(self):
        """Renew until the worker signs off."""
        while not self.stopped.wait(BEAT):
            with suppress(RedisError, RuntimeError):  # the latter, when a task ends while it looks
                self.control.stop_tasks(self.renew())

    def stop(self, **_):
        """Sign off, so that nobody waits for this worker."""
        self.stopped.set()
        with suppress(RedisError):
            self.ledger.step("gone", self.name, self.control.ending)
