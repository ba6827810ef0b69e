"""The Celery app and its tasks: what a worker runs.

Start a worker with:  celery -A tasks worker --loglevel=info
"""

import math
import time

from classroom import exercises, work  # noqa: F401 - the latter for what it registers
from classroom.address import broker_url, result_backend
from classroom.environment import whole
from classroom.recorded import RecordedCelery
from classroom.worker import signals  # noqa: F401 - for what it registers
from ledger import KEEP

celery = RecordedCelery(
    "tasks",
    broker=broker_url(),
    results=result_backend(),
    max_waiting=whole("MAX_WAITING", 50_000),
)

celery.set_default()  # what @shared_task means, in every thread

flower = whole("LAB_FLOWER", 0, low=0) > 0  # 1 where ./lab up --flower started this

celery.conf.update(
    # JSON only: a pickled message could run any code on the worker.
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    # One task at a time for each process: what waits, waits in the queue, where a new worker finds it.
    worker_prefetch_multiplier=1,
    # Acknowledge a task when it is done, not when it is taken: the broker keeps what a dead worker held.
    task_acks_late=True,
    # A killed worker process returns its task to the queue.
    task_reject_on_worker_lost=True,
    # The ledger records the start; Celery's own STARTED could overwrite the end of another attempt.
    task_track_started=False,
    # Stop a task that runs longer than the longest one allowed: first with an exception, then by force.
    task_soft_time_limit=660,
    task_time_limit=690,
    # Workers are seen by their heartbeats, and steered by nobody who merely reached the broker; Flower needs both.
    worker_enable_remote_control=flower,
    worker_send_task_events=flower,
    # A task that only other workers know goes back to the queue.
    worker_consumer="classroom.worker.unknown:PatientConsumer",
    # What a task prints appears as it was printed.
    worker_redirect_stdouts=False,
    # Results are kept as long as the ledger's records.
    result_expires=KEEP,
    # One connection to the results for all threads of a web process, not one for each.
    result_backend_thread_safe=True,
    # A worker that starts before its broker, or loses it, waits for it.
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # With RabbitMQ as the broker: a queue that survives the loss of a node.
    task_default_queue_type="quorum",
    # Whoever sends a task waits for a silent broker for less than half a second.
    broker_connection_timeout=0.5,
    broker_pool_limit=32,
    broker_pool_acquire_timeout=1,
    broker_transport_options={
        "socket_timeout": 0.4,
        "socket_connect_timeout": 0.4,
        "visibility_timeout": 3600,
        "confirm_publish": True,  # RabbitMQ: a task is sent when the broker says that it has it
    },
    redis_socket_timeout=0.5,
    redis_socket_connect_timeout=0.5,
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1},
)

# What a worker has that a web request has not: time to wait for the broker to come back.
celery.patient = {
    "broker_connection_timeout": 2,
    "broker_transport_options": {
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "visibility_timeout": 3600,  # above the time limit, or a long task would be run twice
        "confirm_publish": True,
    },
    "redis_socket_timeout": 5,
    "redis_socket_connect_timeout": 2,
    # A result is stored when Redis is back; without this the finished task would turn into a FAILURE.
    "result_backend_always_retry": True,
    "result_backend_max_retries": 120,
    "result_backend_max_sleep_between_retries_ms": 2000,
}


@celery.task(bind=True, name="longtask")
def longtask(self, x, seconds=5):
    """Work for some seconds in visible steps of half a second, then return x + x."""
    steps = math.ceil(seconds / 0.5)
    for step in range(steps):
        time.sleep(seconds / steps)
        self.progress(step + 1, steps)
    return x + x


exercises.load()
