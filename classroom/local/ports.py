"""Finds ports that nobody listens on."""

import random
import socket


def is_free(port, host="127.0.0.1"):
    """Whether a server could listen here now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def first_free(start, host="127.0.0.1"):
    """The first free port from `start` on; raises OSError when the next 200 are all taken."""
    for port in range(start, start + 200):
        if is_free(port, host):
            return port
    raise OSError(f"no free port from {start} to {start + 199}")


def any_free():
    """A free port chosen at random, below those that the system gives to outgoing connections."""
    return first_free(random.randrange(10_000, 32_000))
