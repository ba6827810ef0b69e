"""What the check.py of an exercise is written with."""

from classroom.check.verdict import Failed, Undecided, expect
from classroom.words import _

__all__ = ["Failed", "Undecided", "_", "expect", "needs", "workers"]


def needs(*keys):
    """Mark a check that is made only where these have passed."""
    import pytest

    return pytest.mark.needs(*keys)


def workers(count):
    """Mark a check that is made while exactly so many workers take tasks; without the mark there are two."""
    import pytest

    return pytest.mark.workers(count)
