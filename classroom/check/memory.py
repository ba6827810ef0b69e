"""How much memory the processes of a run take together."""

import psutil


def taken(processes, enough):
    """How many bytes these processes take; where their sum is more than enough, what they share is counted once."""
    total = sum(map(resident, processes))
    return total if total <= enough else sum(map(own_part, processes))


def resident(process):
    """The bytes of a process in memory, with all that others have, too; 0 where it is gone."""
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def own_part(process):
    """The bytes of a process in memory, with its part of what it shares; slower, and Linux alone knows it."""
    try:
        return process.memory_full_info().pss
    except (psutil.Error, AttributeError, OSError):
        return resident(process)
