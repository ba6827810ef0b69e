"""The drill's task, acknowledged when it is taken and not when it is done."""

from celery import current_app

current_app.conf.task_acks_late = False

from classroom.drill.exercise import bp, drill  # noqa: E402, F401
