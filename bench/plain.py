"""The no-op task on Celery alone, with late acknowledgement: what the ledger's cost is compared with."""

import os

from celery import Celery

celery = Celery("plain", broker=os.environ["CELERY_BROKER_URL"], backend=os.environ["CELERY_RESULT_BACKEND"])
celery.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
)


@celery.task(name="noop")
def noop(x):
    """Do nothing."""
    return x
