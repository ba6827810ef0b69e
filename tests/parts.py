"""The parts that a test needs beside Python: there, or skipped at home and missed in CI."""

import fcntl
import os
import shutil
import tempfile
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import requests

from classroom.local.process import runs

missing = set()  # Debian packages that would let the skipped tests run


def many_ended(ledger, count):
    """Let so many tasks have run one after the other, from five minutes ago until half a minute ago."""
    now = ledger.redis.time()[0]
    pipe = ledger.redis.pipeline()
    for number in range(count):
        at, one = int((now - 300 + 270 * number / count) * 1000), {"id": number, "attempt": 1, "worker": "worker1@lab"}
        pipe.xadd("lab:steps", {"step": "started", "slot": 0} | one, f"{at}-0")
        pipe.xadd("lab:steps", {"step": "SUCCESS"} | one, f"{at + 50}-0")
    pipe.execute()


def need(command, package):
    """Skip the test where the command is not installed; fail it in CI. Returns the command's path."""
    for folder in (None, "/usr/sbin:/sbin"):
        if found := shutil.which(command, path=folder):
            return found
    missing.add(package)
    lack(f"{command} is not installed: sudo apt install {package}")


@contextmanager
def in_memory(folder):
    """Let the broker of this folder keep its data in memory, where there is room: other tests keep the disk busy."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or shutil.disk_usage(memory).free < 2**30:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="lab-broker-", dir=memory, ignore_cleanup_errors=True) as data:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "broker").symlink_to(data)
        yield


@contextmanager
def alone(what):
    """Have something of this machine for this test alone: others wait for it."""
    with open(Path(tempfile.gettempdir()) / f"lab-test-{what}", "a") as lock:
        until(lambda: is_taken(lock), 90, what)
        yield


def is_taken(lock):
    """Whether this lock is ours now."""
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def need_root():
    """Skip the test where it may not make network namespaces; fail it in CI."""
    if os.geteuid() != 0:
        lack("needs root, to make network namespaces")


def lack(reason):
    """End the test: skipped at home, failed in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def put_first(pid, nice=-15):
    """Let a process and its children run before the tests beside it: its promise in seconds does not count them."""
    for one in (pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))):
        with suppress(OSError):  # root alone may do it
            os.setpriority(os.PRIO_PROCESS, one, nice)
    with suppress(OSError):  # what counts where Linux shares out its time by sessions
        Path(f"/proc/{pid}/autogroup").write_text(str(nice))


def put_all_first(cluster):
    """Let all that runs of a cluster go a little before the tests beside it."""
    for process in cluster.processes:
        if process.alive:
            put_first(process.pid, nice=-5)


def until(predicate, timeout=20, what="the condition"):
    """Poll until the predicate is true and return its value; fail with words when time is up."""
    deadline = time.monotonic() + timeout
    while True:
        is_last = time.monotonic() > deadline
        if value := predicate():
            return value
        if is_last:
            pytest.fail(f"waited {timeout} s for {what}")
        time.sleep(0.05)


def left(processes):
    """Those of the processes that still run."""
    return [one for one in processes if runs(one)]


def waiting_for(file):
    """Python that waits until this file is there."""
    return f"import pathlib, time\nwhile not pathlib.Path({str(file)!r}).exists():\n    time.sleep(0.1)\n"


def given(name):
    """The environment in which a cluster also runs the tasks of tests/given/<name>/."""
    return {"EXERCISE_FILE": str(Path(__file__).parent / "given" / name / "exercise.py")}


class Api(requests.Session):
    """A client of one cluster's web server: paths instead of whole addresses, no wait without bound."""

    def __init__(self, url):
        super().__init__()
        self.trust_env = False
        self.url = url

    def request(self, method, path, **options):
        """The answer to one request, within 40 s."""
        return super().request(method, self.url + path, **{"timeout": 40} | options)

    def submit(self, x=10, **fields):
        """Send a longtask that was accepted; returns its id. A broker that is slow for a moment is asked again."""
        job, once = {"x": x, "seconds": 0} | fields, {"Idempotency-Key": str(uuid.uuid4())}
        answer = self.again_where_told(lambda: self.post("/longtask", json=job, headers=once))
        assert answer.status_code == 202, answer.text
        return answer.json()["task_id"]

    def status(self, task_id, wait=0):
        """The status document of a task. A broker that is slow for a moment is asked again."""
        return self.read(f"/status/{task_id}", params={"wait": wait} if wait else None)

    def running(self, **fields):
        """Send a longtask; returns its id once it runs."""
        task_id = self.submit(**fields)
        until(lambda: self.status(task_id)["progress"], what="it to run")
        return task_id

    def workers(self):
        """The workers that the web server lists."""
        return self.read("/workers")["workers"]

    def live(self):
        """What the live page draws."""
        return self.read("/live")

    def read(self, path, **options):
        """The JSON document at this path. A broker that is slow for a moment is asked again."""
        answer = self.again_where_told(lambda: self.get(path, **options))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def again_where_told(self, ask):
        """The answer to a request that is made again for some seconds as long as it is 503, which says when."""
        deadline = time.monotonic() + 10
        while (answer := ask()).status_code == 503 and time.monotonic() < deadline:
            assert "Retry-After" in answer.headers, answer.text
            time.sleep(0.2)
        return answer

    def ended(self, task_id):
        """The status document of a task once it has ended."""
        return until(lambda: (seen := self.status(task_id, wait=5))["finished_at"] and seen, what=f"{task_id} to end")
