"""Writes what a batch came to: grades.csv, and for each student a JSON, Gradescope's results.json and a page."""

import csv
import hashlib
import io
from fnmatch import fnmatch

from classroom.check import results, show
from classroom.check.exercise import LEFT, OF_THE_TEACHER
from classroom.check.verdict import FAILED, PASSED
from classroom.grade import feedback
from classroom.grade.marks import COLUMNS, LOOK, ends, row
from classroom.words import _, language

FORMULA = "=", "+", "-", "@", "\t", "\r"  # what a spreadsheet would work out


class Gradebook:
    """The results in a folder: those that are there from before, and those that are added."""

    def __init__(self, folder):
        self.folder, self.students = folder, {}

    def file(self, student, name):
        """The path of a student's file."""
        return self.folder / "students" / student / name

    def of(self, student):
        """A student's results by exercise, also those of an earlier batch."""
        if student not in self.students:
            known = results.read(self.file(student, "grades.json"))
            self.students[student] = known["results"] if isinstance(known, dict) and "results" in known else {}
        return self.students[student]

    def known(self, submission, identity):
        """Whether this submission has a result already, of the same file, checks, language and isolation."""
        return self.of(submission.student).get(submission.exercise.name, {}).get("identity") == identity

    def add(self, submission, identity, document):
        """Add a result, and keep it at once."""
        entry = {"identity": identity, "row": row(submission.student, document), "document": document}
        self.of(submission.student)[submission.exercise.name] = entry
        self.keep(submission.student)

    def keep(self, student):
        """Write a student's JSON."""
        document = {"student": student, "language": language(), "results": dict(sorted(self.of(student).items()))}
        results.write(self.file(student, "grades.json"), document)

    def write(self, submissions, notes):
        """Write grades.csv, and what is made for each student, of these submissions as far as they have results."""
        graded = {}
        for one in submissions:
            entry = self.of(one.student).get(one.exercise.name)
            graded.setdefault(one.student, []).extend([(one.exercise, entry)] if entry else [])
        rows = [entry["row"] for entries in graded.values() for _exercise, entry in entries]
        results.write_text(self.folder / "grades.csv", table(rows))
        for student, entries in graded.items():
            said = [note for name, note in notes if name == student]
            results.write(self.file(student, "results.json"), gradescope(entries))
            results.write_text(self.file(student, "feedback.html"), feedback.page(student, entries, said))
        return rows


def checks_sha256(exercise):
    """The SHA-256 of all that an exercise is checked with: checks, their words, and what lies beside them."""
    left_out = ("exercise.py", *OF_THE_TEACHER[:2], "*.md", *LEFT)
    digest = hashlib.sha256()
    for path in sorted(exercise.folder.rglob("*")):
        within = path.relative_to(exercise.folder)
        if path.is_file() and not any(fnmatch(part, pattern) for part in within.parts for pattern in left_out):
            digest.update(within.as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def table(rows):
    """The rows as CSV, in which no cell is a formula."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: harmless(value) for name, value in one.items()} for one in rows)
    return out.getvalue()


def harmless(value):
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def gradescope(entries):
    """A student's results as Gradescope reads them: one test for each check, with a point each."""
    tests = []
    for exercise, entry in entries:
        ended = ends(entry["document"])
        for one in entry["document"]["checks"]:
            end = ended[one["check"]]
            mark = {"score": int(end in (PASSED, LOOK)), "max_score": 1, "visibility": "visible"}
            if end in (PASSED, FAILED):
                mark["status"] = end
            doubt = _("To look at: nobody could tell, and no points are taken off.") + "\n" if end == LOOK else ""
            tests.append({"name": f"{exercise.name}: {one['title']}", "output": doubt + show.verdict(one)} | mark)
    return {"visibility": "visible", "stdout_visibility": "hidden", "tests": tests}
