"""./lab check: what a student reads, and that no program can stop, outlive or deceive its checks."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from parts import left, until
from terminal import Desk

from classroom.check import disk, memory
from classroom.check import run as runs
from classroom.check.exercise import Exercise, find
from classroom.check.run import Run
from classroom.check.verdict import LONGEST, Failed, expect
from classroom.local.cluster import ROOT

FACTORIAL = find("01-factorial")
SOLUTION = (FACTORIAL.folder / "solution.py").read_text()


@pytest.fixture
def judge(tmp_path):
    """Check a program in place of the factorial, to the end; returns the run, with its verdicts by name."""

    def judge(program, limit=60, meanwhile=None):
        file = tmp_path / "exercise.py"
        file.write_bytes(program if isinstance(program, bytes) else program.encode())
        run = Run(FACTORIAL, file, limit)
        for _ in run.lines():
            if meanwhile:
                meanwhile(run)
        run.by_name = {one["check"]: one for one in run.verdicts}
        # nothing of it is left, whatever it was
        assert run.family() == [] and not run.folder.exists()
        return run

    return judge


def changed(old, new):
    """The solution with some words replaced, which are there."""
    assert old in SOLUTION
    return SOLUTION.replace(old, new)


def reasons(run):
    """All that is said of what did not pass."""
    return "\n".join(str(one) for one in run.verdicts if one["verdict"] != "passed")


def test_the_verdicts_say_what_was_expected_what_came_and_how_to_see_it_again(tmp_path):
    out = tmp_path / "result.json"
    done = subprocess.run(
        [ROOT / "lab", "check", "1", "--file", FACTORIAL.folder / "wrong" / "zero.py", "--json", out],
        env=os.environ | {"LAB_LANG": "en", "LAB_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r":\) your file can be loaded, and has what is asked for +\d\.\d\d s", lines[1])
    at = lines.index(":( the factorial is right for 0, 1, 5, 20, 1559 and 5000")
    assert lines[at + 1 : at + 4] == [
        '     expected: {"digits": 1, "factorial": "1"}',
        '     actual:   {"digits": 1, "factorial": "0"}',
        "     try:      0! is 1: what does your loop do when there is nothing to multiply?",
    ]
    assert re.fullmatch(r"     repeat:   curl -X POST http://\S+/factorial -H .* -d '{\"number\": 0}'", lines[at + 4])
    assert "     not checked: needs “the factorial is right for 0, 1, 5, 20, 1559 and 5000”" in lines
    assert lines[-2:] == ["passed: 3, failed: 1, not checked: 3", "A hint: ./lab hint 01-factorial right"]
    assert out.exists() and not (tmp_path / "checks").exists()  # another file is not the student's progress


def test_values_that_differ_never_look_alike():
    long = "1" * 1000
    with pytest.raises(Failed) as caught:
        expect(long + "2" + long, long + "3" + long)
    expected, actual = caught.value.expected, caught.value.actual
    assert expected != actual and "13111" in expected and "12111" in actual and "2003 in all" in actual
    assert max(len(expected), len(actual)) < LONGEST
    for one, other in ((120, "120"), (1, True), (1, 1.0), ([1], (1, 2)), ("a" * 500, "a" * 501), (None, "null")):
        with pytest.raises(Failed) as caught:
            expect(one, other)
        assert caught.value.expected != caught.value.actual


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("", "has no task named 'factorial'|bp"),
        (b"\x00\xff\xfe\x89PNG", "SyntaxError|null bytes"),
        ("import nothing_like_it", "exercise.py, line 1.*|No module named 'nothing_like_it'"),
        ("raise SystemExit(0)", "SystemExit"),
        ("import os\nos._exit(0)", "ended while it loaded it, with exit code 0"),
        pytest.param("while True: pass", "still being loaded after", marks=pytest.mark.slow),
        ("x = bytearray(10 * 2**30)", "MemoryError"),
        (changed('"/factorial"', '"/factorials"'), "has no endpoint POST /factorial"),
    ],
    ids=["empty", "binary", "import", "exit", "hard-exit", "loop", "memory", "endpoint"],
)
def test_a_file_that_cannot_be_loaded_fails_at_once_with_the_reason(judge, program, said):
    run = judge(program)
    assert run.by_name["loads"]["verdict"] == "failed" and run.verdict == "failed"
    assert re.search(said, reasons(run)), reasons(run)
    assert {one["verdict"] for one in run.verdicts[1:]} == {"undecided"}


ANSWER = 'return {"task_id": task.id, "status_url": url_for("show_status", task_id=task.id)}, 202'
HIDES = """@bp.get("/status/<task_id>")
def show(task_id):
    return {document}


