"""Notices that a file of ours was saved, and lets the running cluster use it."""

import signal
import subprocess
import sys
import time
from contextlib import suppress

from redis import RedisError

from classroom.local.cluster import ROOT

PATTERNS = ("*.py", "*.lua", "classroom/**/*.py", "exercises/*/exercise.py")
CHECK = """
import logging, sys
logging.disable()  # what it would say of an exercise is said below
import app
sys.exit("\\n".join(why for name, why in app.exercises.broken.items() if f"exercises/{name}/exercise.py" in sys.argv))
"""
PATIENCE = 15  # seconds that an import may take
LOOK = 1  # seconds between two looks; looking works on every file system, which being told does not


class Reloader:
    """Compares the files with those of its last look; to be asked often what there is to say."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.used = self.seen = stamps()
        self.next_look = 0
        self.tell("")

    def look(self):
        """Reload the web server when files were saved and can be used; returns a sentence for each thing to say.

        The workers follow by themselves: the new web server tells them which code it runs.
        """
        if time.monotonic() < self.next_look:
            return []
        self.next_look = time.monotonic() + LOOK
        before, self.seen = self.seen, stamps()
        if self.seen == self.used or self.seen != before:  # nothing new, or somebody is saving just now
            return []
        changed = sorted({str(path.relative_to(ROOT)) for path, _ in set(self.seen.items()) ^ set(self.used.items())})
        self.used = self.seen
        trouble = self.trouble(changed)
        self.tell(trouble)
        if trouble:
            return [f"{', '.join(changed)} changed, but cannot be used:", trouble, "Everything goes on as before."]
        if self.cluster.web.alive:
            self.cluster.web.process.send_signal(signal.SIGHUP)
        else:
            self.cluster.web.start()
        return [f"{', '.join(changed)} changed: the web server and the workers take it over."]

    def trouble(self, changed):
        """What is wrong with these files, in the words of Python where it cannot import them; nothing when it can."""
        try:
            done = subprocess.run(
                [sys.executable, "-c", CHECK, *changed],
                cwd=ROOT,
                env=self.cluster.web_env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            return f"  importing it takes longer than {PATIENCE} s: is there a loop outside of every function?"
        return "\n".join(f"  {line}" for line in done.stderr.strip().splitlines()[-4:]) if done.returncode else ""

    def tell(self, trouble):
        """Let the live page say what was saved and cannot be used; nothing when all can."""
        with suppress(RedisError):  # without a broker the page says so
            self.cluster.ledger.redis.set("lab:unused", " ".join(trouble.split()))


def stamps():
    """When each file was saved: path -> time and size."""
    found = {}
    for pattern in PATTERNS:
        for path in ROOT.glob(pattern):
            try:
                about = path.stat()
            except OSError:  # it is being replaced
                continue
            found[path] = about.st_mtime_ns, about.st_size
    return found
