"""What makes a process that Celery starts a worker of the cluster."""

from classroom.worker import signals  # noqa: F401 - for what it registers
