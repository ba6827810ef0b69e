"""gunicorn's settings: `gunicorn app:app` reads this file by itself."""

import sys
import threading
import time
from contextlib import suppress

from classroom.environment import whole

worker_class = "gthread"
workers = whole("WEB_PROCESSES", 2)
threads = whole("WEB_THREADS", 16)
preload_app = False  # each process opens its own connections: one shared across a fork mixes up answers
limit_request_line = 8190  # a path with a very long id reaches the app, which answers 404
graceful_timeout = 2  # seconds that a held ?wait= may delay a stop
keepalive = 10  # seconds that a page's connection is kept: longer than any page waits before it asks again
control_socket_disable = True  # it would lie in the user's home


def post_worker_init(worker):
    """Tell the workers which code they should run, before a task comes that only this code knows."""
    if not announced():
        threading.Thread(target=announce, args=[worker], daemon=True).start()
    worker.log.info("Ready to answer (pid: %s)", worker.pid)


def announced():
    """Write this code's fingerprint into the ledger; False where the broker does not answer."""
    from redis import RedisError

    from classroom.address import result_backend
    from classroom.code import fingerprint
    from ledger import Ledger

    with suppress(RedisError):
        return Ledger(result_backend()).step("code", fingerprint())
    return False


def announce(worker):
    """Write it as soon as the broker is there, unless a newer process has taken this one's place."""
    while worker.alive and not announced():
        time.sleep(2)


def on_starting(server):
    """Stop with a sentence, once, where no Redis is named for the results."""
    from classroom.address import result_backend

    result_backend()
    forget()


def forget():
    """Forget our modules: children would have them from gunicorn's own process, as they were before a reload."""
    for name in [name for name in sys.modules if name.split(".")[0] in ("classroom", "ledger")]:
        del sys.modules[name]


forget()
