"""The fault drill: nothing is lost, and it would say so if something were."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from parts import left, need, need_root, until

from classroom.drill import run as drill_run
from classroom.drill.faults import FAULTS, clock_off
from classroom.drill.run import recovery, run, timeline
from classroom.local.cluster import ROOT


def drill(*options):
    """Run ./lab drill; returns its exit code and what it printed."""
    done = subprocess.run([ROOT / "lab", "drill", *options], capture_output=True, text=True, timeout=380)
    return done.returncode, done.stdout + done.stderr


def nothing_lost(fault, file, *options, rounds=2):
    """Run some rounds of a fault and judge the verdict in its file."""
    code, said = drill(fault, "--seed", "7", "--rounds", str(rounds), "--json", str(file), *options)
    assert code == 0, said
    (verdict,) = json.loads(file.read_text())
    assert verdict["accepted"] == verdict["finished"] > 50
    assert (verdict["lost"], verdict["keyed_effects_twice"], verdict["rounds"]) == (0, 0, rounds)
    assert verdict["never_again"] == 0
    assert f"{verdict['accepted']} accepted" in said and "x" in said


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_whatever_breaks(fault, tmp_path):
    if fault == "cut-link":
        need_root()
        need("ip", "iproute2")
    if fault == "wrong-clock":
        need("faketime", "faketime")
    # One kill of ten hits a worker while it acknowledges a message, which once made it take no others.
    nothing_lost(fault, tmp_path / "verdict.json", rounds=10 if fault == "kill-broker" else 2)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["kill-worker", "freeze-worker", "kill-broker", "freeze-broker"])
def test_nothing_is_lost_on_rabbitmq_either(fault, tmp_path):
    need("rabbitmq-server", "rabbitmq-server")
    nothing_lost(fault, tmp_path / "verdict.json", "--rabbitmq")


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Let the drill's task be another, and so long that all workers run one from the second fault on."""
    monkeypatch.setattr(drill_run, "PAUSE", 1)

    def broken(**changes):
        text = Path(drill_run.__file__).with_name("exercise.py").read_text()
        for old, new in {"time.sleep(seconds)": "time.sleep(4.2)", **changes}.items():
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "exercise.py").write_text(text)
        return {"EXERCISE_FILE": str(tmp_path / "exercise.py")}

    return broken


@pytest.mark.slow
@pytest.mark.parametrize("late", [True, False], ids=["late", "early"])
def test_the_drill_reports_the_loss_when_nobody_recovers(broken, late):
    env = broken(**{"bind=True": f"bind=True, acks_late={late}"}) | {"LEDGER_RECOVERY": "off"}
    verdict = run("kill-worker", rounds=3, seed=1, env=env, patience=20)
    # A worker holds at most the task that it runs and the next one
    assert 0 < verdict["lost"] <= 2 * verdict["rounds"]
    assert verdict["finished"] == verdict["accepted"] - verdict["lost"]


@pytest.mark.slow
def test_the_drill_reports_an_effect_that_happened_twice(broken):
    verdict = run("freeze-worker", rounds=3, seed=1, env=broken(**{"if first then": "if true then"}))
    assert verdict["keyed_effects_twice"] > 0
    assert verdict["lost"] == 0


def test_an_unknown_fault_is_a_sentence_with_those_there_are():
    code, said = drill("kill-teacher")
    assert code == 2 and "No such fault: kill-teacher" in said and "kill-worker" in said


def test_a_fault_that_this_machine_lacks_the_parts_for_is_refused_with_what_to_install():
    need("faketime", "faketime")
    need("bwrap", "bubblewrap")
    (libraries,) = Path("/usr/lib").glob("*/faketime")
    without = ["bwrap", "--dev-bind", "/", "/", "--tmpfs", libraries, ROOT / "lab", "drill", "wrong-clock"]
    done = subprocess.run(without, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("wrong-clock cannot be done here") and "apt install faketime" in done.stderr


def test_a_clock_is_wrong_whatever_a_killed_process_left_behind():
    need("faketime", "faketime")
    # Given what a killed one leaves in memory that is shared
    killed = subprocess.Popen(["sh", "-c", "kill -9 $$"], env=os.environ | clock_off(7200))
    killed.wait(20)
    left = Path(f"/dev/shm/sem.faketime_sem_{killed.pid}")
    assert left.exists()
    # and a process that gets the same id, here by giving it what the other left
    wrong = [f"{name}={value}" for name, value in clock_off(7200).items()]
    ask = ["env", *wrong, sys.executable, "-c", "import time; print(time.time())"]
    same = ["sh", "-c", f'cp {left} {left.with_name("sem.faketime_sem_")}$$; exec "$@"', "sh", *ask]
    process = subprocess.Popen(same, stdout=subprocess.PIPE, text=True)
    try:
        said, _ = process.communicate(timeout=20)
    finally:
        process.kill()
        for pid in (killed.pid, process.pid):
            for name in ("sem.faketime_sem_", "faketime_shm_"):
                left.with_name(f"{name}{pid}").unlink(missing_ok=True)
    assert float(said) == pytest.approx(time.time() + 7200, abs=20)


def test_recovery_is_the_time_until_what_was_cut_off_runs_again():
    def step(at, step, id, attempt):
        return at, {"step": step, "id": id, "attempt": attempt}

    steps = [
        step(1.0, "started", "a", "1"),
        step(2.2, "started", "b", "1"),
        step(2.5, "SUCCESS", "b", "1"),
        step(8.0, "lost", "a", "1"),
        step(8.2, "started", "a", "2"),
    ]
    assert recovery(2.0, 3.0, steps, broker_away=False) == pytest.approx(6.2)
    assert recovery(2.0, 3.0, steps, broker_away=True) == pytest.approx(5.2)
    assert recovery(2.0, 2.1, steps[:3], broker_away=False) == pytest.approx(0.5)
    # and what an earlier fault cut off does not count
    assert recovery(8.1, 8.1, [*steps, step(8.6, "SUCCESS", "a", "2")], broker_away=False) == pytest.approx(0.5)
    # and what never ran again is no small number
    assert recovery(2.0, 3.0, steps[:-1], broker_away=False) == float("inf")
    assert timeline([2.0], steps) == ["·█······", " x"]


@pytest.mark.slow
def test_interrupted_twice_it_says_so_and_leaves_nothing(tmp_path):
    said = tmp_path / "said"
    with open(said, "w") as out:
        env = os.environ | {"TMPDIR": str(tmp_path)}
        process = psutil.Popen([ROOT / "lab", "drill", "--rounds", "5"], env=env, stdout=out, stderr=out)
    logs = "drill-*/cluster/log/worker*.log"
    until(lambda: any(" received" in log.read_text() for log in tmp_path.glob(logs)), 60, "the load")
    family = process.children(recursive=True)
    process.send_signal(signal.SIGINT)
    until(lambda: "Stopping" in said.read_text(), what="a word")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130 and "Traceback" not in said.read_text(), said.read_text()
    until(lambda: not left(family), what="the end of its processes")
