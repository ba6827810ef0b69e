"""One process of the local cluster."""

import contextlib
import os
import signal
import subprocess
import time

import psutil

from classroom.local.stop import stop_if_asked, stop_later

LOG_SIZE = 2 * 2**20  # bytes; a log that grows beyond is moved aside, and one old one is kept


class NotReady(Exception):
    """A process did not become ready; the message says which, and shows the end of its log."""


class Process:
    """A named child process in a group of its own, with its output in a log file."""

    def __init__(self, name, argv, log, env, cwd, host=None):
        self.name, self.argv, self.log, self.env, self.cwd = name, argv, log, env, cwd
        self.host = host  # the machine it runs on, where that is not this one
        self.process = None
        self.held = False  # whether the supervisor leaves it dead for now
        self.is_over = False  # whether it ended, and all that it started: its number may be another's by now

    def start(self):
        """Start the process and return at once."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_SIZE:
            self.log.replace(self.log.with_suffix(".log.1"))
        with open(self.log, "ab") as log, stop_later():
            self.began = log.tell()
            self.is_over = False
            self.started_at = time.monotonic()
            self.process = psutil.Popen(
                self.host.command(self.argv) if self.host else self.argv,
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def wait_ready(self, ready, timeout=60, unless=None):
        """Wait until `ready()` is true, and return True; when it writes the words `unless`, kill it, False.

        Raises NotReady when the process ends first, or time is up.
        """
        deadline = time.monotonic() + timeout
        while not (self.alive and ready()):
            stop_if_asked()
            if unless and self.said(unless):
                self.kill()
                return False
            if not self.alive:
                raise NotReady(f"{self.name} ended with exit code {self.process.poll()}. {self.last_words()}")
            if time.monotonic() > deadline:
                raise NotReady(f"{self.name} was not ready after {timeout} s. {self.last_words()}")
            time.sleep(0.05)
        return True

    def last_words(self, lines=12):
        """The end of what the process wrote since its start."""
        with open(self.log, "rb") as log:
            log.seek(self.start_of(log))
            tail = log.read().decode(errors="replace").splitlines()[-lines:]
        return f"The end of {self.log}:\n" + "\n".join(f"  {line}" for line in tail)

    def start_of(self, log):
        """Where in its log its words begin: at 0 where the log was moved aside meanwhile."""
        return self.began if self.began <= os.fstat(log.fileno()).st_size else 0

    def said(self, words, times=1):
        """Whether the process wrote these words so many times since its start."""
        with open(self.log, "rb") as log:
            log.seek(self.start_of(log))
            return log.read().count(words.encode()) >= max(1, times)

    @property
    def alive(self):
        """Whether the process runs (or is frozen)."""
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self):
        """The process's id."""
        return self.process.pid

    def kill(self):
        """End the process and its children at once, as a power cut would."""
        stop_all([self.process], ())

    def freeze(self):
        """Stop the clock for the process and its children: they hold what they hold, and do nothing."""
        self.signal_group(signal.SIGSTOP)

    def thaw(self):
        """Let a frozen process go on."""
        self.signal_group(signal.SIGCONT)

    def restart(self):
        """Start the process again after it ended."""
        if self.alive:
            self.kill()
        return self.start()

    def clear_up(self):
        """End what a process that ended by itself has left behind."""
        stop_all([self.process], ())
        self.is_over = True

    def stop(self, *steps):
        """Ask the process to end: each step is a signal and the seconds given to it; then by force."""
        stop_all([self.process], steps)

    def signal_group(self, number):
        """Send a signal to the process and its children."""
        os.killpg(self.process.pid, number)


def stop_all(processes, steps):
    """Send each signal of `steps` to the processes and give them its seconds; then kill their groups."""
    left, members = processes, list(members_of({process.pid for process in processes}))
    for number, seconds in steps:
        for process in left:
            for each in (signal.SIGCONT, number):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(each)
        _, left = psutil.wait_procs(left, timeout=seconds)
    for process in processes:  # also the children of those that ended
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    psutil.wait_procs(left, timeout=5)
    deadline = time.monotonic() + 2
    while any(map(runs, members)) and time.monotonic() < deadline:
        time.sleep(0.02)


def members_of(groups):
    """The processes of these groups."""
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) in groups:
                yield process


def runs(process):
    """Whether a process is there, and not merely its exit code."""
    with contextlib.suppress(psutil.NoSuchProcess):  # it may end between the two questions
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
