"""The two loads of ./lab scale: tasks that wait, and tasks that compute."""

import math
import time

from celery import shared_task

PRIMES_BELOW = 250_000  # about a second on one core


@shared_task(name="lab.sleep")
def sleep():
    """Sleep for a second: that takes a worker, but no core."""
    time.sleep(1)


@shared_task(name="lab.compute")
def compute():
    """Count some primes, which is the same work each time: about a second on one core."""
    return sum(all(n % d for d in range(2, math.isqrt(n) + 1)) for n in range(2, PRIMES_BELOW))


LOADS = {"sleep": sleep, "cpu": compute}
