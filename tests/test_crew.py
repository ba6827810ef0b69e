"""The workers of a program under check: killed and frozen when the check says so, and never left behind."""

import os
import signal
from contextlib import suppress

import psutil
import pytest
from parts import left, until

from classroom.check.program import Program
from classroom.check.verdict import Failed
from classroom.local.cluster import ROOT


@pytest.fixture
def program(tmp_path):
    """A program under check with one worker."""
    program = Program(tmp_path, ROOT / "exercises")
    program.starting.start()
    try:
        program.wait()
        program.let(1)
        yield program
    finally:
        program.stop()


def test_a_worker_can_be_killed_and_frozen_and_is_there_again(program):
    [worker] = program.cluster.workers
    name = program.ended(program.send("longtask", 1, 0))["worker"]
    # Given a worker that was killed, when as many are wanted again
    before = worker.pid
    program.kill(name)
    assert not worker.alive
    program.let(1)
    # I expect it to be there, and not only known from before
    assert worker.alive and worker.pid != before and worker.said(" ready.")
    # and one that is frozen to do nothing until the end of the block, and then what waited
    with program.frozen(name):
        task_id = program.send("longtask", 2, 0)
        with pytest.raises(Failed, match="PENDING after 2 s"):
            program.result(task_id, within=2)
    assert program.status(task_id)["result"] == 4


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_while_a_worker_is_frozen_a_check_leaves_nothing(tmp_path, number):
    with open(tmp_path / "said", "w") as said:
        env = os.environ | {"LAB_DIR": str(tmp_path)}
        process = psutil.Popen([ROOT / "lab", "check", "06-crash"], env=env, stdout=said, stderr=said)
    until(lambda: any(map(is_frozen, process.children(recursive=True))), 120, "a frozen worker")
    family = process.children(recursive=True)
    process.send_signal(number)
    process.wait(20)
    until(lambda: not left(family), what="the end of its processes")


def is_frozen(process):
    """Whether a process stands still."""
    with suppress(psutil.Error):
        return process.status() == psutil.STATUS_STOPPED
    return False
