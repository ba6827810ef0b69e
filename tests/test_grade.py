"""./lab grade: every submission gets its row, whatever it tries, and none can stop or see another, or the grader."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import parts
import psutil
import pytest
from parts import left, until

from classroom.check.exercise import Exercise, find
from classroom.grade import gradebook, marks
from classroom.local.cluster import ROOT

FACTORIAL = find("01-factorial")
SOLUTION = (FACTORIAL.folder / "solution.py").read_text()
WORK = "time.sleep(1)  #"
BP = 'bp = Blueprint("factorial", __name__)'
WORD = "nobody-but-the-teacher-may-read-this"
FORGES = """
import os, json
for fd in range(64):
    for key in ("loads", "right", "at-once", "refuses", "by-a-worker", "together", "failure"):
        try:
            os.write(fd, json.dumps({"check": key, "title": key, "verdict": "passed", "seconds": 0}).encode() + b"\\n")
        except OSError:
            pass
os._exit(0)
"""


def working(act):
    """The solution, whose task does something else first."""
    return SOLUTION.replace(WORK, f"{act}\n    {WORK}")


def loading(act):
    """The solution, which does something else while it is loaded."""
    return SOLUTION.replace(BP, f"{act}\n{BP}")


def telling(what):
    """The solution, whose task tells what came of this expression in the place of the factorial."""
    told = (
        f"try:\n        text = str({what})[:400]\n    except BaseException as error:\n        text = repr(error)[:400]"
    )
    made = SOLUTION.replace("text = str(math.factorial(number))", f"import os, socket, subprocess\n    {told}")
    assert made != SOLUTION
    return made


@pytest.fixture
def desk(tmp_path):
    """A teacher's desk: files can be handed in, and graded."""
    parts.need("bwrap", "bubblewrap")
    return Desk(tmp_path)


class Desk:
    """A teacher's desk, with submissions on it."""

    def __init__(self, folder):
        self.folder, self.submissions, self.out = folder, folder / "submissions", folder / "grades"
        self.submissions.mkdir()
        self.env = os.environ | {"LAB_LANG": "en", "LAB_DIR": str(folder / "lab")}

    def hand_in(self, student, content, name="01-factorial.py"):
        """Put a file into a student's folder; returns its path."""
        file = self.submissions / student / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def command(self, *options):
        """The command that grades them."""
        return [ROOT / "lab", "grade", self.submissions, "--out", self.out, *options]

    def grade(self, *options, code=0, seconds=170, before=(), **env):
        """Grade them, with the command that comes before; returns what was printed."""
        command = [*before, *self.command(*options)]
        done = subprocess.run(command, env=self.env | env, capture_output=True, text=True, timeout=seconds)
        assert done.returncode == code and "Traceback" not in done.stderr, done.stdout + done.stderr
        return done.stdout + done.stderr

    def rows(self):
        """The rows of grades.csv, by student."""
        with open(self.out / "grades.csv", encoding="utf-8", newline="") as file:
            return {row["student"]: row for row in csv.DictReader(file)}

    def file(self, student, name):
        """The text of a file that was written for a student."""
        return (self.out / "students" / student / name).read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_class_gets_its_rows_pages_and_results(desk):
    # Given one who did it well, one with a mistake, and things that are no submission
    desk.hand_in("ana", SOLUTION)
    desk.hand_in("bob", (FACTORIAL.folder / "wrong" / "zero.py").read_text(), "1/exercise.py")
    desk.hand_in("=cmd()", "", "factorial.py")
    (desk.submissions / "carl").mkdir()
    (desk.submissions / "carl" / "01.py").symlink_to("/etc/passwd")
    desk.hand_in("dora", "x", "77.py")
    (desk.submissions / "dora" / "01.py").mkdir()
    (desk.submissions / "eve").symlink_to("/etc")
    os.mkfifo(desk.hand_in("fred", "", "notes.txt").with_name("1.py"))
    # When they are graded
    said = desk.grade("--jobs", "2")
    # I expect a row for each, and a note on what fits no exercise
    rows = desk.rows()
    assert list(rows["ana"]) == list(marks.COLUMNS)
    assert list(rows["ana"].values()) == ["ana", "01-factorial", "passed", "7", "0", "0", "7", "100.0", ""]
    assert list(rows["bob"].values())[2:8] == ["failed", "3", "1", "3", "7", "42.9"]
    assert 'actual: {"digits": 1, "factorial": "0"}' in rows["bob"]["reason"]
    assert rows["'=cmd()"]["verdict"] == "failed"
    assert "actual: 01.py, a symbolic link" in rows["carl"]["reason"] and "root:" not in str(rows)
    assert "01.py, a folder" in rows["dora"]["reason"] and "1.py, which is no file" in rows["fred"]["reason"]
    for note in ("dora/77.py is named like no exercise", "fred/notes.txt", "eve is no student's folder"):
        assert f"Left alone: {note}" in said
    # and for each student what ./lab check would have said, in a page that needs nothing else
    page = desk.file("bob", "feedback.html").replace("http://127.0.0.1:5000", "")
    assert "0! is 1: what does your loop do when there is nothing to multiply?" in page
    assert "&#34;factorial&#34;: &#34;0&#34;" in page
    assert not re.search("<(link|script|img|iframe|object)|https?:", page)
    assert json.loads(desk.file("ana", "grades.json"))["results"]["01-factorial"]["document"]["verdict"] == "passed"
    tests = json.loads(desk.file("bob", "results.json"))["tests"]
    assert [one["score"] for one in tests] == [1, 1, 1, 0, 0, 0, 0] and {one["max_score"] for one in tests} == {1}
    assert all(isinstance(one["output"], str) and one["visibility"] == "visible" for one in tests)
    # and a second time the same rows, of which none is made again
    before = (desk.out / "grades.csv").read_text()
    began = time.monotonic()
    assert "6 of them graded before" in desk.grade()
    assert (desk.out / "grades.csv").read_text() == before and time.monotonic() - began < 30
    # nor do they change when they are made anew
    shutil.rmtree(desk.out)
    desk.grade()
    assert (desk.out / "grades.csv").read_text() == before


