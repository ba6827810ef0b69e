"""Checks the submissions of a class, several at a time, and keeps each result as soon as it is there."""

import json
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from classroom.check.place import here
from classroom.check.run import LIMIT, Run
from classroom.grade.gradebook import checks_sha256
from classroom.grade.marks import is_to_look_at
from classroom.grade.refused import refused, unmade
from classroom.grade.sandbox import sandbox
from classroom.grade.submissions import Unreadable
from classroom.words import language, use

PATIENCE = 2 * LIMIT  # seconds for a submission: others run beside it
LONGEST = 4000  # characters of each text in a verdict
TRIES = 2  # for a submission of which something could not be decided


class Batch:
    """The submissions to check; `isolated` says whether in sandboxes."""

    def __init__(self, submissions, book, jobs, isolated=True):
        self.book, self.jobs, self.isolated = book, jobs, isolated
        self.checks = {one.exercise.name: checks_sha256(one.exercise) for one in submissions}
        self.lock, self.running, self.is_stopped = threading.Lock(), set(), False
        for one in submissions:
            use(one.exercise.folder)
        self.left = [one for one in submissions if not book.known(one, self.identity(one))]

    def identity(self, submission):
        """What a result depends on: where none of it has changed, the submission is not checked again."""
        try:
            file = submission.sha256
        except Unreadable as why:
            file = str(why)
        checks = self.checks[submission.exercise.name]
        return {"file": file, "checks_sha256": checks, "language": language(), "isolated": self.isolated}

    def results(self):
        """Check what is left; yields each submission with its row when its result has been kept."""
        with ThreadPoolExecutor(self.jobs) as pool:
            try:
                waiting = {pool.submit(self.checked, one): one for one in self.left}
                for done in as_completed(waiting):
                    submission, document = waiting[done], done.result()
                    self.book.add(submission, self.identity(submission), document)
                    yield submission, self.book.of(submission.student)[submission.exercise.name]["row"]
            finally:
                self.stop()
                pool.shutdown(cancel_futures=True)

    def stop(self):
        """End what is being checked, and begin nothing more."""
        with self.lock:
            self.is_stopped = True
            for run in self.running:
                run.limit = 0

    def checked(self, submission):
        """The result of one submission, tried again where something could not be decided."""
        try:
            content = submission.content
        except Unreadable as why:
            return refused(submission.exercise, str(why))
        with tempfile.TemporaryDirectory(prefix="lab-grade-") as folder:
            file = Path(folder) / "exercise.py"
            file.write_bytes(content)
            for _again in range(TRIES):
                document = self.document(submission.exercise, file)
                if not is_to_look_at(document):
                    break
        return document

    def document(self, exercise, file):
        """The result of one run."""
        run = Run(exercise, file, PATIENCE, sandbox if self.isolated else here)
        with self.lock:
            if self.is_stopped:
                run.limit = 0
            self.running.add(run)
        try:
            list(run.lines())
            return clean(run.document)
        except Exception as error:  # whatever it is, the others are checked
            return unmade(exercise, error)
        finally:
            with self.lock:
                self.running.discard(run)


def clean(document):
    """The document without texts of any length, and without halves of characters, which no file can hold."""
    checks = [{name: short(value) for name, value in one.items()} for one in document["checks"]]
    return json.loads(json.dumps(document | {"checks": checks}, ensure_ascii=False).encode(errors="replace"))


def short(value):
    """A value of a verdict, cut where it is a very long text."""
    return f"{value[:LONGEST]}…" if isinstance(value, str) and len(value) > LONGEST else value
