"""Which worker ran what, and when: attempts, put together from the ledger's steps."""

import json
from collections import deque
from dataclasses import dataclass

from ledger import TERMINAL

AT_ONCE = 1000  # steps that are read with one question
MOST = 10_000  # attempts that are kept
MINUTE = 60
DEATHS = "lost", "FAILURE", "REVOKED"  # what may become of an attempt whose worker died, when that is noticed
AGAIN = {"queued": "retry", "lost": "lost", "returned": "returned"}  # a step after which the task waits once more


@dataclass(eq=False)
class Attempt:
    """One run of a task on a worker; times are seconds since 1970 by the broker's clock, None where not known (yet)."""

    task_id: str
    attempt: int
    worker: str
    slot: int
    queued_at: float | None
    started_at: float
    name: str
    args: str
    label: str
    changed: tuple  # the id of the latest step
    ended_at: float | None = None
    outcome: str | None = None  # a state in which the task ended, or one of AGAIN
    gone_at: float | None = None  # when the next attempt started in the same slot


class History:
    """The attempts of the last `seconds`, at most 10,000; each read() goes on where the last one ended."""

    def __init__(self, ledger, seconds=600):
        self.ledger, self.seconds = ledger, seconds
        self.forget()

    def forget(self):
        """Begin anew."""
        self.cursor = (0, 0)
        self.waiting = {}  # id -> since when the task is in the queue
        self.running = {}  # id -> its attempt
        self.latest = {}  # worker and slot -> the attempt that started there last
        self.ended = deque(maxlen=MOST)  # attempts, in the order of their ends
        self.ends, self.waits = deque(), deque()  # of the last minute: times; (time, seconds in the queue)
        self.waited = 0.0  # the sum of these seconds

    def read(self):
        """Read the steps that the ledger has had since; raises RedisError."""
        while True:
            now, oldest, entries = json.loads(self.ledger.step("history", "{}-{}".format(*self.cursor), AT_ONCE))
            if not oldest or numbers(oldest) > self.cursor:
                self.forget()  # steps were dropped before we read them; where we have read none, it does no harm
            for step in entries:
                self.cursor = numbers(step["entry"])
                self.add(self.cursor[0] / 1000, step)
            if len(entries) < AT_ONCE:
                break
        self.prune(float(now))

    def add(self, at, step):
        """Add one step."""
        what, id = step["step"], step["id"]
        if what in AGAIN:
            self.end(id, at, AGAIN[what])
            self.waiting[id] = at
        elif what == "started":
            self.end(id, at, "lost")
            queued, due = self.waiting.pop(id, None), float(step["queued"] or 0)
            if (queued or 0) < due <= at:
                queued = due  # until then it was not to start; or the step that tells is gone
            number, place = int(step["attempt"]), (step["worker"], int(step.get("slot") or 0))
            words = step["name"], step["args"], step["label"]
            self.running[id] = Attempt(id, number, *place, queued, at, *words, self.cursor)
            self.waits.append((at, at - (queued or at)))
            self.waited += self.waits[-1][1]
            if place in self.latest and self.latest[place].gone_at is None:
                self.latest[place].gone_at = at
            self.latest[place] = self.running[id]
        elif what in TERMINAL or what == "withdrawn":
            self.waiting.pop(id, None)
            if self.end(id, at, what):
                self.ends.append(at)

    def end(self, id, at, outcome):
        """End the task's attempt; False where none runs."""
        attempt = self.running.pop(id, None)
        if attempt:
            died_at = attempt.gone_at if outcome in DEATHS else None
            attempt.ended_at, attempt.outcome, attempt.changed = died_at or at, outcome, self.cursor
            self.ended.append(attempt)
        return bool(attempt)

    def prune(self, now):
        """Forget what is too old."""
        self.now, since = now, now - self.seconds
        while self.ended and self.ended[0].ended_at < since:
            self.ended.popleft()
        self.latest = {place: one for place, one in self.latest.items() if (one.ended_at or now) > since}
        while self.ends and self.ends[0] < now - MINUTE:
            self.ends.popleft()
        while self.waits and self.waits[0][0] < now - MINUTE:
            self.waited -= self.waits.popleft()[1]

    def since(self, cursor):
        """The attempts that have changed after this step, in no order."""
        yield from (one for one in self.running.values() if one.changed > cursor)
        for one in reversed(self.ended):
            if one.changed <= cursor:
                return
            yield one


def numbers(id):
    """The id of a step, such as 1732222222222-0, as two numbers, which compare as the steps follow one another."""
    return tuple(map(int, id.split("-")))
