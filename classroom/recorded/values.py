"""Results and errors, as the ledger keeps them."""

import json

from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded
from kombu.exceptions import EncodeError
from kombu.utils import json as kombu_json


def dumps(value):
    """The value as JSON text; raises EncodeError, which fails the task, for what JSON cannot hold."""
    try:
        kombu_json.dumps(value)  # what Celery will store
        return json.dumps(value, default=str)
    except (TypeError, ValueError) as error:
        raise EncodeError(error) from error


def problem(error, soft_limit=None):
    """An exception as the ledger keeps it: its type and its message."""
    message = str(error)
    if isinstance(error, TimeLimitExceeded):
        message = f"it ran longer than its time limit of {error.args[0]} s and was stopped by force"
    elif isinstance(error, SoftTimeLimitExceeded):
        message = f"it ran longer than its soft time limit of {soft_limit} s"
    return json.dumps({"type": type(error).__name__, "message": message})