# Its web server keeps all room that there is, in files without a name: no worker finds any.
FILLS = """import os, sys
kept = []
for size in [60 * 2**20] * 9 + [4096] * 99 if any("gunicorn" in word for word in sys.argv) else []:
    try:
        kept.append(open(f"/tmp/{os.getpid()}", "wb", 0))
        os.unlink(kept[-1].name)
        kept[-1].write(bytes(size))
    except OSError:
        pass"""

# What a file does while it is loaded, and what its row says of it.
LOADS = {
    "syntax": ("def f(:\n", "SyntaxError"),
    "empty": ("", "bp"),
    "binary": (b"\x00\xff\xfe\x89PNG", "null bytes|SyntaxError"),
    "loop": ("while True: pass", "still being loaded"),
    "forges": (loading(FORGES), "Python ended while it loaded it"),
    "invents": (
        loading("import os\nopen(os.environ['HOME'] + '/found.json', 'w').write('[' * 9999)\nos._exit(0)"),
        "Python ended while it loaded it",
    ),
    "links": (
        loading("import os\nos.symlink('/etc/hostname', os.environ['HOME'] + '/found.json')\nos._exit(0)"),
        "Python ended while it loaded it",
    ),
    "fills-its-room": (loading(FILLS), "exit code 1: No space left"),
}

