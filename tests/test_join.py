"""Any machine joins with one line: hosts with nothing but Python, curl and a link to the head, and no way out."""

import shutil
import subprocess
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from parts import Api, need, until

from classroom.drill.faults import clock_off
from classroom.local.cluster import ROOT
from classroom.local.process import Process

BARE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin", "LANG": "C.UTF-8"}


@pytest.fixture
def lab(start, network):
    """A class without workers on a network of its own, and machines that can join it."""
    need("curl", "curl")
    return Lab(start(workers=0, network=network, address=network.address), network)


class Lab:
    """A class, and the machines that join it."""

    def __init__(self, cluster, network):
        self.cluster, self.network, self.machines = cluster, network, []
        self.address, self.code = cluster.url, cluster.join_line.split("/join/")[1].split()[0]

    def join(self, name, options="", line=None):
        """Type the join line on a new host of this name; returns the process."""
        line = line or self.cluster.join_line
        return self.type(self.network.add(name), f"{line} -s -- {options}" if options else line)

    def type(self, host, line):
        """Run a line in a shell of a host, with a home of its own; returns the process, stopped at the end."""
        home = self.cluster.folder / "homes" / host.name
        home.mkdir(parents=True, exist_ok=True)
        log = self.cluster.folder / "log" / f"{host.name}.log"
        process = Process(host.name, ["sh", "-c", line], log, BARE | {"HOME": str(home)}, home, host)
        self.cluster.workers.append(process)
        return process.start()

    def joined(self, process):
        """Wait until a joined worker takes tasks."""
        process.wait_ready(lambda: process.said(" ready."), timeout=120)
        return process


def test_a_bare_machine_with_no_way_out_joins_and_works(lab):
    # When a machine without our code and packages runs the line
    pc = lab.joined(lab.join("pc1"))
    # I expect each check to be said in words
    said = pc.log.read_text()
    for words in ("Joining http", "the web server answers", "the broker", "clock is right", "nobody else", "packages"):
        assert words in said, words
    # and a worker of that host, on the head's code
    with Api(lab.cluster.url) as api:
        (worker,) = until(lambda: api.workers(), what="the worker to be seen")
        assert (worker["name"], worker["host"], worker["old_code"]) == ("worker@pc1", "pc1", False)
        assert api.ended(api.submit(x=21))["result"] == 42
    # and nothing secret on that machine beyond the worker's own password
    home = lab.cluster.folder / "homes" / "pc1"
    texts = b"".join(path.read_bytes() for path in home.glob(".classroom/pc1/worker/code/**/*") if path.is_file())
    assert lab.cluster.redis_urls["worker"].split("@")[0].encode() in texts
    for role in ("admin", "web"):
        assert lab.cluster.redis_urls[role].split(":")[2].split("@")[0].encode() not in texts
    assert not list(home.glob("**/solution.py")) and not list(home.glob("**/.lab"))


def test_a_machine_that_joins_again_is_quick_and_two_of_one_name_are_told_apart(lab):
    pc = lab.joined(lab.join("pc1"))
    # When a second worker of the same name wants to join from that machine
    second = lab.type(pc.host, lab.cluster.join_line)
    until(lambda: not second.alive, 30, "it to be refused")
    assert second.process.poll() == 1
    assert "A worker called worker@pc1 is in the cluster already" in second.log.read_text()
    # I expect another name to help
    other = lab.joined(lab.type(pc.host, f"{lab.cluster.join_line} -s -- --name other --concurrency 2"))
    with Api(lab.cluster.url) as api:
        workers = {one["name"]: one["concurrency"] for one in api.workers()}
        assert workers == {"worker@pc1": 1, "other@pc1": 2}
        # and one that was killed to come back by the same line
        other.kill()
        lab.joined(lab.type(pc.host, f"{lab.cluster.join_line} -s -- --name other"))


def test_a_wrong_code_is_told_in_two_lines_and_guessing_is_slow(lab):
    wrong = lab.cluster.join_line.replace(lab.code, "AAA-AAA")
    pc = lab.join("pc1", line=wrong)
    until(lambda: not pc.alive, 20, "it to end")
    assert pc.process.poll() == 1
    assert pc.log.read_text().strip() == (
        "This is not the class code: ask for the line that joins again (the teacher sees it with ./lab join-line)."
    )
    # After some more guesses even the right code is refused from there
    guesses = "; ".join(f"curl -sS -o /dev/null -w '%{{http_code}} ' {lab.address}/join/AAA-AA{n}" for n in range(2, 9))
    guesser = lab.type(pc.host, f"{guesses}; {guesses}; {lab.cluster.join_line}")
    until(lambda: not guesser.alive, 30, "the guesses to end")
    said = guesser.log.read_text()
    assert said.split()[-14 - 14 :].count("429") >= 4 and "Too many wrong class codes" in said
    # but not from elsewhere
    lab.joined(lab.join("pc2"))


