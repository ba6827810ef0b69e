"""The fault drill: nothing is lost, and it would say so if something were."""

import json
import subprocess

import pytest

from classroom.drill.run import recovery, run, timeline
from classroom.local.cluster import ROOT


def drill(*options):
    """Run ./lab drill; returns its exit code and what it printed."""
    done = subprocess.run([ROOT / "lab", "drill", *options], capture_output=True, text=True, timeout=170)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    ["kill-child", "kill-worker", "freeze-worker", "term-worker", "kill-broker", "freeze-broker", "kill-web", "poison"],
)
def test_nothing_is_lost_whatever_breaks(fault, tmp_path):
    code, said = drill(fault, "--seed", "7", "--rounds", "2", "--json", str(tmp_path / "verdict.json"))
    (verdict,) = json.loads((tmp_path / "verdict.json").read_text())
    assert code == 0, said
    assert verdict["accepted"] == verdict["finished"] > 50
    assert (verdict["lost"], verdict["keyed_effects_twice"], verdict["rounds"]) == (0, 0, 2)
    assert f"{verdict['accepted']} accepted" in said and "x" in said


@pytest.mark.slow
def test_the_drill_reports_the_loss_when_nobody_recovers():
    verdict = run("kill-worker", rounds=5, seed=1, env={"LEDGER_RECOVERY": "off"}, patience=15)
    assert verdict["lost"] > 0
    assert verdict["finished"] == verdict["accepted"] - verdict["lost"]


def test_an_unknown_fault_is_a_sentence_with_those_there_are():
    code, said = drill("kill-teacher")
    assert code == 2 and "No such fault: kill-teacher" in said and "kill-worker" in said


def test_recovery_is_the_time_until_what_was_cut_off_runs_again():
    def step(at, step, id, attempt):
        return at, {"step": step, "id": id, "attempt": attempt}

    steps = [
        step(1.0, "started", "a", "1"),
        step(2.5, "SUCCESS", "b", "1"),
        step(8.0, "lost", "a", "1"),
        step(8.2, "started", "a", "2"),
    ]
    assert recovery(2.0, steps) == pytest.approx(6.2)
    assert recovery(2.0, steps[:2]) == pytest.approx(0.5)
    assert timeline([2.0], steps) == ["·█······", " x"]