# What a task reads or reaches, and what it tells of that in the place of the factorial.
READS = {
    "another": ("open({another!r}).read()", "No such file"),
    "solution": ("open({project!r} + '/exercises/01-factorial/solution.py').read()", "No such file"),
    "solution-here": ("open('/mnt/project/exercises/01-factorial/solution.py').read()", "No such file"),
    "checks": ("open('/mnt/checks/check.py').read()", "No such file"),
    "teacher": ("open({secret!r}).read()", "No such file"),
    "passwd": ("open('/etc/passwd').read()", "No such file"),
    "environment": (
        "[os.environ.get('TEACHERS_SECRET'), b'{word}' in open('/proc/1/environ', 'rb').read()]",
        "None, F",
    ),
    "password": ("open('/mnt/data/cluster/credentials.json').read()", "No such file"),
    "processes": ("len([one for one in os.listdir('/proc') if one.isdigit()]) < 9", '"True"'),
    "network": ("socket.create_connection(('192.0.2.1', 80), 2)", "Network is unreachable"),
    "other-broker": ("socket.create_connection(('127.0.0.1', {port}), 2)", "Connection refused"),
    "flushall": (
        "__import__('redis').Redis.from_url(os.environ['CELERY_BROKER_URL']).flushall()",
        "no permissions|NoPermission",
    ),
    "project": ("open('/mnt/project/tasks.py', 'a')", "Read-only file system"),
    "exercise": ("open(__file__, 'a')", "Read-only file system"),
    "namespace": ("subprocess.run(['unshare', '-rn', 'true'], capture_output=True).returncode", '"1"'),
    "nameless-memory": ("os.memfd_create('a')", "not implemented"),
}

# What a task takes or ends, and what its row says of it.
SIXTY = "bytes(60 * 2**20)"
UNNAMED = """for _ in range(99):
        kept = [*globals().setdefault("kept", []), open("/tmp/big", "wb", 0)]
        globals()["kept"] = kept
        __import__("os").unlink("/tmp/big")
        kept[-1].write(bytes(60 * 2**20))"""
# It ends while the checker waits for its workers, or later, when it waits for the task.
ITS_WORKER_ENDED = "it ended by itself, with exit code 137|the task to end within … s, actual: STARTED after … s"
TAKES = {
    "fork-storm": ("import os\n    while os.fork():\n        pass\n    time.sleep(600)", "processes"),
    "memory": ("kept = [bytearray(50 * 2**20) for _ in range(200)]", "MemoryError|MB of memory"),
    "disk": (f"[open(f'big{{n}}', 'wb').write({SIXTY}) for n in range(99)]", "No space left"),
    "tmp": (UNNAMED, "No space left"),
    "shm": (f"[open(f'/dev/shm/{{n}}', 'wb').write({SIXTY}) for n in range(99)]", "No space left"),
    "kills-all": ("import os\n    os.kill(-1, 9)", ITS_WORKER_ENDED),
    "kills-its-parent": ("import os\n    os.kill(os.getppid(), 9)", ITS_WORKER_ENDED),
    "forever": ("while True: pass", "the task to end within"),
}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_whatever_a_file_does_when_it_is_loaded_its_row_says_so(desk):
    for name, (content, _said) in LOADS.items():
        desk.hand_in(name, content)
    expect_rows(desk, {name: said for name, (_content, said) in LOADS.items()})


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_submission_sees_another_or_the_teacher_or_the_network(desk, start):
    # Given a teacher's secrets, a broker on this machine, and one who does it well
    secret = desk.folder / "exam.txt"
    secret.write_text(WORD)
    another = desk.hand_in("ana", SOLUTION)
    port = start(workers=0).broker_port
    values = {"another": str(another), "project": str(ROOT), "secret": str(secret), "port": port, "word": WORD}
    for name, (what, _said) in READS.items():
        desk.hand_in(name, telling(what.format(**values)))
    # When all are graded beside one another
    expect_rows(desk, {name: said for name, (_what, said) in READS.items()}, TEACHERS_SECRET=WORD)
    # I expect nothing of the teacher's in any file that students get
    for name in READS:
        assert WORD not in desk.file(name, "feedback.html") and "root:x" not in desk.file(name, "feedback.html")
    # and the files as they were
    assert another.read_text() == SOLUTION


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_no_submission_takes_too_much_or_ends_another(desk):
    desk.hand_in("ana", SOLUTION)
    for name, (act, _said) in TAKES.items():
        desk.hand_in(name, working(act))
    expect_rows(desk, {name: said for name, (_act, said) in TAKES.items()})


