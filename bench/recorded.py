"""The no-op task on the cluster's own Celery app: every step of it is in the ledger."""

from tasks import celery


@celery.task(name="noop")
def noop(x):
    """Do nothing."""
    return x
