"""The parts that a test needs beside Python: there, or skipped at home and missed in CI."""

import os
import shutil
import time
import uuid
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests

missing = set()  # Debian packages that would let the skipped tests run


def need(command, package):
    """Skip the test where the command is not installed; fail it in CI. Returns the command's path."""
    for folder in (None, "/usr/sbin:/sbin"):
        if found := shutil.which(command, path=folder):
            return found
    missing.add(package)
    lack(f"{command} is not installed: sudo apt install {package}")


def need_root():
    """Skip the test where it may not make network namespaces; fail it in CI."""
    if os.geteuid() != 0:
        lack("needs root, to make network namespaces")


def lack(reason):
    """End the test: skipped at home, failed in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def put_first(pid):
    """Let a process and what it starts run before the tests beside it: its promise in seconds does not count them."""
    os.setpriority(os.PRIO_PROCESS, pid, -15)
    with suppress(OSError):  # what counts where Linux shares out its time by sessions
        Path(f"/proc/{pid}/autogroup").write_text("-15")


def until(predicate, timeout=20, what="the condition"):
    """Poll until the predicate is true and return its value; fail with words when time is up."""
    deadline = time.monotonic() + timeout
    while not (value := predicate()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout} s for {what}")
        time.sleep(0.05)
    return value


def left(processes):
    """Those of the processes that still run."""
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


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
        for _ in range(3):
            answer = self.post("/longtask", json=job, headers=once)
            if answer.status_code != 503:
                break
        assert answer.status_code == 202, answer.text
        return answer.json()["task_id"]

    def status(self, task_id, wait=0):
        """The status document of a task."""
        answer = self.get(f"/status/{task_id}", params={"wait": wait} if wait else None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ended(self, task_id):
        """The status document of a task once it has ended."""
        return until(lambda: (seen := self.status(task_id, wait=5))["finished_at"] and seen, what=f"{task_id} to end")
