"""Makes a process that Celery starts a worker of the cluster: patient, and with a name of its own."""

import logging
import os
import secrets
import socket
import sys

import click
from celery.signals import (
    celeryd_after_setup,
    heartbeat_sent,
    worker_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from redis import RedisError
from redis.exceptions import AuthenticationError, NoPermissionError

from classroom.recorded.connection import LOCKED_OUT
from classroom.worker.heartbeat import Heartbeat
from ledger import BEAT, Ledger


@worker_init.connect
def prepare(sender, **_):
    """Make this process a worker of the cluster: patient, with a name of its own, line by line."""
    if sender.options.get("without_heartbeat"):
        sys.exit("A worker's life is told by its heartbeats: start it again without --without-heartbeat.")
    if "solo" in str(sender.pool_cls):
        sys.exit("The solo pool sends no heartbeats while a task runs: start again with --pool=prefork.")
    comes_back = os.environ.pop("LAB_NAME", "")  # from a reload, as this one
    if not named_by_hand():
        sender.hostname = comes_back or f"worker-{secrets.token_hex(2)}@{socket.gethostname()}"
    # Gossip and mingle listen to all other workers: the more workers, the more each has to do.
    sender.options.update(heartbeat_interval=BEAT, without_gossip=True, without_mingle=True)
    sys.stdout.reconfigure(line_buffering=True)
    sender.app.conf.update(sender.app.patient)
    sender.app.ledger = Ledger(sender.app.results, patient=True)
    sender.app.events.dispatcher_cls = "classroom.worker.events:QuietDispatcher"
    for name in ("celery.worker.consumer.consumer", "celery.worker.consumer.connection"):
        logging.getLogger(name).addFilter(in_short)
    heart = Heartbeat(sender, comes_back=bool(comes_back))
    heartbeat_sent.connect(heart.beat, weak=False)
    worker_ready.connect(heart.look_after, weak=False)
    worker_shutting_down.connect(heart.go_on, weak=False)
    worker_shutdown.connect(heart.stop, weak=False)


def in_short(record):
    """Leave out the traceback of a lost connection: the line before it says what happened."""
    if record.exc_info and isinstance(record.exc_info[1], (RedisError, OSError)):
        record.exc_info = None
    return True


@celeryd_after_setup.connect
def check_queues(instance, **_):
    """Stop with a sentence where the broker lets this worker into none of its queues."""
    for name in instance.app.amqp.queues.consume_from:
        try:
            Ledger(instance.app.results).redis.exists(name)
        except NoPermissionError:
            sys.exit(f"The queue {name!r} is not allowed on this broker: choose a name like 'celery-{name}'.")
        except AuthenticationError:
            sys.exit(LOCKED_OUT)
        except RedisError:  # it is not there yet: the worker will wait for it
            return


def named_by_hand():
    """Whether the worker's name was given with -n."""
    context = click.get_current_context(silent=True)
    return context and context.get_parameter_source("hostname") != click.core.ParameterSource.DEFAULT
