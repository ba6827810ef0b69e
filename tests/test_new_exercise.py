"""./lab new-exercise makes a whole exercise, and docs/exercises.md says what it is made of."""

import re
import subprocess
import sys

import pytest

from classroom import check
from classroom.check.answer import Answer
from classroom.check.program import Program
from classroom.history import Attempt
from classroom.local.cluster import ROOT

PAGE = (ROOT / "docs" / "exercises.md").read_text()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_new_exercise_proves_itself(copy):
    # Given a new exercise, as the template makes it
    said = copy.run("new-exercise", "08-two-words")
    assert "./lab check --course 08-two-words" in said
    # I expect it to prove all that it says of itself
    command = [copy.project / "lab", "check", "--course", "08-two-words"]
    done = subprocess.run(command, env=copy.env | {"LAB_LANG": "en"}, capture_output=True, text=True, timeout=560)
    assert "The course proves itself" in done.stdout and done.returncode == 0, done.stdout + done.stderr


def test_a_new_exercise_is_whole(copy):
    copy.run("new-exercise", "08-two-words")
    folder = copy.project / "exercises" / "08-two-words"
    made = [path for path in folder.rglob("*") if path.is_file()]
    # I expect its name everywhere, and all the files that the author's page names
    for path in made:
        assert not re.search(r"\bNN\b|WORDS", path.read_text()), path
    named = set(re.findall(r"`([\w.-]+\.(?:py|md|po))`", PAGE.split("## A check")[0]))
    assert named - {"check_teacher.py"} == {path.name for path in folder.iterdir() if path.is_file()}
    # and what the project asks of all code
    for command in ("check", "format --check"):
        subprocess.run([sys.executable, "-m", "ruff", *command.split(), "--quiet", folder], check=True)
    assert "08-two-words" in copy.run("list")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("8-primes", "as in 08-primes"),
        ("08-Primes", "as in 08-primes"),
        ("08-", "as in 08-primes"),
        ("../08-primes", "as in 08-primes"),
        ("08-a-name-that-is-too-long", "22 characters"),
        ("01-factorial", "There is an exercise 01-factorial already"),
        ("01-primes", "01-factorial has the same number"),
        ("08-factorial", "01-factorial has the same words"),
    ],
)
def test_a_name_that_does_not_do_is_refused(terminal, name, says):
    # Given a folder of exercises in which there is one
    (terminal.folder / "01-factorial").mkdir()
    (terminal.folder / "01-factorial" / "check.py").touch()
    # I expect a sentence, and nothing new in it
    said = terminal.run("new-exercise", name, check=False, EXERCISES=str(terminal.folder))
    assert said.startswith("Error: ") and says in said
    assert [path.name for path in terminal.folder.iterdir()] == ["01-factorial"]


def test_the_author_s_page_names_what_there_is():
    for name in re.findall(r"program\.(\w+)", PAGE):
        assert name == "sent" or hasattr(Program, name), name
    for name in re.findall(r"`\.(\w+)`", PAGE):
        assert any(name in (*one.__annotations__, *vars(one)) for one in (Answer, Attempt)), name
    for name in check.__all__:
        assert f"{name}(" in PAGE, name
