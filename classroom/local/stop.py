"""A command is asked to stop: Ctrl-C, TERM, or a closed terminal."""

import signal
import threading
from contextlib import contextmanager

SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


class Stop(BaseException):
    """Somebody asked this command to stop."""


class Asked:
    """Whether a signal came, and whether one is only noted for now."""

    came = is_noted = False


def heed_signals():
    """From here on a signal raises Stop, once."""
    Asked.came = False
    for number in SIGNALS:
        signal.signal(number, ask_to_stop)


def ask_to_stop(*_):
    """A signal came: stop, and heed no further one."""
    Asked.came = True
    if not Asked.is_noted:
        ignore_signals()
        raise Stop


def stop_if_asked():
    """Raise Stop where a signal came to no effect: Python drops what is raised while it takes an object apart."""
    if Asked.came:
        ask_to_stop()


def ignore_signals():
    """From here on nothing interrupts the stop, which takes seconds."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def stop_later():
    """Within it a signal only waits: else what is being started would be left behind."""
    if threading.current_thread() is not threading.main_thread() or Asked.came:
        yield
        return
    Asked.is_noted = True
    try:
        yield
    finally:
        Asked.is_noted = False
    stop_if_asked()