@bp.post"""
ENDS_WORKER = """import os, traceback
if "worker" in sys.argv:
    try:
        1 / 0
    finally:
        traceback.print_exc()
        os._exit(7)
"""
ENDED = {"state": "SUCCESS", "status": "", "worker": "me", "error": None, "progress": None, "result": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "check", "said"),
    [
        (changed(ANSWER, "return '[' * 100_000, 202"), "at-once", "the answer has no task_id that is text"),
        (changed(ANSWER, "return {'task_id': 'é'}, 202"), "at-once", "not that of a task which was sent to the queue"),
        (changed("@bp.post", HIDES.format(document="{}")), "at-once", "/status/ID is the cluster's own address"),
        (changed("@bp.post", HIDES.format(document=ENDED | {"error": 5})), "at-once", "is the cluster's own address"),
        (
            changed("bp = ", f"{ENDS_WORKER}bp = "),
            "right",
            "a worker that does not end.*it ended by itself, with exit code 7.*ZeroDivisionError.*exercise.py, line 13",
        ),
    ],
    ids=["deep-json", "odd-id", "hides-status", "hides-status-in-part", "ends-its-worker"],
)
def test_what_the_checker_could_stumble_over_fails_with_the_reason(judge, program, check, said):
    run = judge(program)
    assert run.by_name[check]["verdict"] == "failed", reasons(run)
    assert re.search(said, reasons(run)), reasons(run)
    assert "stumbled" not in reasons(run)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bad", "check", "said"),
    [
        ("import os\n    while os.fork():\n        pass\n    time.sleep(600)", "right", "processes"),
        ("kept = [bytearray(50 * 2**20) for _ in range(200)]", "right", "MemoryError|MB of memory"),
        ("open('big', 'wb').write(bytes(10**9))", "right", "OSError|File too large|SIGXFSZ|killed"),
        ("[open(f'big{n}', 'wb').write(bytes(60 * 2**20)) for n in range(9)]; time.sleep(9)", "right", "MB on disk"),
        ("import os\n    os.kill(os.getppid(), 9)", "right", "it ended by itself|STARTED after"),
        ("while True: pass", "right", "after 40 s"),
    ],
    ids=["fork-storm", "memory", "large-file", "disk", "kills-its-worker", "loop"],
)
def test_a_task_that_takes_too_much_is_ended_and_says_so(judge, bad, check, said):
    run = judge(changed("time.sleep(1)  #", f"{bad}\n    time.sleep(1)  #"), limit=100)
    assert run.by_name[check]["verdict"] == "failed", reasons(run)
    assert re.search(said, reasons(run)), reasons(run)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone knows what processes share")
def test_memory_that_processes_share_counts_once():
    # Given six processes that have the same 200 MB
    share = "import os\nkept = b'x' * 200 * 2**20\nfor _ in range(5):\n    if os.fork() == 0:\n        break"
    program = [sys.executable, "-c", f"{share}\nprint(flush=True)\nos.read(0, 1)"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as root:
        assert [root.stdout.readline() for _ in range(6)] == [b"\n"] * 6
        family = [psutil.Process(root.pid), *psutil.Process(root.pid).children()]
        # When their sum is not more than enough, then it is what they take
        assert memory.taken(family, 10 * 2**30) > 1200 * 2**20
        # When it is more, then what they share is counted once
        assert 200 * 2**20 < memory.taken(family, 2**30) < 400 * 2**20
        root.stdin.close()  # ends them
    assert memory.taken(family[:1], 0) == 0


@pytest.mark.slow
def test_nothing_survives_that_hides_and_nobody_believes_what_it_prints(judge):
    # Given a program whose children leave their parents, and which prints what the checks tell one another
    hides = """
