"""./lab check --watch, in a real terminal: save, see; it moves on only when told, and leaves the terminal as it was."""

import os
import shutil
import signal
import time

import pytest
from parts import left, until
from screen import Pty, break_it
from terminal import Desk


@pytest.fixture
def desk(tmp_path):
    """A student's desk, with a second exercise."""
    desk = Desk(tmp_path)
    desk.run("new-exercise", "02-double")
    desk.file = desk.exercise / "exercise.py"
    yield desk
    desk.stop()


@pytest.fixture
def watching(desk):
    """Start ./lab check --watch; what was started is ended."""
    started = []

    def watching(*options):
        started.append(Pty(desk, "check", "--watch", *options))
        return started[-1]

    yield watching
    for one in started:
        if one.process.is_running() and one.process.poll() is None:
            one.process.terminate()
            one.process.wait(20)
        os.close(one.slave)
        os.close(one.master)


def test_save_see_and_move_on_only_when_told(desk, watching):
    # Given the exercise as it was handed out, I expect its verdicts, and below them what I can do
    terminal = watching()
    terminal.sees("The file is looked at every 0.3 s")
    terminal.sees("Checking the exercise 01-factorial. Please wait …")
    assert terminal.keys == "q:quit ?"
    terminal.sees(":) your file can be loaded")
    terminal.waits()
    assert "passed: 2, failed: 2, not checked: 3" in terminal.said
    assert "Current exercise: exercises/01-factorial/exercise.py" in terminal.lines[-3]
    assert "0/2" in terminal.lines[-4]
    # and hints, one at a time, until there are no more
    for number in (1, 2, 3):
        assert terminal.keys == "h:hint / l:list / c:check all / x:reset / q:quit ?"
        terminal.type("h")
        terminal.sees(f"refuses, hint {number} of 3:")
    until(lambda: terminal.keys == "l:list / c:check all / x:reset / q:quit ?", what="no more hints")
    terminal.type("l")
    terminal.sees("   02-double ")
    # and nothing, when another file is saved
    break_it(desk.project / "exercises" / "02-double" / "exercise.py")
    time.sleep(1)
    assert terminal.keys.startswith("l:list")
    # When the solution is saved, I expect a verdict soon, and to stay where I am
    shutil.copyfile(desk.exercise / "solution.py", desk.file)
    before = time.monotonic()
    until(lambda: terminal.keys == "q:quit ?", 10, "a check")
    terminal.sees(":) your file can be loaded", 30)
    print(f"from save to first verdict: {time.monotonic() - before:.1f} s")
    terminal.sees("Exercise done", 90)
    terminal.sees("Solution for comparison: exercises/01-factorial/solution.py")
    terminal.sees("When done experimenting, enter n to move on")
    terminal.waits()
    assert terminal.keys == "n:next / l:list / c:check all / x:reset / q:quit ?" and "1/2" in terminal.lines[-4]
    time.sleep(1)
    assert "Current exercise: exercises/01-factorial/exercise.py" in terminal.lines[-3]
    assert ":) 01-factorial" in desk.run("list")
    # and to move on when I say so
    terminal.type("n")
    terminal.sees("Checking the exercise 02-double. Please wait …")
    terminal.sees("Current exercise: exercises/02-double/exercise.py")
    terminal.type("q")
    assert terminal.ended() == 0


def test_saved_again_a_check_begins_again_and_keys_are_forgotten_meanwhile(desk, watching):
    terminal = watching("02")
    terminal.sees("Checking the exercise 02-double. Please wait …")
    until(lambda: len(terminal.process.children(recursive=True)) > 2, what="its processes")
    first = left(terminal.process.children(recursive=True))
    terminal.type("lhcxy")
    break_it(desk.project / "exercises" / "02-double" / "exercise.py")
    until(lambda: terminal.written.count(b"Checking the exercise 02-double") == 2, what="the second check")
    assert not left(first)
    terminal.type("\x1b[Alh")  # an arrow, and more
    terminal.sees("SyntaxError")
    terminal.waits()
    time.sleep(1)
    assert "hint 1" not in terminal.said and "01-factorial" not in terminal.said and "(y/n)" not in terminal.said
    assert terminal.written.count(b"Checking the exercise") == 2
    terminal.type("q")
    assert terminal.ended() == 0


@pytest.mark.slow
def test_reset_asks_check_all_checks_all_and_a_file_may_come_and_go(desk, watching):
    break_it(desk.file)
    break_it(desk.project / "exercises" / "02-double" / "exercise.py")
    terminal = watching("01")
    terminal.waits()
    terminal.type("c")
    terminal.sees(":( 02-double ", 60)
    assert ":( 01-factorial" in terminal.said and "0/2" in terminal.said
    terminal.waits()
    terminal.type("x")
    terminal.sees("Undo all your changes to exercises/01-factorial/exercise.py?")
    terminal.type("n")
    terminal.sees("Nothing was changed.")
    assert "def f(:" in desk.file.read_text()
    desk.file.unlink()
    terminal.sees("There is no exercises/01-factorial/exercise.py.")
    terminal.waits()
    terminal.type("x")  # nothing is undone, so nothing is asked
    terminal.sees(":) your file can be loaded")
    assert "TODO 1" in desk.file.read_text()
    terminal.type("q")
    assert terminal.ended() == 0


@pytest.mark.parametrize("stop", ["\x03", signal.SIGTERM])
def test_interrupted_it_leaves_nothing_and_the_terminal_as_it_was(desk, watching, stop):
    terminal = watching()
    until(lambda: len(terminal.process.children(recursive=True)) > 4, what="its processes")
    if stop == signal.SIGTERM:
        terminal.process.send_signal(stop)
    else:
        terminal.type(stop)
    assert terminal.ended() == 130
    terminal.sees("Interrupted: nothing of it is left running.")
    assert "Traceback" not in terminal.said and not list(desk.lab.glob("checks/0*"))


def test_without_a_terminal_it_says_so(desk):
    said = desk.run("check", "--watch", check=False)
    assert "--watch needs a terminal. Without one: ./lab check" in said and "Traceback" not in said


@pytest.mark.slow
def test_it_shows_which_code_the_workers_of_the_running_cluster_run(desk, watching):
    desk.up("--workers", "2")
    desk.env["LAB_URL"] = "http://127.0.0.1:9"  # the class's cluster is another
    terminal = watching()
    terminal.sees("workers: worker1 (new code) worker2 (new code)")
    desk.change("exercises/01-factorial/exercise.py", "time.sleep(1)", "time.sleep(0.5)")
    terminal.sees("worker1 (OLD code", 20)
    terminal.sees("workers: worker1 (new code) worker2 (new code)", 60)
    # When the file cannot be used, I expect the old code to stay, and nobody to say that it restarts
    break_it(desk.file)
    terminal.sees("SyntaxError", 60)
    terminal.sees("workers: worker1 (OLD code) worker2 (OLD code)")
    desk.process.send_signal(signal.SIGINT)
    assert desk.process.wait(30) == 0
    until(lambda: "workers:" not in terminal.said, what="no line without a cluster")
    terminal.type("q")
    assert terminal.ended() == 0
