"""Stores how tasks ended, in the ledger and where Celery looks for it."""

from celery import states
from celery.backends.redis import ResultConsumer
from redis.exceptions import OutOfMemoryError

from classroom.recorded.chords import ChordBackend, is_part
from classroom.recorded.values import dumps, problem
from ledger import TERMINAL


class LateConsumer(ResultConsumer):
    """Subscribes to a result when somebody waits for it: subscribing at each send hangs a process in the end."""

    def consume_from(self, task_id):
        """Subscribe to nothing yet."""

    def _wait_for_pending(self, result, **kwargs):
        """Subscribe to the result, or to those of a group, and wait."""
        for task_id in ids_in(result):
            super().consume_from(task_id)
        return super()._wait_for_pending(result, **kwargs)


def ids_in(result):
    """The id of a result, or the ids of all results in a group."""
    if not hasattr(result, "results"):
        return [result.id]
    return [task_id for part in result.results for task_id in ids_in(part)]


class RecordedBackend(ChordBackend):
    """Celery's result backend, which tells the ledger first how each task ended."""

    ResultConsumer = LateConsumer

    def exception_safe_to_retry(self, exc):
        """Whether to store it again later: also when Redis's memory is full."""
        return isinstance(exc, OutOfMemoryError) or super().exception_safe_to_retry(exc)

    def store_result(self, task_id, result, state, traceback=None, request=None, **kwargs):
        """Store how a task ended, unless the ledger knows an earlier end; it hears of a part of a chord later."""
        part = is_part(request) and state in TERMINAL
        if self.holds(request) if part else self.accepted(task_id, result, state, request):
            return super().store_result(task_id, result, state, traceback, request, **kwargs)

    def mark_as_done(self, task_id, result, request=None, store_result=True, state=states.SUCCESS):
        """The task returned; the ledger hears it also of a task that stores no result."""
        if not (store_result or is_part(request)):
            self.accepted(task_id, result, state, request)
        super().mark_as_done(task_id, result, request, store_result, state)

    def mark_as_failure(self, task_id, exc, traceback=None, request=None, store_result=True, **kwargs):
        """The task failed; the ledger hears it also of a task that stores no result, but not of a stale attempt."""
        if getattr(request, "attempt", None) and not self.holds(request):
            return
        if not (store_result or is_part(request)):
            self.accepted(task_id, exc, states.FAILURE, request)
        super().mark_as_failure(task_id, exc, traceback, request, store_result, **kwargs)

    def accepted(self, task_id, result, state, request):
        """Tell the ledger; False when this attempt's word comes too late."""
        attempt = getattr(request, "attempt", None) or ""
        step = self.app.ledger.step
        if state == states.RETRY:
            return bool(step("retried", task_id, attempt, problem(result)))
        if state not in TERMINAL:
            return True
        value = dumps(result) if state == states.SUCCESS else ""
        error = problem(result, self.soft_limit(request)) if state == states.FAILURE else ""
        worker = getattr(request, "hostname", None) or ""
        return bool(step("ended", task_id, attempt, worker, state, value, error))

    def soft_limit(self, request):
        """The seconds after which this attempt was asked to stop."""
        _, soft = getattr(request, "timelimit", None) or (None, None)
        return soft or getattr(self.app.tasks.get(getattr(request, "task", None)), "soft_time_limit", None)
