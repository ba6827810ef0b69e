"""A command is asked to stop: Ctrl-C, TERM, or a closed terminal."""

import signal

SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


class Stop(BaseException):
    """Somebody asked this command to stop."""


def heed_signals():
    """From here on a signal raises Stop, once."""
    for number in SIGNALS:
        signal.signal(number, ask_to_stop)


def ask_to_stop(*_):
    """A signal came: stop, and heed no further one."""
    ignore_signals()
    raise Stop


def ignore_signals():
    """From here on nothing interrupts the stop, which takes seconds."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
