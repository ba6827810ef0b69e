"""The fault drill: nothing is lost, and it would say so if something were."""

import json
import subprocess
from pathlib import Path

import pytest
from parts import need, need_root

from classroom.drill import run as drill_run
from classroom.drill.faults import FAULTS
from classroom.drill.run import recovery, run, timeline
from classroom.local.cluster import ROOT


def drill(*options):
    """Run ./lab drill; returns its exit code and what it printed."""
    done = subprocess.run([ROOT / "lab", "drill", *options], capture_output=True, text=True, timeout=170)
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