def test_what_keeps_a_machine_from_joining_is_said_with_its_cure(lab, tmp_path):
    line, host = lab.cluster.join_line, lab.network.add("pc1")
    windows, bare = tmp_path / "windows", tmp_path / "bare"
    for folder in windows, bare:
        folder.mkdir()
    (windows / "uname").write_text("#!/bin/sh\necho MINGW64_NT-10.0\n")
    (windows / "uname").chmod(0o755)
    for tool in ("sh", "curl", "uname", "cat", "grep", "env"):
        (bare / tool).symlink_to(shutil.which(tool))
    tried = {
        f"{line} -s -- --fast": ("--fast is no option", "--concurrency N"),
        f"{line} -s -- --name": ("--name needs a value", "For example"),
        f"{line} -s -- --name a/b": ("'a/b' cannot be used", "dashes are fine"),
        f"{line} -s -- --concurrency 0": ("'0' is no number", "--concurrency 2"),
        f"PATH={windows}:$PATH; {line}": ("Windows without WSL", "wsl --install"),
        f"PATH={bare}; {line}": ("no Python 3.11 or newer", "sudo apt install python3"),
        line.replace("| sh", "| sed 's/broker_port=[0-9]*/broker_port=1/' | sh"): ("does not answer from", "firewall"),
        line.replace("| sh", "| CLASSROOM_DIR=/proc/no sh"): ("cannot be made", "CLASSROOM_DIR=/tmp/classroom"),
    }
    if not Path("/run/systemd/system").exists():
        tried[f"{line} -s -- --service"] = ("needs systemd", "in a terminal")
    for typed, words in tried.items():
        process = lab.type(host, typed)
        until(lambda process=process: not process.alive, 30, f"{typed} to end")
        said = process.last_words(5)
        assert process.process.poll() == 1 and all(word in said for word in words), f"{typed}\n{said}"


@pytest.mark.parametrize("offset", [7200, -90])
def test_a_wrong_clock_is_named_and_no_reason_not_to_join(lab, offset):
    need("faketime", "faketime")
    wrong = " ".join(f"{name}='{value}'" for name, value in clock_off(offset).items())
    pc = lab.joined(lab.join("pc1", line=lab.cluster.join_line.replace("| sh", f"| {wrong} sh")))
    words = f"{abs(offset)} s {'ahead' if offset > 0 else 'behind'}"
    until(lambda: pc.said(f"this machine's clock is {words}"), what="the warning")


def test_a_cluster_that_is_not_for_a_class_says_so(cluster):
    need("curl", "curl")
    for command in (
        f"curl -sS {cluster.url}/join/7K3-QF9 | sh",
        f"{ROOT}/lab worker --join {cluster.url} --code 7K3-QF9",
    ):
        done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "This cluster is not for a class: the teacher starts one with ./lab up --class\n"


def test_a_clone_joins_with_address_and_code(lab):

    host = lab.network.add("laptop")
    process = lab.type(
        host, f"{ROOT}/lab worker --join {lab.network.address}:{lab.cluster.port} --code {lab.code.lower()}"
    )
    lab.joined(process)
    with Api(lab.cluster.url) as api:
        until(lambda: [one["host"] for one in api.workers()] == ["laptop"], what="it to be seen")
    refused = lab.type(host, f"{ROOT}/lab worker --join {lab.network.address}:{lab.cluster.port} --code 222-222")
    until(lambda: not refused.alive, 20, "it to be refused")
    assert "This is not the class code" in refused.log.read_text()


def test_half_a_download_runs_nothing(lab, tmp_path):
    with urlopen(lab.cluster.join_line.split()[2], timeout=10) as answer:
        script = answer.read()
    assert script.endswith(b'{ main "$@"; }\n')
    home = tmp_path / "home"
    home.mkdir()
    for length in [*range(0, len(script) - 2, 97), len(script) - 3, len(script) - 5]:
        done = subprocess.run(
            ["sh"], input=script[:length], capture_output=True, env=BARE | {"HOME": str(home)}, timeout=10
        )
        assert done.stdout == b"", length
    assert list(home.iterdir()) == []


@pytest.mark.slow
def test_joined_machines_are_measured_and_let_back(lab, tmp_path):
    for process in [lab.join(name) for name in ("pc1", "pc2")]:
        lab.joined(process)
    until(lambda: len(lab.cluster.ledger.workers()) == 2, what="both to be seen")
    env = lab.cluster.env | {"LAB_DIR": str(tmp_path / "lab")}
    command = [ROOT / "lab", "scale", "--work", "cpu", "--tasks", "2"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "on 1 and 2 workers" in done.stdout and (tmp_path / "lab" / "scale.svg").exists()
    until(lambda: not any(one["paused"] for one in lab.cluster.ledger.workers()), what="both to be let back")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_twenty_machines_join_at_once(lab):
    began = time.monotonic()
    for number in range(20):
        lab.join(f"pc{number}")
    with Api(lab.cluster.url) as api:

        def hosts():
            return {one["host"] for one in api.workers()}

        until(lambda: len(hosts()) == 20, 300, "all to join")
        print(f"20 machines joined within {time.monotonic() - began:.0f} s")
        # and all of them to work
        tasks = [api.submit(x=x, seconds=1) for x in range(40)]
        ended = [api.ended(task_id) for task_id in tasks]
        assert [one["result"] for one in ended] == [2 * x for x in range(40)]
        assert len({one["worker"] for one in ended}) > 10
