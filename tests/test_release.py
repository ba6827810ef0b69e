"""./lab release makes the students' copy, and nothing of the teacher's is in it."""

import shutil
import subprocess
import sys

import pytest
from terminal import Terminal

from classroom.check.exercise import OF_THE_TEACHER
from classroom.local.cluster import ROOT

FACTORIAL = "exercises/01-factorial"
SECRET = "nobody but the teacher may read this"


def git(folder, *command):
    """What git prints, as bytes."""
    who = ["-c", "user.name=Teacher", "-c", "user.email=teacher@example.org"]
    return subprocess.check_output(["git", *who, *command], cwd=folder, stderr=subprocess.STDOUT)


def commit(folder):
    """Commit all there is."""
    git(folder, "add", "--all", "--force", ".", ":!.venv")
    git(folder, "commit", "--quiet", "-m", "Teacher's work")


@pytest.fixture
def course(copy):
    """A copy of the project that is the teacher's repository, with secrets and a history that gives them away."""
    for name in (".gitattributes", ".gitignore"):
        shutil.copy(ROOT / name, copy.project)
    shutil.copytree(ROOT / "tests", copy.project / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    folder = copy.project / FACTORIAL
    for name in ("solution.py", "wrong/zero.py"):
        (folder / name).write_text((folder / name).read_text() + f"# {SECRET}\n")
    (folder / "check_teacher.py").write_text(f'"""{SECRET}"""\n')
    shipped = (folder / "exercise.py").read_text()
    (folder / "exercise.py").write_text((folder / "solution.py").read_text())
    git(copy.project, "init", "--quiet")
    commit(copy.project)
    (folder / "exercise.py").write_text(shipped)
    commit(copy.project)
    return copy


@pytest.fixture
def students(course):
    """The students' copy of it, and a terminal there."""
    assert "in one commit" in course.run("release", "students")
    return Terminal(course.folder, course.folder / "students")


def test_nothing_of_the_teacher_s_is_in_the_copy(course, students):
    # I expect no file with such a name
    names = {path.name for path in students.project.rglob("*")}
    assert names.isdisjoint(OF_THE_TEACHER) and {"exercise.py", "check.py", "hints.md", "pt-BR.po"} <= names
    # nor the content of one in any object of git
    objects = git(students.project, "cat-file", "--batch-all-objects", "--batch")
    assert b"def start_factorial" in objects and SECRET.encode() not in objects
    paths = git(course.project, "ls-files").decode().split()
    theirs = [path for path in paths if not set(OF_THE_TEACHER).isdisjoint(path.split("/"))]
    assert len(theirs) > 20
    contents = {git(course.project, "rev-parse", f"HEAD:{path}") for path in theirs}
    reachable = git(students.project, "rev-list", "--objects", "--all", "--no-object-names").splitlines(keepends=True)
    assert reachable and contents.isdisjoint(reachable)
    # nor a history
    assert git(students.project, "rev-list", "--all", "--count") == b"1\n"
    assert git(students.project, "status", "--porcelain") == b""


def test_a_student_can_work_in_the_copy(students):
    # Given a student who has changed the exercise
    (students.project / ".venv").symlink_to(ROOT / ".venv")
    file = students.project / FACTORIAL / "exercise.py"
    shipped = file.read_text()
    file.write_text(shipped + "# mine\n")
    # I expect that it can be put back, and that the course is there
    students.run("reset", "01", "--yes")
    assert file.read_text() == shipped
    assert "01-factorial" in students.run("list")
    # and that what only a teacher needs says so
    assert "student's copy" in students.run("release", "../more", check=False)
    assert "student's copy" in students.run("new-exercise", "08-primes", check=False)
    assert "No such command 'grade'" in students.run("grade", ".", check=False)
    assert not (students.project / "classroom" / "grade").exists()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_copy_s_own_tests_work(students):
    # I expect all that are in it to be found, and those of the exercises to pass
    for what in (["--collect-only"], ["-m", "not slow", "tests/test_exercises.py"]):
        command = [sys.executable, "-m", "pytest", "-q", *what]
        env = students.env
        done = subprocess.run(command, cwd=students.project, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    assert not list(students.project.glob("tests/test_release.py"))


def refused(course, *words):
    """Try a release that should be refused with these words; nothing should be made."""
    said = course.run("release", "students", check=False)
    assert said.startswith("Error: ") and "Traceback" not in said
    for one in words:
        assert one in said
    assert not (course.folder / "students").exists()


def test_what_is_not_committed_is_not_released_in_silence(course):
    course.change(f"{FACTORIAL}/README.md", "# Exercise 1", "# Exercise one")
    refused(course, f" M {FACTORIAL}/README.md", "not committed", "git stash")
    git(course.project, "checkout", ".")
    (course.project / "exercises" / "08-new").mkdir()
    (course.project / "exercises" / "08-new" / "check.py").touch()
    assert "git does not know it: exercises/08-new/" in course.run("release", "students", check=False)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda project: (project / ".gitattributes").unlink(), f"{FACTORIAL}/solution.py"),
        (
            lambda project: shutil.copy(project / FACTORIAL / "solution.py", project / "exercises" / "help.py"),
            f"the content of {FACTORIAL}/solution.py, in exercises/help.py",
        ),
    ],
    ids=["its name", "its content"],
)
def test_a_copy_that_would_give_something_away_is_not_made(course, change, says):
    change(course.project)
    commit(course.project)
    refused(course, says, "export-ignore")


def test_a_folder_with_something_in_it_is_left_alone(course):
    (course.folder / "full").mkdir()
    (course.folder / "full" / "mine").touch()
    (course.folder / "empty").mkdir()
    assert "not an empty folder" in course.run("release", "full", check=False)
    assert "in the project itself" in course.run("release", str(course.project / "students"), check=False)
    assert "in one commit" in course.run("release", "empty")
    assert [path.name for path in (course.folder / "full").iterdir()] == ["mine"]


def test_without_a_repository_it_is_a_sentence(course):
    shutil.rmtree(course.project / ".git")
    refused(course, "should be a git repository")
