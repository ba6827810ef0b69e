"""Where the broker is, and where results and the ledger are kept."""

import fcntl
import json
import os
import sys
from pathlib import Path

LAB = Path(os.environ.get("LAB_DIR") or Path(__file__).resolve().parents[1] / ".lab").absolute()
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


def named(celerys, ours):
    """What the environment says: Celery's own variable wins over ours; None where neither is set."""
    value = os.environ.get(celerys) or os.environ.get(ours) or None
    if value and value == os.environ.get(ours):
        import psutil  # knows the environment as it was before the celery command put ours over Celery's

        value = psutil.Process().environ().get(celerys) or value
    return value


def running():
    """What `./lab up` says of the cluster it runs in this folder; empty when none is running."""
    try:
        if not held(LAB / "lock"):
            return {}
        return json.loads((LAB / "cluster.json").read_text())
    except (OSError, ValueError):
        return {}


def starting(up):
    """Whether this cluster, which running() tells of, is just being started, and has no web server yet."""
    return bool(up) and not up.get("url")


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


def no_answer(error):
    """What to say when the broker is not there."""
    if broker_url() == LOCALHOST:
        return "No cluster is running in this folder. Start one with ./lab up, or name its broker: BROKER_URL"
    return f"{hidden(result_backend())} does not answer: {error}"