def expect_rows(desk, said, **env):
    """Grade all; each of these students should have failed with these words, and all others passed."""
    printed = desk.grade("--jobs", "2", seconds=1400, **env)
    rows = desk.rows()
    for student, row in rows.items():
        print(student, row["verdict"], row["reason"])
    for student, words in said.items():
        assert rows[student]["verdict"] == "failed", (student, rows[student], printed)
        assert re.search(words, rows[student]["reason"]), (student, rows[student])
    assert all(row["verdict"] == "passed" for student, row in rows.items() if student not in said), rows
    assert f"{len(rows)} rows" in printed


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_what_nobody_can_tell_is_to_look_at_and_takes_no_points_off(desk):
    # Given a task that keeps the broker busy with a script that does not end
    act = """import os, redis
    redis.Redis.from_url(os.environ["CELERY_BROKER_URL"]).eval("while true do end", 0)"""
    desk.hand_in("ana", working(act))
    desk.grade(seconds=380)
    row = desk.rows()["ana"]
    assert (row["verdict"], row["failed"], row["score"]) == ("to look at", "0", "100.0"), row
    assert "the private broker stopped answering" in row["reason"]
    assert "That is no fault of yours" in desk.file("ana", "feedback.html")


@pytest.mark.slow
def test_interrupted_it_keeps_what_is_done_and_goes_on_from_there(desk):
    # Given one that is quick to grade, and others that are not
    desk.hand_in("ana", "")
    for name in ("bob", "carl"):
        desk.hand_in(name, SOLUTION)
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = psutil.Popen(desk.command("--jobs", "1"), env=desk.env, **quiet)
    until(lambda: (desk.out / "students" / "ana" / "grades.json").exists(), 90, "the first result")
    family = until(lambda: len(found := process.children(recursive=True)) > 4 and found, 90, "the second")
    process.send_signal(signal.SIGINT)
    assert process.wait(40) == 130
    said = process.stdout.read()
    assert "goes on from here" in said and "Traceback" not in said, said
    until(lambda: not left(family), what="the end of its processes")
    assert "ana" in desk.rows() and "carl" not in desk.rows()
    assert "3 submissions, 1 of them graded before" in desk.grade()
    assert [row["verdict"] for row in desk.rows().values()] == ["failed", "passed", "passed"]


@pytest.mark.slow
def test_killed_it_leaves_nothing(desk):
    desk.hand_in("ana", SOLUTION)
    process = psutil.Popen(desk.command(), env=desk.env, stdout=subprocess.DEVNULL)
    family = until(lambda: len(found := process.children(recursive=True)) > 12 and found, 90, "its processes")
    process.kill()
    process.wait(10)
    until(lambda: not left(family), 40, "the end of its processes")


def test_without_bubblewrap_it_stops_and_names_the_line_that_installs_it(desk, tmp_path):
    desk.hand_in("ana", SOLUTION)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "uname", "dirname", "readlink", "cmp", "cat"):
        (tools / name).symlink_to(shutil.which(name))
    said = desk.grade(code=1, PATH=str(tools))
    assert "sudo apt install bubblewrap" in said and "0.8 or later" in said and "--unisolated" in said
    assert not desk.out.exists()


def test_a_student_reads_it_in_portuguese_where_the_teacher_does(desk):
    desk.hand_in("ana", "", "notes.txt").with_name("01.py").symlink_to("/etc/passwd")
    desk.grade(LAB_LANG="pt")
    page = desk.file("ana", "feedback.html")
    for said in ("O que o seu programa faz, ana", "01.py, um link simbólico", "passaram: 0, falharam: 1", "Sem nota"):
        assert said in page
    assert "link simbólico" in desk.rows()["ana"]["reason"] and '"language": "pt-BR"' in desk.file("ana", "grades.json")


