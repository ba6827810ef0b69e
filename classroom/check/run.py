"""Makes the checks of an exercise on a copy of the student's file, in other processes, under limits."""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil

from classroom import code
from classroom.check.disk import scratch, used
from classroom.check.exercise import LOOSE
from classroom.check.family import MARK, end_family, family
from classroom.check.memory import taken
from classroom.check.place import SCRATCH, here
from classroom.check.verdict import FAILED, PASSED, UNDECIDED, stumbled, together
from classroom.words import _, language, use

LIMIT = 120  # seconds for all checks of an exercise
LOOK = 0.3  # seconds between two looks at what the processes use
PROCESSES = 60
MEMORY = 3 * 2**30  # bytes of all processes together
DISK = 300 * 2**20  # bytes of all files together
EXITS = {PASSED: 0, FAILED: 1, UNDECIDED: 2}
BEFORE = "classroom/check/loads.py"  # the check that comes before all others


class Run:
    """The checks of one exercise on one file; `lines` are verdicts as they come, `document` all of them at the end.

    `place` is a function that says where they are made: on this machine as it is, or in a sandbox.
    """

    def __init__(self, exercise, file=None, limit=LIMIT, place=here):
        self.exercise, self.file, self.limit, self.place = exercise, Path(file or exercise.file), limit, place
        self.mark = secrets.token_hex(8)
        self.titles, self.verdicts, self.current, self.excess = {}, [], None, None
        self.ended = threading.Event()

    def lines(self, stop_at_first=False):
        """Make the checks; yields each verdict, a dict, as soon as it is known."""
        use(self.exercise.folder)
        self.began, self.began_at = time.monotonic(), datetime.now(UTC)
        with scratch(SCRATCH) as folder:
            self.folder = Path(folder)
            self.copy()
            reading, writing = os.pipe()
            self.process = self.start(writing)
            os.close(writing)
            watch = threading.Thread(target=self.watch, daemon=True)
            watch.start()
            try:
                with os.fdopen(reading, encoding="utf-8") as news:
                    for line in news:
                        if not line.endswith("\n"):  # pytest was ended in its middle
                            break
                        yield from self.heard(json.loads(line))
                        if stop_at_first and self.verdicts and self.verdicts[-1]["verdict"] == FAILED:
                            return
                yield from self.rest()
            finally:
                self.ended.set()
                self.sweep()
                watch.join(5)

    def copy(self):
        """Copy the exercise with the file to check in it, and nothing of the teacher's."""
        around = self.folder / "exercises"
        shutil.copytree(self.exercise.folder, around / self.exercise.name, ignore=shutil.ignore_patterns(*LOOSE))
        copy = shutil.copyfile(self.file, around / self.exercise.name / "exercise.py")
        self.file_sha256 = fingerprint(copy)  # the file may be saved again meanwhile

    def start(self, writing):
        """Start pytest, in a session of its own."""
        (self.folder / "data").mkdir()
        place = self.place(self.exercise, self.folder)
        command = [*place.around, place.python, "-m", "pytest", "-q", "-c", os.devnull, "--noconftest"]
        command += ["-p", "classroom.check.plugin", "-p", "no:cacheprovider", "--import-mode", "importlib"]
        command += ["--rootdir", str(place.root), "--exercises", str(place.exercises), "--data", str(place.data)]
        command += ["--words", str(place.checks), "--inside", json.dumps(place.inside), "--verdicts", str(writing)]
        command += [str(place.root / BEFORE), *(str(place.checks / one.name) for one in self.exercise.checks)]
        own = {MARK: self.mark, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        own |= {"LAB_LANG": language(), "PYTHONPATH": str(place.root)}
        with open(self.folder / "checker.log", "wb") as log:
            return psutil.Popen(
                command,
                cwd=place.root if place.root.exists() else None,  # in a sandbox it is there later
                env=place.env | own,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[writing],
                start_new_session=True,
            )

    def heard(self, news):
        """Take in what pytest wrote; yields a verdict where it is one."""
        self.titles |= news.get("checks", {})
        self.current = news.get("begins", self.current)
        if "check" in news:
            self.current = None
            self.verdicts.append(news)
            yield news

    def rest(self):
        """The checks of which there is no verdict, as pytest ended before."""
        with suppress(psutil.TimeoutExpired):
            self.process.wait(10)
        self.titles = self.titles or {"loads": _("the checks of this exercise can be made")}
        done = {verdict["check"] for verdict in self.verdicts}
        left = [key for key in self.titles if key not in done]
        blamed = self.current if self.current in left else next(iter(left), None)
        for key in left:
            if self.excess and key == blamed:
                expected, actual = self.excess
                yield self.add(key, FAILED, expected=expected, actual=actual)
            elif not self.excess and key == left[0]:
                log = (self.folder / "checker.log").read_text(errors="replace").strip()
                yield self.add(key, UNDECIDED, because=stumbled(log[-1500:]))
            else:
                yield self.add(key, UNDECIDED, because=_("the checks ended before it could be made"))

    def add(self, key, verdict, **why):
        """Add a verdict that does not come from pytest."""
        self.verdicts.append({"check": key, "title": self.titles[key], "verdict": verdict, "seconds": 0.0} | why)
        return self.verdicts[-1]

    def watch(self):
        """End everything when it takes too long, or more than it should of this machine."""
        while not self.ended.wait(LOOK):
            with suppress(Exception):  # whatever a look stumbles over, the next one comes, and the clock goes on
                self.excess = self.too_much()
            if self.excess:
                self.sweep()
                return

    def too_much(self):
        """What there should be at most, and what there is; None while all is well."""
        if time.monotonic() - self.began > self.limit:
            wanted = _("all checks to end within {limit} s", limit=self.limit)
            return wanted, _("they did not; this one was being made")
        family = self.family()
        if len(family) > PROCESSES:
            return _("at most {most} processes", most=PROCESSES), _("{count} processes", count=len(family))
        if (memory := taken(family, MEMORY)) > MEMORY:
            return megabytes(MEMORY, _("at most {size} MB of memory")), megabytes(memory, _("{size} MB"))
        if (disk := used(self.folder, DISK)) > DISK:
            return megabytes(DISK, _("at most {size} MB on disk")), megabytes(disk, _("{size} MB"))
        return None

    def family(self):
        """All processes of this run, but pytest's own."""
        return family(self.process, self.mark)

    def sweep(self):
        """End all processes of this run."""
        end_family(self.process, self.mark)
        with suppress(psutil.TimeoutExpired):
            self.process.wait(5)

    @property
    def verdict(self):
        """What all verdicts say together."""
        return together(verdict["verdict"] for verdict in self.verdicts)

    @property
    def document(self):
        """The result, as it is kept and given to other programs: docs/check-result.schema.json."""
        return {
            "exercise": self.exercise.name,
            "verdict": self.verdict,
            "file_sha256": self.file_sha256,
            "checked_at": self.began_at.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self.began, 1),
            "language": language(),
            "versions": code.versions(),
            "checks": self.verdicts,
        }


def fingerprint(file):
    """The SHA-256 of a file."""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def megabytes(number, words):
    """The words with so many bytes in them."""
    return words.format(size=number // 2**20)
