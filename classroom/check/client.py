"""What a check asks of the student's web server, and what it takes for an answer."""

import http.client
import json
import time

from classroom.check import blame
from classroom.check.answer import NOTHING, curl, exchange, is_status
from classroom.check.verdict import Failed, Undecided
from classroom.local import broker
from classroom.words import _
from ledger import TERMINAL

ANSWER = 10  # seconds within which any request is answered
END = 40  # seconds within which a task ends


class Client:
    """A client of the web server of a cluster that runs what is in the folder `exercises`.

    Raises Failed for what the student's code does, and Undecided for what the cluster does.
    """

    def __init__(self, cluster, exercises):
        self.cluster, self.exercises = cluster, exercises
        self.last, self.sent = "", {}  # the curl line of the latest request, and of what sent each task

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
        try:
            return exchange((self.cluster.host, self.cluster.port), method, path, body, within)
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
                because=self.last_error(self.cluster.web) or repr(error),
            ) from None

    def accepted(self, path, body):
        """Send a job, and return the id of its task; raises Failed unless it is answered as one that was accepted."""
        answer = self.post(path, body)
        wanted = _("202 with {form}", form='{"task_id": "…"}')
        if answer.status >= 500:
            raise Failed(wanted, answer, because=self.last_error(self.cluster.web))
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
            why = self.last_error(self.cluster.web)
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
            raise Failed("SUCCESS", f"{seen['state']}: {seen['status']}", because=where or self.own_words(why))
        return seen["result"]

    # Words

    def own_words(self, text):
        """The text without the folder of the copy, which is not the student's."""
        return blame.own_words(text, self.exercises)

    def last_error(self, *processes):
        """The latest error in the logs of these processes that arose in the exercise, and where; "" without one."""
        return self.own_words(blame.last_error([process.log for process in processes], self.exercises))
