"""What stands behind app.py, tasks.py and the command ./lab."""

from classroom import code  # noqa: F401 - first of all: what is saved while the rest is imported is newer than this
