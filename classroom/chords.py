"""Tells Celery of each part of a chord so that none is lost, and none counts that comes from a stale attempt.

Celery sends the last task of a chord when it has heard of all parts. It hears of a part before the ledger ends
that part's task: whoever dies in between is run again, and Celery counts a part once, however often it hears of it.
"""

import time

from celery import states
from celery.backends.redis import RedisBackend
from celery.exceptions import TaskRevokedError

PAUSE = 0.2  # seconds between two looks at a chord that somebody else is about to complete


class ChordBackend(RedisBackend):
    """A result backend that hears of each part of a chord from the attempt that holds it."""

    def on_chord_part_return(self, request, state, result, **kwargs):
        """A part has ended: let the chord hear of it, and then the ledger; nobody where another attempt holds it."""
        if self.holds(request):
            self.tell_chord(request, state, result)
            self.accepted(request.id, result, state, request)

    def holds(self, request):
        """Whether the ledger would believe this attempt an end."""
        attempt, worker = (getattr(request, name, None) or "" for name in ("attempt", "hostname"))
        return bool(self.app.ledger.step("holds", request.id, attempt, worker))

    def tell_refusal(self, request):
        """A task was cancelled before it began, or given up: where it is a part of a chord, tell the chord."""
        record = self.app.ledger.task(request.id) if request.chord else None
        if record and record["state"] in states.PROPAGATE_STATES:
            self.tell_chord(request, states.REVOKED, TaskRevokedError("cancelled, or given up"))

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
