"""A message in a worker's hands."""

from celery.exceptions import Ignore, Reject
from celery.worker import request


class Refused(Ignore):
    """A worker leaves a task alone: the task has ended, was cancelled, or runs elsewhere."""


class Request(request.Request):
    """A message in a worker's hands; tells the ledger when it goes back to the queue."""

    why = "process"  # it goes back because the process that ran it died

    def acknowledge(self):
        """Tell the broker that this message is done with."""
        super().acknowledge()
        self.let_go()

    def let_go(self):
        """Hold the message no longer, though the broker was not there to hear it: else no other would be taken."""
        tag, qos = self.message.delivery_tag, getattr(self.message.channel, "qos", None)
        if tag in getattr(qos, "_delivered", ()) and tag not in qos._dirty:
            qos._quick_ack(tag)

    def reject(self, requeue=False):
        """Refuse the message; it goes back to the queue when the process that ran it died."""
        if requeue:
            self.give_back(self.why)
        super().reject(requeue)
        if requeue and self.why == "process":  # Celery gives it back in its next turn: this comes in the one after that
            call_soon = self._on_reject.fun
            call_soon(call_soon, self.task.app.ledger.step, "first", self.id)
        self.let_go()

    def cancel(self, *args, **kwargs):
        """Stop the attempt because the worker stops; its message goes back to the queue."""
        super().cancel(*args, **kwargs)
        self.give_back("returned")

    def give_back(self, why):
        """Tell the ledger that the attempt is over; where that is the end of the task, its chord has to hear it."""
        app = self.task.app
        app.ledger.step("returned", self.id, self.hostname, why)
        app.backend.tell_refusal(self._context)

    def on_failure(self, exc_info, *args, **kwargs):
        """The attempt ended with an exception, one of Celery's own among them."""
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        if isinstance(error, Reject):
            self.why = "returned"
        super().on_failure(exc_info, *args, **kwargs)
        if isinstance(error, Ignore) and not isinstance(error, Refused):
            self.task.app.ledger.step("ignored", self.id, self.hostname)
