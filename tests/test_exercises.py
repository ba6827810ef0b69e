"""The exercises prove themselves, and a broken one takes nothing else down."""

import os
import subprocess
import sys

import pytest
from parts import Api

from classroom.local.cluster import ROOT

EXERCISES = sorted(path.parent for path in ROOT.glob("exercises/*/exercise.py"))


def check(folder, file):
    """Run an exercise's checks on one file; returns the exit code and what was printed."""
    env = os.environ | {"EXERCISE_FILE": str(folder / file)}
    command = [sys.executable, "-m", "pytest", "-q", str(folder / "check.py")]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout


@pytest.mark.parametrize("folder", EXERCISES, ids=lambda folder: folder.name)
def test_the_solution_passes_and_what_is_shipped_does_not(folder):
    code, said = check(folder, "solution.py")
    assert code == 0, said
    code, said = check(folder, "exercise.py")
    assert code == 1, said
    assert " passed" in said, "it should run as it is, and pass some"


def test_a_syntax_error_is_named_with_file_and_line_and_takes_nothing_else_down(start, tmp_path):
    file = tmp_path / "96-typo" / "exercise.py"
    file.parent.mkdir()
    file.write_text("from flask import Blueprint\nbp = Blueprint('typo', __name__)\ndef f(:\n    pass\n")
    cluster = start(workers=1, env={"EXERCISE_FILE": str(file)})
    with Api(cluster.url) as api:
        assert api.ended(api.submit())["result"] == 20
        assert api.post("/factorial", json={"number": 5}).status_code == 202
        sheet = api.get("/").text
    for said in (sheet, cluster.web.log.read_text(), cluster.workers[0].log.read_text()):
        assert f"{file}, line 3: SyntaxError" in said
