"""The student's program under check: a private cluster that runs it, and what a check can do with it."""

import http.client
import json
import re
import shlex
import sys
import threading
import time
from dataclasses import dataclass
from functools import cached_property

from classroom.address import running
from classroom.check import crew
from classroom.check.states import states
from classroom.check.verdict import Failed, Undecided, cut
from classroom.history import History
from classroom.local import broker
from classroom.local.cluster import ROOT, LocalCluster
from classroom.local.process import NotReady
from classroom.recorded import RecordedCelery
from classroom.words import _
from ledger import TERMINAL

ANSWER = 10  # seconds within which any request is answered
END = 40  # seconds within which a task ends
LARGEST = 8 * 2**20  # bytes of an answer that are read
LOG = 100_000  # characters at the end of a log in which an error is looked for
HERE = "http://127.0.0.1:5000"  # where ./lab up would serve it
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


class Program:
    """The program in `exercises`, a folder of one exercise, on a cluster of its own whose data are in `folder`.

    It may write into the folder's `room/home` alone: it is started under limits, with the command `inside`.
    """

    def __init__(self, folder, exercises, env=None, inside=()):
        self.folder, self.exercises = folder, exercises
        self.home = folder / "room" / "home"
        self.home.mkdir(parents=True)
        private = {"EXERCISES": str(exercises), "LAB_DIR": str(self.home), "HOME": str(self.home), "LAB_FLOWER": "0"}
        private["PYTHONPATH"] = str(ROOT)
        self.limited = [sys.executable, "-m", "classroom.check.limits", str(self.home), *inside]
        self.cluster = LocalCluster(folder / "cluster", workers=0, env=private | (env or {}), before=self.limited)
        self.trouble = None
        self.starting = threading.Thread(target=self.start, daemon=True)
        self.last, self.sent = "", {}  # the curl line of the latest request, and of what sent each task

    def start(self):
        """Start the broker and the web server."""
        try:
            self.cluster.start()
        except (NotReady, OSError) as error:
            self.trouble = error

    def wait(self):
        """Wait until the web server answers; raises Failed where it does not."""
        self.starting.join()
        if self.trouble and not self.broker_is_well():
            raise Undecided(_("the private broker did not start: {trouble}", trouble=self.trouble))
        if self.trouble:
            raise Failed(
                _("a web server that starts with your exercise"),
                _("it does not"),
                because=self.own_words(str(self.trouble)),
            )

    def stop(self):
        """Stop everything."""
        self.starting.join(ANSWER)
        self.cluster.stop()

    def broker_is_well(self):
        """Whether the private broker answers."""
        return bool(self.cluster.broker_url) and broker.answers(self.cluster.broker_url)

    # Requests

    def get(self, path):
        """The answer to a GET."""
        return self.ask("GET", path)

    def post(self, path, body):
        """The answer to a POST of this body, as JSON."""
        return self.ask("POST", path, body)

    def ask(self, method, path, body=NOTHING, within=ANSWER):
        """The answer to one request; raises Failed where none comes, Undecided where the broker is to blame."""
        self.last = curl(method, path, body)
        for _again in range(3):
            answer = self.ask_once(method, path, body, within)
            if answer.status != 503:
                return answer
            time.sleep(0.5)  # the broker is slow for a moment
        if not self.broker_is_well():
            raise Undecided(_("the private broker stopped answering"))
        return answer

    def ask_once(self, method, path, body, within):
        """The answer to one request, whatever it says."""
        text = None if body is NOTHING else json.dumps(body)
        headers = {} if body is NOTHING else {"Content-Type": "application/json"}
        connection = http.client.HTTPConnection(self.cluster.host, self.cluster.port, timeout=within)
        before = time.monotonic()
        try:
            connection.request(method, path, text, headers)
            answer = connection.getresponse()
            said = answer.read(LARGEST).decode(errors="replace")
        except TimeoutError:
            raise Failed(
                _("an answer to {method} {path} within {within} s", method=method, path=path, within=within),
                _("none after {within} s", within=within),
                because=_("whoever answers is waiting or working itself; a worker should do that"),
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise Failed(
                _("an answer to {method} {path}", method=method, path=path),
                _("the connection was closed without one"),
                because=self.own_words(self.last_error(self.cluster.web) or repr(error)),
            ) from None
        finally:
            connection.close()
        return Answer(answer.status, said, time.monotonic() - before)

    def accepted(self, path, body):
        """Send a job, and return the id of its task; raises Failed unless it is answered as one that was accepted."""
        answer = self.post(path, body)
        wanted = _("202 with {form}", form='{"task_id": "…"}')
        if answer.status >= 500:
            raise Failed(wanted, answer, because=self.own_words(self.last_error(self.cluster.web)))
        if answer.status != 202:
            raise Failed(wanted, answer, because=_("the status code is {status}, not 202", status=answer.status))
        if not isinstance(answer.json, dict) or not isinstance(answer.json.get("task_id"), str):
            raise Failed(wanted, answer, because=_("the answer has no task_id that is text"))
        task_id = answer.json["task_id"]
        if not (task_id.isascii() and task_id.isprintable()):  # it could not even be asked for
            raise Failed(
                wanted,
                answer,
                because=_("the task_id in the answer is not that of a task which was sent to the queue"),
            )
        self.sent[task_id] = self.last
        return task_id

    def refused(self, path, body, status=422):
        """Send a job that is to be refused; raises Failed unless it is, with this status code."""
        answer = self.post(path, body)
        if answer.status == status:
            return
        why = ""
        if answer.status >= 500:
            why = self.own_words(self.last_error(self.cluster.web))
        elif answer.status < 400:
            why = _("it was accepted")
        raise Failed(_("{status} for the body {body}", status=status, body=json.dumps(body)), answer, because=why)

    # Tasks

    def status(self, task_id):
        """The status of a task, as GET /status/ID gives it; raises Failed where there is no such task."""
        answer = self.get(f"/status/{task_id}")
        wanted = _("the status of a task, at /status/{id}", id=task_id)
        if answer.status != 200:
            raise Failed(
                wanted,
                answer,
                because=_("the task_id in the answer is not that of a task which was sent to the queue"),
            )
        if not is_status(answer.json):
            raise Failed(
                wanted,
                answer,
                because=_("/status/ID is the cluster's own address: an endpoint of yours there hides it"),
            )
        return answer.json

    def ended(self, task_id, within=END):
        """The status of a task once it has ended; raises Failed where it does not within so many seconds."""
        deadline = time.monotonic() + within
        while (seen := self.status(task_id))["state"] not in TERMINAL:
            if time.monotonic() > deadline:
                raise Failed(
                    _("the task to end within {within} s", within=within),
                    _("{state} after {within} s", state=seen["state"], within=within),
                    because=seen["status"],
                    repeat=self.sent.get(task_id),
                )
            time.sleep(0.1)
        self.last = self.sent.get(task_id, "")
        return seen

    def result(self, task_id, within=END):
        """What a task returned; raises Failed where it did not succeed."""
        seen = self.ended(task_id, within)
        if seen["state"] != "SUCCESS":
            why = (seen["error"] or {}).get("message", "")
            where = self.last_error(*self.cluster.workers)
            raise Failed("SUCCESS", f"{seen['state']}: {seen['status']}", because=self.own_words(where or why))
        return seen["result"]

    def send(self, task, *arguments):
        """Send a task straight to the queue, past the web server; returns its id."""
        if not hasattr(self, "celery"):
            cluster = self.cluster
            self.celery = RecordedCelery("checks", broker=cluster.broker_url, results=cluster.results)
            self.celery.conf.broker_transport_options = {"socket_timeout": ANSWER}
        return self.celery.send_task(task, arguments).id

    def attempts(self):
        """Every attempt so far: which worker ran what, and when."""
        history = History(self.cluster.ledger)
        history.read()
        return [*history.ended, *history.running.values()]

    def attempt(self, task_id):
        """The latest attempt of a task that has ended."""
        mine = [one for one in self.attempts() if one.task_id == task_id]
        if not mine:
            raise Failed(_("a task that a worker has run"), _("the cluster knows of no attempt of it"))
        return max(mine, key=lambda one: one.attempt)

    def states(self):
        """Hear all that tasks tell of themselves in a `with` block: `with program.states() as reached:`."""
        return states(self.cluster.results)

    # Workers

    def let(self, count):
        """Let exactly so many workers take tasks: start those that are missing, and pause the others."""
        crew.let(self, count)

    def kill(self, name):
        """Kill a worker, together with the process that runs its task; the next `let` starts it again."""
        crew.named(self.cluster, name).kill()

    def frozen(self, name):
        """Let a worker stand still in a `with` block; after it, the worker has ended all that it had in hand."""
        return crew.frozen(self, name)

    # Words

    def own_words(self, text):
        """The text without the folder of the copy, which is not the student's."""
        return re.sub(rf"{re.escape(str(self.exercises))}/[^/]+/", "", text)

    def last_error(self, *processes):
        """The latest error in the logs of these processes that arose in the exercise, and where; "" without one."""
        found, place = "", None
        for process in processes:
            for line in process.log.read_text(errors="replace")[-LOG:].splitlines():
                if frame := re.match(rf' +File "{re.escape(str(self.exercises))}/.*?([^/"]+)", line (\d+)', line):
                    place = frame
                elif place and line.strip() and not line.startswith(" "):  # the last line of a traceback
                    file, number = place.groups()
                    found, place = _("{error} ({file}, line {line})", error=line, file=file, line=number), None
        return found


def is_status(document):
    """Whether this is a status as the cluster's own endpoint gives it, as far as checks rely on it."""
    try:
        error, worker = document["error"], document["worker"]
        texts = [document["state"], document["status"], "" if worker is None else worker]
        texts += [] if error is None else [error["type"], error["message"]]
        return all(isinstance(one, str) for one in texts) and {"progress", "result"} <= document.keys()
    except (KeyError, TypeError, AttributeError):
        return False


def curl(method, path, body=NOTHING):
    """The line that sends this request to the student's own cluster."""
    line = f"curl -X {method} {running().get('url') or HERE}{path}"
    if body is NOTHING:
        return line
    return f"{line} -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body))}"
