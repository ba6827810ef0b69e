"""Tells Celery of each part of a chord so that none is lost, and none counts that comes from a stale attempt.

Celery sends the last task of a chord when it has heard of all parts. A part is told before the ledger ends its
task: whoever dies in between is run again, and Celery counts a part once, however often it is told.
"""

import time

from celery import states
from celery.backends.redis import RedisBackend
from celery.exceptions import TaskRevokedError

PAUSE = 0.2  # seconds between two looks at a chord that somebody else is about to complete


class ChordBackend(RedisBackend):
    """A result backend that hears of each part from the attempt that holds it."""

    def tell_chord(self, request, state, result):
        """Tell the chord of the end of this part, unless another attempt holds it."""
        if self.holds(request):
            self.complete(request, state, result)
        request.told_chord = True

    def holds(self, request):
        """Whether the ledger would believe this attempt an end."""
        worker = getattr(request, "hostname", None) or ""
        return bool(self.app.ledger.step("holds", request.id, getattr(request, "attempt", None) or "", worker))

    def tell_refusal(self, request):
        """A part was cancelled before it began, or given up: let its chord wait for it no longer."""
        record = self.app.ledger.task(request.id) if request.chord else None
        if record and record["state"] in states.PROPAGATE_STATES:
            self.complete(request, states.REVOKED, TaskRevokedError("cancelled, or given up"))

    def on_chord_part_return(self, request, state, result, **kwargs):
        """Tell the chord, where that has not been done yet."""
        if not getattr(request, "told_chord", False):
            self.complete(request, state, result)

    def complete(self, request, state, result):
        """Tell the chord; where all parts are there, see to it that its last task is sent.

        Whoever completes a chord has some seconds to send the last task. Does it die meanwhile, we do it.
        """
        size, claim = (self.get_key_for_group(request.group, end) for end in (".s", ".c"))
        while True:
            self.ensure(super().on_chord_part_return, (request, state, result))
            if self.ensure(self.client.exists, (size, claim)) < 2:  # there is no claim, or the chord is done
                return
            time.sleep(PAUSE)