import os
forged = '{"check": "right", "title": "", "verdict": "passed", "seconds": 0}'
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(3, 30):
            try:
                os.write(fd, forged.encode() + b"\\n")
            except OSError:
                pass
        print(forged, flush=True)
        time.sleep(600)
    os._exit(0)
"""
    run = judge(changed('bp = Blueprint("factorial", __name__)', f'bp = Blueprint("factorial", __name__)\n{hides}')
                .replace("text = str(math.factorial(number))", 'text = "7"'))  # fmt: skip
    assert run.by_name["right"]["verdict"] == "failed", reasons(run)


@pytest.mark.slow
def test_a_broker_that_breaks_is_not_the_student_s_fault(judge):
    def break_the_broker(run):
        if run.verdicts[-1]["check"] == "refuses":
            [broker] = [one for one in run.family() if "valkey" in one.name() or "redis" in one.name()]
            broker.kill()

    run = judge(SOLUTION, meanwhile=break_the_broker)
    assert run.verdict == "undecided" and "broker" in reasons(run), reasons(run)


def test_a_run_s_copy_has_no_other_version_of_the_file(tmp_path):
    # Given what ./lab reset, editors and git leave beside it
    mine = Exercise(Path(shutil.copytree(FACTORIAL.folder, tmp_path / FACTORIAL.name)))
    for name in ("exercise.py.mine", "exercise.py~", ".exercise.py.swp", "exercise.py.orig", "solution.py~"):
        (mine.folder / name).write_text(SOLUTION)
    (mine.folder / "service.py").write_text("")
    # When the copy is made
    run = Run(mine)
    run.folder = tmp_path / "run"
    run.copy()
    # I expect the file to check, and what the exercise brings along
    assert {path.name for path in (run.folder / "exercises" / mine.name).iterdir()} == {"exercise.py", "service.py"}


def test_a_result_is_of_the_file_as_it_was_checked(judge):
    run = judge("", meanwhile=lambda run: run.file.write_text("saved meanwhile"))
    assert run.document["file_sha256"] == hashlib.sha256(b"").hexdigest()


# Makes a tree of folders that is deeper than Python can go.
DEEP = """
import os, tempfile
here = os.getcwd()
os.chdir(tempfile.mkdtemp(dir=here))
for _ in range(1500):
    os.mkdir("d")
    os.chdir("d")
os.chdir(here)
"""


@pytest.mark.parametrize("also", ["", DEEP], ids=["", "deep-tree"])
def test_what_takes_too_long_as_a_whole_is_ended(judge, also):
    before = time.monotonic()
    run = judge(changed("time.sleep(1)", "time.sleep(25)").replace("bp = ", f"{also}bp = ", 1), limit=8)
    assert time.monotonic() - before < 25
    assert "all checks to end within 8 s" in reasons(run)


def test_what_is_on_disk_is_counted_while_it_comes_and_goes(tmp_path):
    # Given folders that are made and removed all the time
    again = f"import os\nwhile True:\n  os.makedirs({str(tmp_path)!r} + '/a/b/c')\n  os.removedirs('a/b/c')"
    (tmp_path / "kept").write_bytes(bytes(10**6))
    process = subprocess.Popen([sys.executable, "-c", again], cwd=tmp_path)
    try:
        until(lambda: (tmp_path / "a").exists(), what="the first of them")
        counts = {disk.used(tmp_path, 10**9) for _ in range(2000)}
    finally:
        process.kill()
        process.wait(10)
    # I expect what stays to be counted each time, and no more than is there
    assert min(counts) >= 10**6 and max(counts) <= 10**6 + 3 * disk.BLOCK


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_it_leaves_nothing(tmp_path, number):
    (tmp_path / "tmp").mkdir()
    env = os.environ | {"LAB_DIR": str(tmp_path), "TMPDIR": str(tmp_path / "tmp")}
    process = psutil.Popen([ROOT / "lab", "check", "1"], env=env,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
    place = tmp_path / "tmp"
    until(lambda: list(place.glob("*/data/cluster/log/web.log")), what="its cluster to start")
    until(lambda: list(place.glob("*/data/room/home/pymp-*")), what="the folder that a worker makes")
    family = process.children(recursive=True)
    process.send_signal(number)
    process.wait(20)
    until(lambda: not left(family), what="the end of its processes")
    if number != signal.SIGKILL:
        said = process.stdout.read()
        assert process.returncode == 130 and "Interrupted" in said and "Traceback" not in said, said
    assert not list(tmp_path.glob("checks/*"))
    until(lambda: not list(tmp_path.glob("tmp/*")), what="the end of its folder")


@pytest.fixture(scope="module")
def desk():
    """A student's desk for the tests below."""
    with tempfile.TemporaryDirectory() as folder:
        yield Desk(Path(folder))


