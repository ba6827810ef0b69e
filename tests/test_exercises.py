"""The course proves itself, and a broken exercise takes nothing else down."""

import pytest
from parts import Api

from classroom.check.course import claims, lacks
from classroom.check.exercise import every
from classroom.check.translations import texts, untranslated, unused
from classroom.local.cluster import ROOT
from classroom.words import ours

COURSE = every() if any(one.solution.exists() for one in every()) else []  # a student's copy has nothing to prove
CLAIMS = [claim for exercise in COURSE for claim in claims(exercise)]
QUICK = [claim for claim in CLAIMS if claim.kind != "wrong" and claim.exercise in COURSE[:2]]
RUNNER = sorted(ROOT.glob("classroom/check/*.py"))
GRADER = sorted(ROOT.glob("classroom/grade/*.py"))  # with words of its own: the students' copy has neither


@pytest.mark.parametrize(
    "claim",
    [pytest.param(one, marks=[] if one in QUICK else [pytest.mark.slow]) for one in CLAIMS],
    ids=lambda claim: f"{claim.exercise.name}-{claim.file.stem}",
)
def test_what_the_course_says_of_itself_is_true(claim):
    assert list(claim.faults()) == []


@pytest.mark.parametrize("exercise", COURSE, ids=lambda exercise: exercise.name)
def test_an_exercise_has_all_that_it_should(exercise):
    assert list(lacks(exercise)) == []


def test_all_that_a_student_reads_is_translated():
    assert texts(RUNNER) and untranslated(ours, RUNNER) == []
    assert unused(ours, RUNNER) == []
    grades = ours / "grade"
    assert [text for text in untranslated(grades, GRADER) if text in untranslated(ours, GRADER)] == []
    assert unused(grades, GRADER) == []


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
