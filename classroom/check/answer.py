"""One request to the program under check, and what came back."""

import http.client
import json
import shlex
import time
from dataclasses import dataclass
from functools import cached_property

from classroom.address import running
from classroom.check.verdict import cut

HERE = "http://127.0.0.1:5000"  # where ./lab up would serve it
LARGEST = 8 * 2**20  # bytes of an answer that are read
NOTHING = object()


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    status: int
    text: str
    seconds: float

    @cached_property
    def json(self):
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None

    def __str__(self):
        return cut(f"{self.status} {self.text.strip()}")


def exchange(address, method, path, body, within):
    """The answer to one request; raises TimeoutError, another OSError or HTTPException where there is none."""
    text = None if body is NOTHING else json.dumps(body)
    headers = {} if body is NOTHING else {"Content-Type": "application/json"}
    connection = http.client.HTTPConnection(*address, timeout=within)
    before = time.monotonic()
    try:
        connection.request(method, path, text, headers)
        answer = connection.getresponse()
        said = answer.read(LARGEST).decode(errors="replace")
    finally:
        connection.close()
    return Answer(answer.status, said, time.monotonic() - before)


def curl(method, path, body=NOTHING):
    """The line that sends this request to the student's own cluster."""
    line = f"curl -X {method} {running().get('url') or HERE}{path}"
    if body is NOTHING:
        return line
    return f"{line} -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body))}"


def is_status(document):
    """Whether this is a status as the cluster's own endpoint gives it, as far as checks rely on it."""
    try:
        error, worker = document["error"], document["worker"]
        texts = [document["state"], document["status"], "" if worker is None else worker]
        texts += [] if error is None else [error["type"], error["message"]]
        return all(isinstance(one, str) for one in texts) and {"progress", "result"} <= document.keys()
    except (KeyError, TypeError, AttributeError):
        return False
