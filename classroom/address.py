"""Where the broker is, and where results and the ledger are kept."""

import fcntl
import json
import os
import sys
from pathlib import Path

LAB = Path(os.environ.get("LAB_DIR") or Path(__file__).resolve().parents[1] / ".lab")
LOCALHOST = "redis://localhost:6379/0"


def broker_url():
    """The broker's address: from the environment, else the cluster running in this folder, else localhost."""
    return named("CELERY_BROKER_URL", "BROKER_URL") or running().get("broker_url") or LOCALHOST


def result_backend():
    """The address of the Redis that keeps results and the ledger: the broker itself when that is Redis."""
    results = named("CELERY_RESULT_BACKEND", "RESULT_BACKEND")
    if not results and broker_url().startswith(("redis://", "rediss://")):
        return broker_url()
    if not results or not results.startswith(("redis://", "rediss://")):
        sys.exit(
            f"Results are kept in Redis, and {hidden(results or broker_url())} is no Redis address.\n"
            "Name one beside the broker, for example RESULT_BACKEND=redis://localhost:6379/0"
        )
    return results


def named(*names):
    """The first of these environment variables that is set and not empty."""
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def running():
    """What `./lab up` says of the cluster it runs in this folder; empty when none is running."""
    try:
        if not held(LAB / "lock"):
            return {}
        return json.loads((LAB / "cluster.json").read_text())
    except (OSError, ValueError):
        return {}


def held(lock):
    """Whether a living process holds this lock: the system drops a lock together with its process."""
    with open(lock) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def hidden(url):
    """The address without its password, fit to be printed."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
