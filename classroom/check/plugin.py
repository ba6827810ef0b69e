"""Lets pytest make the checks of an exercise, and writes each verdict as a line of JSON as soon as it is known."""

import json
import os
import select
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from classroom.check import loads
from classroom.check.family import MARK, adopt_orphans, end, family
from classroom.check.place import SCRATCH
from classroom.check.program import Program
from classroom.check.verdict import FAILED, PASSED, UNDECIDED, Failed, Undecided, stumbled
from classroom.words import _, use

LOADS = "loads"  # the check that all others need
WORKERS = 2  # that take tasks while a check is made, unless it says otherwise


def pytest_addoption(parser):
    """The options that classroom.check.run gives."""
    parser.addoption("--exercises", type=Path, help="A folder with a copy of the exercise.")
    parser.addoption("--data", type=Path, help="A folder for the cluster's data.")
    parser.addoption("--words", type=Path, help="The folder with the exercise's words.")
    parser.addoption("--inside", type=json.loads, help="The command that starts what runs the student's code, in JSON.")
    parser.addoption("--verdicts", type=int, help="The file descriptor to write to.")


def pytest_configure(config):
    """Know the marks, and the words."""
    config.addinivalue_line("markers", "needs(*keys): made only where these checks have passed")
    config.addinivalue_line("markers", "workers(count): how many workers take tasks meanwhile; without it 2")
    use(config.option.words)
    config.pluginmanager.register(Teller(config.option.verdicts), "teller")
    adopt_orphans()
    threading.Thread(target=end_with_reader, args=(config.option,), daemon=True).start()


def end_with_reader(option):
    """End every process of this run, this one too, and remove its folder, when nobody reads the verdicts any more."""
    gone = select.poll()
    gone.register(option.verdicts, 0)  # that nobody reads any more is told unasked
    gone.poll()
    for one in family(psutil.Process(), os.environ[MARK]):
        end([one])
    with suppress(OSError):
        if option.data.parent.name.startswith(SCRATCH):  # in a sandbox its path is another
            os.execlp("rm", "rm", "-rf", "--", str(option.data.parent))  # which ends this process with all its threads
    os._exit(1)


def key(item):
    """What a check is called in a command: answers-at-once for test_answers_at_once."""
    return item.name.removeprefix("test_").replace("_", "-")


def title(item):
    """What it promises, in the student's language."""
    promise = " ".join(item.function.__doc__.split())
    return _(promise)


class Teller:
    """Tells how each check ended."""

    def __init__(self, out):
        self.out = os.fdopen(out, "w", encoding="utf-8")
        self.ends, self.titles, self.program = {}, {}, None

    def pytest_collection_finish(self, session):
        """Say which checks there are."""
        self.titles = {key(item): title(item) for item in session.items}
        self.write({"checks": self.titles})

    def write(self, document):
        """Write one line."""
        print(json.dumps(document), file=self.out, flush=True)

    def pytest_runtest_logstart(self, nodeid):
        """Remember when a check began."""
        self.began = time.monotonic()

    def pytest_runtest_setup(self, item):
        """Leave out what needs a check that has not passed."""
        self.write({"begins": key(item)})
        wanted = [name for mark in item.iter_markers("needs") for name in mark.args]
        for name in [LOADS, *wanted] if key(item) != LOADS else []:
            if self.ends[name] != PASSED:
                raise Undecided(_("needs “{title}”", title=self.titles[name]))

    def pytest_runtest_makereport(self, item, call):
        """Tell the verdict, when the check has been made or could not be."""
        if call.when == "teardown" or (call.when == "setup" and not call.excinfo):
            return
        verdict, why = self.judged(key(item), call.excinfo.value if call.excinfo else None)
        self.ends[key(item)] = verdict
        seconds = round(time.monotonic() - self.began, 2)
        self.write({"check": key(item), "title": title(item), "verdict": verdict, "seconds": seconds} | why)

    def judged(self, check, error):
        """The verdict, and what there is to say of it."""
        if error is None:
            return PASSED, {}
        if isinstance(error, Undecided):
            return UNDECIDED, {"because": str(error)}
        if check != LOADS and not self.program.broker_is_well():
            return UNDECIDED, {"because": _("the private broker stopped answering")}
        if not isinstance(error, Failed):
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__}: {error} ({Path(frame.filename).name}, {frame.lineno})"
            return UNDECIDED, {"because": stumbled(place)}
        why = {"expected": str(error.expected), "actual": str(error.actual), "because": error.because}
        why |= {"try": error.try_, "repeat": error.repeat or self.program.last}
        return FAILED, {name: words for name, words in why.items() if words}


@pytest.fixture(scope="session")
def program(pytestconfig, asked):
    """The student's program; its cluster starts in the background."""
    option = pytestconfig.option
    program = Program(option.data, option.exercises, getattr(asked, "ENV", {}), option.inside)
    pytestconfig.pluginmanager.get_plugin("teller").program = program
    program.starting.start()
    yield program
    program.stop()


@pytest.fixture(scope="session")
def asked(request):
    """The exercise's check.py, which says what must be there: TASKS, ROUTES, ENV."""
    return request.session.items[-1].module


@pytest.fixture
def looked(program, asked):
    """What is in the exercise's file, and the tasks and the endpoints that should be."""
    found = loads.look(program)
    return found, getattr(asked, "TASKS", []), getattr(asked, "ROUTES", [])


@pytest.fixture(autouse=True)
def as_many_workers_as_asked_for(request):
    """Wait for the cluster, with the workers that the check asks for."""
    if key(request.node) != LOADS:
        program = request.getfixturevalue("program")
        program.wait()
        mark = request.node.get_closest_marker("workers")
        program.let(mark.args[0] if mark else WORKERS)
        program.last = ""
