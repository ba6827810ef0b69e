"""A worker's life, told by its heartbeats: a name of its own, a key that expires when it dies."""

import hashlib
import json
import secrets
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import click
from celery.signals import heartbeat_sent, worker_init, worker_shutdown, worker_shutting_down
from celery.utils.log import get_logger
from celery.worker.state import active_requests
from kombu.exceptions import OperationalError
from redis import RedisError

from ledger import LEASE, Ledger

ROOT = Path(__file__).resolve().parents[1]
CODE = ("tasks.py", "ledger.*", "classroom/*.py", "exercises/*/exercise.py")
BEAT = 2  # seconds
logger = get_logger(__name__)


@worker_init.connect
def prepare(sender, **_):
    """Make this process a worker of the cluster: patient, with a name of its own, line by line."""
    if sender.options.get("without_heartbeat"):
        sys.exit("A worker's life is told by its heartbeats: start it again without --without-heartbeat.")
    if "solo" in str(sender.pool_cls):
        sys.exit("The solo pool sends no heartbeats while a task runs: start again with --pool=prefork.")
    if not named_by_hand():
        sender.hostname = f"worker-{secrets.token_hex(2)}@{socket.gethostname()}"
    # Gossip and mingle listen to all other workers: the more workers, the more each has to do.
    sender.options.update(heartbeat_interval=BEAT, without_gossip=True, without_mingle=True)
    sys.stdout.reconfigure(line_buffering=True)
    sender.app.conf.update(sender.app.patient)
    sender.app.ledger = Ledger(sender.app.results, patient=True)
    heart = Heartbeat(sender)
    heartbeat_sent.connect(heart.beat, weak=False)
    worker_shutting_down.connect(heart.go_on, weak=False)
    worker_shutdown.connect(heart.stop, weak=False)


def named_by_hand():
    """Whether the worker's name was given with -n."""
    context = click.get_current_context(silent=True)
    return context and context.get_parameter_source("hostname") != click.core.ParameterSource.DEFAULT


class Heartbeat:
    """What a worker says of itself in the ledger, every two seconds."""

    def __init__(self, worker):
        self.name = worker.hostname
        self.worker = worker
        self.stopped = threading.Event()
        self.heard_since = None  # when the first of an unbroken line of heartbeats was heard
        self.ledger = Ledger(worker.app.results)  # not patient: the next beat comes anyway
        self.about = {
            "name": self.name,
            "host": socket.gethostname(),
            "concurrency": worker.concurrency,
            "code": fingerprint(),
        }

    def beat(self, **_):
        """Renew what this worker holds, and look after what nobody holds any more."""
        try:
            self.renew()
            # After an outage the others need the time of a lease to be heard again, or they would be taken for dead.
            if time.monotonic() - self.heard_since >= LEASE:
                self.worker.app.recover(self.ledger)
        except (RedisError, OperationalError) as error:
            self.heard_since = None
            logger.warning("heartbeat not heard: %s", error)

    def renew(self):
        """Renew the worker's key and the leases of the tasks that it runs; stop by force what has to be."""
        running = {request.id: request for request in active_requests}
        for task_id in self.ledger.step("alive", self.name, json.dumps(self.about), *running):
            self.stop_by_force(running[task_id])
        now = time.monotonic()
        if self.heard_since is None or now - self.last_heard > LEASE:
            self.heard_since = now
        self.last_heard = now

    def go_on(self, **_):
        """Celery's heart stops before the tasks that a stopping worker still finishes; ours goes on."""
        threading.Thread(target=self.last_beats, daemon=True).start()

    def last_beats(self):
        """Renew until the worker signs off."""
        while not self.stopped.wait(BEAT):
            with suppress(RedisError):
                self.renew()

    def stop_by_force(self, request):
        """End a cancelled task that does not stop by itself, together with the process that runs it."""
        logger.warning("task %s was cancelled and did not stop: its process is killed", request.id)
        with suppress(NotImplementedError):  # a thread cannot be killed
            request.terminate(self.worker.pool, signal="KILL")

    def stop(self, **_):
        """Sign off, so that nobody waits for this worker."""
        self.stopped.set()
        with suppress(RedisError):
            self.ledger.step("gone", self.name)


def fingerprint():
    """Eight characters that change when a file that workers run changes."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in CODE for path in ROOT.glob(pattern)):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:8]