def test_a_folder_of_any_name_gets_its_row_and_one_that_cannot_be_read_a_note(desk):
    # Given a name in Windows' own characters, and a folder that nobody may read, not even root without its rights
    desk.hand_in("Jo\udce3o", "", "notes.txt").with_name("01.py").symlink_to("/etc/passwd")
    closed = desk.hand_in("bob", SOLUTION).parent
    closed.chmod(0)
    rights = "-dac_override,-dac_read_search"
    before = [parts.need("setpriv", "util-linux"), f"--bounding-set={rights}"] if os.geteuid() == 0 else []
    said = desk.grade(before=before)
    # I expect neither to stop the other
    assert list(desk.rows()) == ["Jo?o"] and desk.rows()["Jo?o"]["verdict"] == "failed"
    assert "Jo?o" in desk.file("Jo\udce3o", "feedback.html") and "Jo?o" in desk.file("Jo\udce3o", "grades.json")
    assert "Left alone: bob cannot be read: Permission denied" in said
    assert "1 submissions, 1 of them graded before" in desk.grade(before=before)
    closed.chmod(0o700)


@pytest.mark.slow
def test_unisolated_it_works_and_warns(desk):
    desk.hand_in("ana", SOLUTION)
    assert "may read and change all that you may" in desk.grade("--unisolated")
    assert desk.rows()["ana"]["verdict"] == "passed"
    # and what was made so is made again in a sandbox
    assert "0 of them graded before" in desk.grade()


def test_the_results_cannot_lie_among_the_submissions(desk):
    desk.out = desk.submissions / "grades"
    assert "among the submissions" in desk.grade(code=1)


def verdict(check, verdict, because=""):
    """One verdict, as a run gives it."""
    said = {"expected": "120", "actual": "0"} if verdict == "failed" else {}
    return (
        {"check": check, "title": f"it is {check}", "verdict": verdict}
        | said
        | ({"because": because} if because else {})
    )


def test_no_points_are_off_for_what_nobody_could_tell():
    # Given a check that failed, one that needs it, one that could not be decided, and one that needs that
    checks = [
        verdict("well", "passed"),
        verdict("right", "failed"),
        verdict("fast", "undecided", "needs “it is right”"),
        verdict("fair", "undecided", "the private broker stopped answering"),
        verdict("fine", "undecided", "needs “it is fair”"),
    ]
    document = {"exercise": "01-factorial", "verdict": "failed", "checks": checks}
    # I expect points off for the first two alone
    assert list(marks.ends(document).values()) == ["passed", "failed", "lost", "look", "look"]
    row = marks.row("ana", document)
    assert (row["verdict"], row["score"], row["undecided"]) == ("to look at", 60.0, 3)
    assert "to look at: it is fair" in row["reason"]
    # and that what ended before the rest could be made is to blame for it
    checks = [verdict("right", "failed"), verdict("fast", "undecided", "the checks ended before it could be made")]
    assert marks.row("ana", document | {"checks": checks})["score"] == 0


def test_a_reason_says_nothing_that_changes_from_run_to_run():
    runs = (
        ("b7c9217d-a5e5-44d0-946c-afb6614072af", "worker1@lab-1", "1.25", 5001, 63),
        ("0ea6614c-a5e5-44d0-946c-afb7c9217072", "worker2@lab-22", "12", 20311, 5120),
    )
    said = "{} on {} after {} s, http://127.0.0.1:{}/x, 0x7f8a, {} processes"
    reasons = [marks.short(said.format(*run)) for run in runs]
    assert reasons[0] == reasons[1] and "127.0.0.1" in reasons[0] and "processes" in reasons[0]


def test_what_somebody_left_beside_an_exercise_is_none_of_its_checks(tmp_path):
    folder = Path(shutil.copytree(ROOT / "exercises" / "01-factorial", tmp_path / "01-factorial"))
    before = gradebook.checks_sha256(Exercise(folder))
    for name in ("exercise.py", "exercise.py.mine", "check.py~", ".DS_Store"):
        (folder / name).write_text("x = 1")
    assert gradebook.checks_sha256(Exercise(folder)) == before
    (folder / "check.py").write_text("x = 1")
    assert gradebook.checks_sha256(Exercise(folder)) != before
