"""Notices that a file of ours was saved, and lets the running cluster use it."""

import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil

from classroom.local.cluster import ROOT
from classroom.local.refused import write_refused

PATTERNS = ("*.py", "*.lua", "classroom/**/*.py", "exercises/*/exercise.py")
EFFORT = 10  # seconds of the processor's time that an import may take, however busy the machine is
CHECK = f"""
import logging, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({EFFORT}, {EFFORT + 1}))
logging.disable()  # what it would say of an exercise is said below
import app
changed = [why for name, why in app.exercises.broken.items() if "exercises/" + name + "/exercise.py" in sys.argv]
sys.exit("\\n".join(changed) or None)
"""
CALM = "Everything goes on as before."
BEHIND = "{} may load it when done with a task, having yet to load what was saved before."
MIXED = "It was saved while the web server was loading, which may run, or fail, with it."
ENDLESS = "  importing it does not come to an end within {}: is there a loop outside of every function?"
PATIENCE = 60  # seconds that an import may take where it merely waits
LOADING = 30  # seconds after which a web server that loads is no longer waited for
LOOK = 1  # seconds between two looks; looking works on every file system, which being told does not


class Reloader:
    """Compares the files with those that are used; to be asked often what there is to say.

    It is made before the web server is started: what is saved while that loads is used as soon as it has.
    """

    def __init__(self, cluster):
        self.cluster = cluster
        self.used = self.tried = self.seen = stamps()
        self.next_look = 0
        self.loads_until, self.old = time.monotonic() + LOADING, set()  # while it loads: its end, its old processes
        self.mixed = False  # whether files were saved while it loaded

    def look(self):
        """Reload the web server when files were saved and can be used; returns a sentence for each thing to say.

        The workers follow by themselves: the new web server tells them which code it runs.
        """
        if time.monotonic() < self.next_look:
            return []
        self.next_look = time.monotonic() + LOOK
        before, self.seen = self.seen, stamps()
        if self.loads() or self.seen == self.tried or self.seen != before:  # nothing new, or being saved just now
            return []
        changed = sorted(different(self.seen, self.used) | different(self.seen, self.tried))
        self.tried = self.seen
        files, trouble = ", ".join(changed), self.trouble(changed)
        write_refused(self.cluster.refused, trouble and in_short(files, trouble))
        if trouble:
            return [f"{files} changed, but cannot be used:", trouble, MIXED if self.mixed else self.calm()]
        self.used = self.seen
        self.reload()
        return [f"{files} changed: the web server and the workers take it over."]

    def calm(self):
        """What goes on: not all as before, where a worker has yet to load what was saved last."""
        listed = (self.cluster.get("/workers") or {}).get("workers", [])
        ours = {worker.name for worker in self.cluster.workers}
        behind = [name for one in listed if one["old_code"] and (name := one["name"].split("@")[0]) in ours]
        return BEHIND.format(", ".join(behind)) if behind else CALM

    def reload(self):
        """Let the web server load the files anew."""
        self.loads_until, self.old = time.monotonic() + LOADING, self.web_processes()
        if self.cluster.web.alive:
            self.cluster.web.process.send_signal(signal.SIGHUP)
        else:
            self.cluster.web.start()

    def loads(self):
        """Whether the web server is loading: what is saved meanwhile may be in what it loads, and is judged later."""
        if self.loads_until and (self.has_loaded() or time.monotonic() > self.loads_until):
            self.loads_until, self.mixed = None, self.seen != self.tried
        return self.loads_until is not None

    def has_loaded(self):
        """Whether there are new processes of the web server, and all of them answer; or it failed."""
        if not self.cluster.web.alive:
            return True
        new = self.web_processes() - self.old
        return new and all(self.cluster.web.said(f"Ready to answer (pid: {pid})") for pid in new)

    def web_processes(self):
        """The ids of the web server's processes."""
        with suppress(psutil.Error, AttributeError):
            return {process.pid for process in self.cluster.web.process.children()}
        return set()

    def trouble(self, changed):
        """What is wrong with these files, in the words of Python where it cannot import them; empty when it can."""
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
            return ENDLESS.format(f"{PATIENCE} s")
        if done.returncode == -signal.SIGXCPU:
            return ENDLESS.format(f"{EFFORT} s of the processor's time")
        if not done.returncode:
            return ""
        said = done.stderr.strip() or f"importing it ends Python, with exit code {done.returncode}"
        return "\n".join(f"  {line}" for line in said.splitlines()[-4:])


def different(some, others):
    """The names of the files that these stamps do not have in common."""
    return {str(path.relative_to(ROOT)) for path, _ in set(some.items()) ^ set(others.items())}


def in_short(files, trouble):
    """What is wrong, for everybody who sees the page: in one line, without what else lies in the file or above it."""
    last = trouble.splitlines()[-1].strip().replace(f"{ROOT}/", "")
    return last if last.startswith("exercises/") else f"{files}: {last}"


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
