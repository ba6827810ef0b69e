"""./lab scale: more workers are faster, up to the cores where they compute; and all are let back afterwards."""

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import psutil
import pytest
from parts import Api, alone, until
from terminal import Terminal

from classroom.local.cluster import ROOT
from classroom.scale import words
from classroom.scale.amdahl import compared, fair, serial_fraction
from classroom.scale.crew import Crew, in_turn
from classroom.scale.measure import counts, evenly
from classroom.scale.plot import svg
from ledger import Ledger

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


class Lab(Terminal):
    """A terminal in which a cluster runs and is measured."""

    @property
    def broker_url(self):
        """The address of the cluster's broker."""
        return json.loads((self.lab / "cluster.json").read_text())["broker_url"]

    @property
    def ledger(self):
        """The ledger of the cluster."""
        return Ledger(self.broker_url, within=5)

    def paused(self):
        """The workers that say that they are paused."""
        return {one["name"].split("@")[0] for one in self.ledger.workers() if one["paused"]}

    def beats(self):
        """When each worker was heard last: pairs of its name and the time."""
        return set(self.ledger.redis.zrange("lab:workers", 0, -1, withscores=True))

    def is_left_alone(self, *paused):
        """Nothing waits or runs, and nobody but those who were is paused."""
        until(lambda: self.paused() == set(paused), what=f"nobody but {paused} to be paused")
        until(lambda: not self.ledger.redis.zcard("lab:running"), what="the end of what runs")
        assert not self.ledger.redis.zcard("lab:waiting")

    def refused(self, *options):
        """Measure where that cannot be; returns what it said."""
        done = subprocess.run(
            [ROOT / "lab", "scale", *options], env=self.env, capture_output=True, text=True, timeout=90
        )
        assert done.returncode == 1, done.stdout + done.stderr
        return done.stderr

    def begin(self, *options):
        """Begin to measure; returns the process when the first of its tasks runs."""
        command = [ROOT / "lab", "scale", *options]
        process = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        until(lambda: self.ledger.redis.zcard("lab:running") or process.poll() is not None, what="the first task")
        assert process.poll() is None, process.stdout.read()
        return process


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A cluster of four workers for the tests of this file."""
    lab = Lab(tmp_path_factory.mktemp("scale"))
    lab.up("--workers", "4")
    lab.put_first()
    yield lab
    lab.stop()


@contextlib.contextmanager
def beating(ledger, about):
    """A worker that says this of itself, and does nothing else."""
    over = threading.Event()

    def beat():
        while not over.wait(1):
            ledger.step("alive", about["name"], json.dumps(about), "01234567")

    ledger.step("alive", about["name"], json.dumps(about), "01234567")
    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def table(said):
    """The rows of the table: the number of workers -> the speed-up."""
    rows = re.findall(r"^ +(\d+) +(?:\d+ +)?([\d.]+) +([\d.]+) +([\d.]+) +\d+ %$", said, re.MULTILINE)
    return {int(workers): float(speedup) for workers, _, _, speedup in rows}


def made(*measured):
    """Rows as they would be measured: (workers, at once, seconds)."""
    rows = [{"workers": n, "slots": n, "at_once": at_once, "seconds": t} for n, at_once, t in measured]
    return [row | compared(row, rows[0]) for row in rows]


def test_sleeping_tasks_are_as_much_faster_as_there_are_workers(lab):
    for _ in range(3):
        said = lab.run("scale", "--work", "sleep", "--tasks", "8")
        first = re.search(r"^ +1 +([\d.]+)", said, re.MULTILINE)
        if float(first[1]) < 8.5:  # else something else took its time, and only there
            break
    speedup = table(said)
    assert list(speedup) == [1, 2, 4], said
    assert speedup[1] == 1 and 1.5 < speedup[2] < 2.2 and 2.5 < speedup[4] < 4.2
    assert "Amdahl's law: " in said and "share the" not in said
    lab.is_left_alone()
    figures = json.loads((lab.lab / "scale.json").read_text())
    assert (figures["work"], figures["tasks"], figures["cores"]) == ("sleep", 8, CORES)
    kept = {row["workers"]: row["speedup"] for row in figures["rows"]}
    assert kept == {workers: pytest.approx(shown, abs=0.06) for workers, shown in speedup.items()}
    assert 0 <= figures["serial_fraction"] < 0.4
    drawing = ElementTree.fromstring((lab.lab / "scale.svg").read_text())
    assert drawing.tag.endswith("svg") and len(drawing.findall("{*}circle")) == 3


def test_a_worker_that_was_paused_before_stays_out_of_it_and_paused(lab, tmp_path):
    lab.run("tell", "worker2", "pause")  # which it has not read yet
    said = lab.run("scale", "--tasks", "1", "--plot", str(tmp_path / "<&>.svg"))
    assert "worker2@" in said and "stays out of it" in said
    assert list(table(said)) == [1, 2, 3], said
    assert "1 task cannot be shared out evenly among 2 and 3 workers; 6 can (--tasks 6)." in said
    lab.is_left_alone("worker2")
    assert (tmp_path / "<&>.svg").exists()
    lab.run("tell", "worker2", "run")


@pytest.mark.parametrize(
    "number", [signal.SIGINT, *(pytest.param(one, marks=pytest.mark.slow) for one in (signal.SIGTERM, signal.SIGHUP))]
)
def test_interrupted_it_lets_everybody_back_and_leaves_nothing(lab, number):
    lab.run("tell", "worker2", "pause")
    process = lab.begin()
    assert lab.paused() == {"worker2", "worker3", "worker4"}
    process.send_signal(number)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130 and "Interrupted" in said and "Traceback" not in said
    lab.is_left_alone("worker2")
    lab.run("tell", "worker2", "run")
    lab.is_left_alone()


def test_a_busy_cluster_is_refused_and_tasks_that_come_in_end_it(lab):
    with Api(lab.url) as api:
        task_id = api.submit(seconds=600)
        assert "busy" in (said := lab.refused()) and "./lab cancel" in said
        assert not lab.paused()
        api.post(f"/cancel/{task_id}")
        lab.is_left_alone()
        process = lab.begin()
        task_id = api.submit(seconds=0)
        said, _ = process.communicate(timeout=30)
        assert process.returncode == 1 and "Other tasks came in meanwhile" in said
        lab.is_left_alone()
        assert api.ended(task_id)["state"] == "SUCCESS"


def test_without_a_cluster_or_a_worker_or_the_task_it_says_what_to_do(lab, tmp_path):
    with alone("localhost:6379"):  # where it looks when nothing else is named
        assert "./lab up" in Lab(tmp_path).refused()
    assert "an SVG file, such as speed.svg" in lab.refused("--plot", "speed.png")
    assert "folder" in lab.refused("--plot", str(tmp_path / "none" / "scale.svg"))
    # Given a worker with code from before there was the task
    about = {"name": "old@lab", "host": "lab", "concurrency": 1, "cores": 1, "tasks": ["longtask"], "paused": False}
    with beating(lab.ledger, about):
        said = lab.refused()
    assert "old@lab does not know the task lab.sleep" in said and "./lab tell old reload" in said
    lab.ledger.step("gone", "old@lab", "")
    names = [one["name"] for one in lab.ledger.workers()]
    for name in names:
        lab.ledger.step("told", name, "pause")
    assert "Every worker is paused" in lab.refused()
    for name in names:
        lab.ledger.step("told", name, "run")
    lab.is_left_alone()


@pytest.mark.slow
def test_workers_that_still_say_that_they_are_paused_are_told_again(lab):
    # Given workers that go on since their last heartbeat, in which they said that they are paused
    crew = Crew(SimpleNamespace(ledger=lab.ledger, results=lab.broker_url))
    first, *others = [one["name"] for one in crew.workers]
    for name in others:
        lab.ledger.step("told", name, "pause")
    until(lambda: len(lab.paused()) == len(others), what="them to be paused")
    before = lab.beats()
    for name in others:
        lab.ledger.step("told", name, "run")
    until(lambda: {name for name, _ in lab.beats() - before} & set(others), what="a heartbeat")
    # When they are to be paused, I expect them to take nothing
    try:
        crew.let(1)
        with Api(lab.url) as api:
            tasks = [api.submit(seconds=0.2) for _ in range(8)]
            assert {api.ended(id)["worker"] for id in tasks} == {first}
    finally:
        crew.undo()
    lab.is_left_alone()


@pytest.mark.slow
def test_computing_gets_no_faster_beyond_the_cores_and_it_says_so(lab):
    said = lab.run("scale", "--work", "cpu", "--tasks", "4")
    speedup = table(said)
    assert list(speedup) == [1, 2, 4], said
    assert ("4 workers share the" in said) == (CORES < 4), said
    if CORES == 2:
        assert "share the 2 cores of this machine" in said and "beyond 2" in said
        assert speedup[4] < 3.2


@pytest.mark.slow
def test_a_worker_that_dies_ends_it_and_a_paused_one_that_dies_comes_back_working(lab):
    process = lab.begin()
    for one in lab.process.children(recursive=True):
        with contextlib.suppress(psutil.Error):  # a zombie has no command line
            if {"worker1@%h", "worker4@%h"} & set(one.cmdline()):
                one.kill()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1 and "start again" in said, said
    until(lambda: len(lab.ledger.workers()) == 4, what="the return of both")
    lab.is_left_alone()


@pytest.mark.slow
def test_slots_count_where_a_worker_does_more_than_one_task_at_a_time(tmp_path):
    lab = Lab(tmp_path)
    try:
        lab.up("--workers", "2", "--concurrency", "2")
        said = lab.run("scale")
        assert "slots" in said and 1.5 < table(said)[2] < 2.5, said
        rows = json.loads((lab.lab / "scale.json").read_text())["rows"]
        assert [(row["slots"], row["seconds"] < 7) for row in rows] == [(2, True), (4, True)]
    finally:
        lab.stop()


def test_amdahl():
    assert serial_fraction(made((1, 1, 8), (2, 2, 5), (4, 4, 3.5))) == 0.25
    assert serial_fraction(made((1, 1, 8), (2, 2, 4), (4, 4, 2))) == 0
    assert serial_fraction(made((1, 1, 8), (2, 2, 3.5))) == 0
    assert serial_fraction(made((1, 1, 8), (2, 2, 9))) == 1
    assert serial_fraction(made((1, 1, 8))) is None
    assert words.amdahl(0.04).endswith("about 4 % of the time does not get shorter with more workers: "
        "at best 25 times faster, however many there are.")  # fmt: skip
    assert "less than 1 %" in words.amdahl(0.001)


def test_what_cores_limit_is_not_taken_for_serial():
    rows = made((1, 1, 8), (2, 2, 4), (4, 2, 4))
    assert [row["workers"] for row in fair(rows, 8)] == [1, 2]
    said = " ".join(words.lessons(rows, 8, {"pc1": (4, 2)}, serial_fraction(fair(rows, 8))))
    assert "4 workers share the 2 cores of pc1: computing does not get faster beyond 2." in said
    assert "less than 1 %" in said and "(Fitted to 1 and 2 workers.)" in said
    rows = made((1, 1, 8), (2, 2, 4), (4, 2, 2.5))
    said = " ".join(words.lessons(rows, 8, {"pc1": (4, 2)}, serial_fraction(fair(rows, 8))))
    assert "does not get" not in said and "and yet it got faster beyond 2" in said
    # With one core the best there is follows from the first row
    rows = made((1, 1, 8), (2, 1, 8.1))
    (said,) = words.lessons(rows, 8, {"pc1": (2, 1)}, serial_fraction(fair(rows, 8)))
    assert said == "2 workers share the one core of pc1: computing does not get faster beyond 1."


def test_one_worker_alone_has_no_speed_up():
    (said,) = words.lessons(made((1, 1, 8)), 8, {"pc1": (1, 1)}, None)
    assert said.startswith("A speed-up needs two workers or more")


def test_who_is_measured():
    assert [counts(most) for most in (1, 2, 3, 4, 6)] == [[1], [1, 2], [1, 2, 3], [1, 2, 4], [1, 2, 4, 6]]
    workers = [{"name": name, "host": name[0]} for name in ("a1", "a2", "a3", "b1", "c1")]
    assert [one["name"] for one in in_turn(workers)] == ["a1", "b1", "c1", "a2", "a3"]


def test_the_drawing_is_xml_whatever_the_title():
    drawing = ElementTree.fromstring(svg(made((1, 1, 8), (2, 2, 4)), 'a < b & "c"'))
    assert 'a < b & "c"' in [each.text for each in drawing.findall("{*}text")]


def test_without_a_number_all_have_as_many_tasks():
    assert [evenly(counts(workers)) for workers in (1, 2, 3, 4, 5, 6, 16)] == [8, 8, 12, 8, 20, 12, 16]
    assert evenly(counts(7)) == 28 and evenly(counts(50)) == 8
