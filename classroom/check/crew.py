"""The workers of the program under check: how many of them take tasks, and what befalls one of them."""

import errno
import os
import shutil
import time
from contextlib import contextmanager

from classroom.check.verdict import Failed, Undecided
from classroom.words import _

OBEY = 40  # seconds within which workers start, pause or go on
LEAST = 2**20  # bytes that a worker needs to start
BACK = 40  # seconds within which a worker that stood still has ended what it had in hand


def named(cluster, name):
    """The process of a worker, by the name that the status of a task gives it."""
    for worker in cluster.workers:
        if worker.name == name.partition("@")[0]:
            return worker
    raise Failed(_("the name of a worker in the status of the task"), name)


def let(program, count):
    """Let exactly so many workers take tasks: start those that are missing, and pause the others.

    Raises Failed where one that was started ends by itself.
    """
    cluster = program.cluster
    started = [worker.restart() for worker in cluster.workers if not worker.alive]
    while len(cluster.workers) < count:
        started.append(cluster.make_worker(f"worker{len(cluster.workers) + 1}").start())
        cluster.workers.append(started[-1])
    wanted = {worker.name: place >= count for place, worker in enumerate(cluster.workers)}
    deadline = time.monotonic() + OBEY
    told = set()
    while True:
        known = {one["name"].partition("@")[0]: one for one in cluster.ledger.workers()}
        for name in known.keys() & wanted.keys() - told:
            cluster.ledger.step("told", known[name]["name"], "pause" if wanted[name] else "run")
            told.add(name)
        obeyed = all(name in known and known[name]["paused"] == wanted[name] for name in wanted)
        if obeyed and all(worker.said(" ready.") for worker in started):  # a dead one of its name is known for a while
            return
        for worker in started:
            if not worker.alive:  # where the broker is to blame, the plugin says so
                raise Failed(
                    _("a worker that does not end while it loads or runs your exercise"),
                    how_it_ended(program, worker),
                    because=program.last_error(worker),
                )
        if time.monotonic() > deadline:
            raise Undecided(_("the workers were not ready within {seconds} s", seconds=OBEY))
        time.sleep(0.05)


def how_it_ended(program, worker):
    """How a worker ended that should not have: its exit code, and whether it had no room to write in."""
    code, why = worker.process.poll(), os.strerror(errno.ENOSPC)
    if shutil.disk_usage(program.home).free < LEAST:
        return _("it ended by itself, with exit code {code}: {why}", code=code, why=why)
    return _("it ended by itself, with exit code {code}", code=code)


@contextmanager
def frozen(program, name):
    """Let a worker stand still in a `with` block; after it, the worker has ended all that it had in hand."""
    worker, last = named(program.cluster, name), program.last
    worker.freeze()
    try:
        yield
    finally:
        worker.thaw()
    deadline = time.monotonic() + BACK
    while program.ended(program.send("longtask", 0, 0))["worker"] != name:  # it does one at a time: this one comes last
        if time.monotonic() > deadline:
            raise Failed(
                _("a worker that stood still, and takes other tasks when it is back"),
                _("it took none within {within} s", within=BACK),
                because=_("it has not ended yet what it did before"),
            )
    program.last = last
