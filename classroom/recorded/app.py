"""A Celery app whose tasks are all in the ledger."""

import os

import celery
from kombu.utils import json as kombu_json

from classroom.recorded.amqp import PRIORITY
from classroom.recorded.task import RecordedTask
from ledger import Ledger


class RecordedCelery(celery.Celery):
    """A Celery app that writes each task into the ledger before the broker gets it."""

    amqp_cls = "classroom.recorded.amqp:RecordedAMQP"

    def __init__(self, name, broker, results, max_waiting=50_000):
        # Not as an argument: CELERY_RESULT_BACKEND in the environment would put Celery's own in its place.
        self.backend_cls = f"classroom.recorded.backend:RecordedBackend+{results}"
        # As these two: CELERY_BROKER_URL in the environment would come before the argument.
        settings = {"broker_read_url": broker, "broker_write_url": broker}
        super().__init__(name, broker=broker, task_cls=RecordedTask, changes=settings)
        self.ledger = Ledger(results)
        self.results = results
        self.max_waiting = max_waiting

    def recover(self, ledger):
        """Queue again what nobody holds any more; any process may do this at any time."""
        if os.environ.get("LEDGER_RECOVERY") == "off":  # to show what is lost without it
            return
        empty = [name for name in ledger.step("queues") if self.amqp.is_empty(name.split(PRIORITY)[0])]
        for message in ledger.step("overdue", *empty):
            self.amqp.send_again(kombu_json.loads(message))

    def _task_from_fun(self, fun, name=None, base=None, **options):
        """Make a task as Celery does, one that the ledger hears of whatever its base class is."""
        if base and not issubclass(base, RecordedTask):
            base = type(base.__name__, (base, RecordedTask), {})
        if options.get("time_limit"):  # alone it would lie below the soft limit of all tasks, which Celery refuses
            options.setdefault("soft_time_limit", options["time_limit"])
        return super()._task_from_fun(fun, name=name, base=base, **options)
