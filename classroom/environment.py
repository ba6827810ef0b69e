"""Reads settings from the environment, loudly."""

import os
import sys


def whole(name, default, low=1):
    """The whole number that this environment variable holds; stops with a sentence for anything else."""
    words = os.environ.get(name) or str(default)
    if not words.isdecimal() or int(words) < low:
        sys.exit(f"The environment variable {name} should be a whole number from {low} on, not {words!r}.")
    return int(words)
