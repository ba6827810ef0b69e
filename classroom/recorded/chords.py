"""Tells Celery of each part of a chord so that none is lost, and none counts that comes from a stale attempt.

Celery sends the last task of a chord when it has heard of all parts. It hears of a part before the ledger ends
that part's task: whoever dies in between is run again, and Celery counts a part once, however often it hears of it.
"""

import json
import threading
import time
from functools import wraps

from billiard import current_process
from celery import states
from celery.app.task import Context
from celery.backends.redis import RedisBackend
from celery.exceptions import TaskRevokedError
from kombu.utils import json as kombu_json

PAUSE = 0.2  # seconds between two looks at a chord that somebody else is about to complete


def aside(method):
    """Run it in a thread where a worker's own loop calls: it may wait for seconds, and heartbeats must not."""

    @wraps(method)
    def call(*args, **kwargs):
        if current_process().name == "MainProcess" and threading.current_thread() is threading.main_thread():
            threading.Thread(target=method, args=args, kwargs=kwargs).start()
        else:
            method(*args, **kwargs)

    return call


class ChordBackend(RedisBackend):
    """A result backend that hears of each part of a chord from the attempt that holds it."""

    @aside
    def on_chord_part_return(self, request, state, result, **kwargs):
        """A part has ended: let the chord hear of it, and then the ledger; nobody where another attempt holds it."""
        if self.holds(request):
            self.tell_chord(request, state, result)
            self.accepted(request.id, result, state, request)
        else:
            self.tell_refusal(request)

    def mark_as_revoked(self, task_id, reason="", request=None, *args, **kwargs):
        """A task was stopped: what comes after it ends, too."""
        super().mark_as_revoked(task_id, reason, request, *args, **kwargs)
        if request:
            self.tell_refusal(request)

    def holds(self, request):
        """Whether the ledger would believe this attempt an end."""
        attempt, worker = (getattr(request, name, None) or "" for name in ("attempt", "hostname"))
        return bool(self.app.ledger.step("holds", request.id, attempt, worker))

    @aside
    def tell_refusal(self, request):
        """A task does not run: if it was cancelled or given up, tell its chord, and let what comes after it fail."""
        record = self.app.ledger.task(request.id)
        if not record or record["state"] not in states.PROPAGATE_STATES:
            return
        how = "was cancelled" if record.get("cancelled") else "had expired"
        if record["state"] == states.FAILURE:
            how = f"failed: {json.loads(record['error'])['message']}"
        error = TaskRevokedError(f"the task {record.get('name')!r} before it {how}")
        if request.chord:
            self.tell_chord(request, states.REVOKED, error)
        self._fail_chain(request.chain, error)

    def tell_refusal_of(self, said):
        """The same, of a recorded message that no worker has in hand; nothing where nothing comes after it."""
        headers, _, body, *_ = kombu_json.loads(said)
        if body[-1]["chord"] or body[-1]["chain"]:
            self.tell_refusal(Context(headers | body[-1]))

    def tell_chord(self, request, state, result):
        """Tell a chord of a part; where all parts are there, see to it that its last task is sent.

        Whoever completes a chord has some seconds to send the last task. Where it dies meanwhile, we do it then.
        """
        if not request.group:
            return
        size, claim = (self.get_key_for_group(request.group, end) for end in (".s", ".c"))
        while True:
            self.ensure(super().on_chord_part_return, (request, state, result))
            if self.ensure(self.client.exists, (size, claim)) < 2:  # nobody is about to complete it, or it is done
                return
            time.sleep(PAUSE)


def is_part(request):
    """Whether this is the request of a part of a chord."""
    return bool(getattr(request, "chord", None))
