"""Celery, with an entry in the ledger at each step of every task.

Celery lets us in at four places: `send_task_message` sees every task on its way to the queue (amqp.py),
`before_start` sees it arrive at a worker (task.py), the worker's `Request` sees its message go back to
the queue (request.py), and the result backend hears how it ended (backend.py).
"""

from classroom.recorded.amqp import QueueFull
from classroom.recorded.app import RecordedCelery

__all__ = ["QueueFull", "RecordedCelery"]