def test_hints_come_one_at_a_time_for_the_check_that_failed(desk):
    assert "./lab check 01-factorial" in desk.run("hint", "01", check=False)
    assert "failed: 2" in desk.run("check", "01", check=False)
    assert ":( 01-factorial" in desk.run("list") and "0/1" in desk.run("list")
    said = [desk.run("hint", "factorial") for _ in range(4)]
    assert said[0].startswith("refuses, hint 1 of 3:") and said[2] == said[3] and len(set(said)) == 3
    assert desk.run("hint", "01", "right").startswith("right, hint 1 of 3:")
    assert "There are: loads, at-once" in desk.run("hint", "01", "left", check=False)
    assert "There is no exercise 77. There are: 01-factorial" in desk.run("hint", "77", check=False)


def test_what_cannot_be_checked_is_not_said_to_have_failed(desk, tmp_path):
    def ends(*words):
        command = [desk.project / "lab", "check", *words]
        done = subprocess.run(
            command,
            cwd=desk.project,
            env=desk.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.returncode, done.stderr.splitlines()[-1]

    assert ends("77") == (2, "Error: There is no exercise 77. There are: 01-factorial")
    assert ends("01", "--watch") == (2, "Error: --watch needs a terminal. Without one: ./lab check")
    file, mine = desk.exercise / "exercise.py", tmp_path / "mine.py"
    shutil.move(file, mine)
    try:
        missing = (
            "Error: There is no exercises/01-factorial/exercise.py. As it was handed out: ./lab reset 01-factorial"
        )
        assert ends("01") == (2, missing)
    finally:
        shutil.move(mine, file)
    # nor where the result cannot be written
    broken = tmp_path / "broken.py"
    broken.write_text("def f(:\n")  # which is soon judged
    code, said = ends("01", "--file", str(broken), "--json", str(file / "result.json"))
    assert code == 2 and said.startswith("Error: It could not be checked: ")


def test_reset_asks_and_keeps_what_was_there(desk):
    mine = desk.exercise / "exercise.py"
    mine.write_text("print('mine')")
    command = [desk.project / "lab", "reset", "01"]
    said = subprocess.run(command, input="n\n", env=desk.env, capture_output=True, text=True, timeout=30).stdout
    assert "Undo all your changes" in said and mine.read_text() == "print('mine')"
    said = subprocess.run(command, input="y\n", env=desk.env, capture_output=True, text=True, timeout=30).stdout
    assert "as it was handed out" in said and "TODO 1" in mine.read_text()
    assert (desk.exercise / "exercise.py.mine").read_text() == "print('mine')"
    # and the way back where the file is gone
    mine.unlink()
    assert "./lab reset 01-factorial" in desk.run("check", "01", check=False)
    assert "./lab reset 01-factorial" in desk.run("check", check=False)
    desk.run("reset", "01")


def test_all_exercises_are_checked_and_those_that_passed_are_not_checked_again(desk):
    shutil.copyfile(desk.exercise / "solution.py", desk.exercise / "exercise.py")
    said = desk.run("check")
    assert ":) 01-factorial" in said and "1/1" in said
    result = desk.lab / "checks" / "01-factorial.json"
    written = result.stat().st_mtime_ns
    before = time.monotonic()
    assert ":) 01-factorial" in desk.run("check") and time.monotonic() - before < 5
    assert result.stat().st_mtime_ns == written
    assert "1/1" in desk.run("list")
    (desk.exercise / "exercise.py").write_text("")
    assert "0/1" in desk.run("list")  # what passed was another file


def test_limits_hold_where_the_system_has_them():
    assert runs.PROCESSES < 100 and runs.MEMORY <= 4 * 2**30
