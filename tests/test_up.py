"""./lab up for real: what it prints, how it stops, what it leaves."""

import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest
import requests
from parts import Api, given, left, until
from terminal import Terminal

from classroom.local import ports
from classroom.local.broker import answers
from classroom.local.cluster import ROOT
from classroom.local.follow import Follower
from classroom.local.process import LOG_SIZE


def test_the_banner_names_what_runs_and_what_to_type(terminal):
    # When the cluster is started
    up = terminal.up()
    # I expect every line of the banner, with the real addresses
    lines = terminal.said().splitlines()
    assert re.fullmatch(r"  broker    Valkey \d+\.\d+ on 127\.0\.0\.1:\d+, data in .*/", lines[0])
    assert lines[1:3] == [f"  worker{n}   ready, 1 task at a time" for n in (1, 2)]
    assert lines[3] == f"  web       {terminal.url}"
    assert "".join(lines[4:8]).count(terminal.url) == 2
    # and the commands it shows to work
    curl = lines[5].removeprefix("  Try it:   ")
    assert '"task_id"' in subprocess.run(curl, shell=True, capture_output=True, text=True, timeout=10).stdout
    # and processes that can be told apart in ps
    names = [" ".join(child.cmdline()) for child in up.children()]
    assert sum("celery" in name and " worker " in name for name in names) == 2
    assert sum("valkey-server" in name for name in names) == 1
    # and its data safe from others, its password nowhere on the screen
    assert terminal.lab.stat().st_mode & 0o777 == 0o700
    passwords = json.loads((terminal.lab / "credentials.json").read_text())
    assert (terminal.lab / "credentials.json").stat().st_mode & 0o777 == 0o600
    for log in [terminal.output, *terminal.lab.glob("log/*")]:
        assert not any(password in log.read_text() for password in passwords.values())
    # and one who comes without the password refused
    port = re.search(r"127\.0\.0\.1:(\d+), data", lines[0])[1]
    assert not answers(f"redis://127.0.0.1:{port}/0") and answers(
        f"redis://admin:{passwords['admin']}@127.0.0.1:{port}/0"
    )


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_it_stops_within_10_s_and_what_ran_goes_back_to_the_queue(terminal, number):
    # Given a cluster with one task running and one waiting
    up = terminal.up("--workers", "1")
    with Api(terminal.url) as api:
        running, waiting = api.submit(seconds=30), api.submit(seconds=0)
        until(lambda: api.status(running)["state"] == "PROGRESS", what="the task to run")
    family = [up, *up.children(recursive=True)]
    # When it is asked to stop
    up.send_signal(number)
    # I expect exit code 0 and nothing left running
    assert terminal.exit_code(10) == 0
    assert left(family) == []
    # and both tasks to run when it is started again
    terminal.up("--workers", "2")
    with Api(terminal.url) as api:
        again = until(lambda: (seen := api.status(running))["attempt"] == 2 and seen, what="the task to run again")
        assert again["state"] in ("STARTED", "PROGRESS")
        assert api.ended(waiting)["result"] == 20
        api.post(f"/cancel/{running}")


def test_a_short_running_task_finishes_before_the_stop(terminal):
    terminal.up("--workers", "1")
    with Api(terminal.url) as api:
        task_id = api.submit(seconds=2)
        until(lambda: api.status(task_id)["state"] == "PROGRESS", what="the task to run")
    terminal.process.terminate()
    assert terminal.exit_code(10) == 0
    terminal.up("--workers", "0")
    with Api(terminal.url) as api:
        assert api.status(task_id)["result"] == 20


def test_a_closed_terminal_stops_it(terminal):
    # Given ./lab up in a real terminal
    pid, screen = pty.fork()
    if pid == 0:
        os.execve(ROOT / "lab", ["lab", "up", "--workers", "1"], terminal.env)
    said = b""
    while b"Stop it:" not in said:
        said += os.read(screen, 4096)
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    # When the terminal is closed
    os.close(screen)
    # I expect it to stop as after Ctrl-C
    deadline = time.monotonic() + 10
    while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0):
        assert time.monotonic() < deadline, "it goes on without its terminal"
        time.sleep(0.1)
    assert os.waitstatus_to_exitcode(ended[1]) == 0
    assert left(family) == []


def test_after_a_kill_the_next_up_stops_what_was_left(terminal):
    first = terminal.up("--workers", "1")
    with Api(terminal.url) as api:
        task_id = api.submit()
        api.ended(task_id)
    orphans = first.children(recursive=True)
    # When up itself is killed, its children go on
    first.kill()
    first.wait(5)
    assert len(left(orphans)) == len(orphans)
    # I expect the next up to stop them and to begin anew, with the same data
    terminal.up("--workers", "1")
    assert "processes that an earlier ./lab up had left running" in terminal.said()
    assert left(orphans) == []
    with Api(terminal.url) as api:
        assert api.status(task_id)["result"] == 20


def test_a_second_up_in_the_same_folder_is_refused(terminal):
    first = terminal.up("--workers", "0")
    url = terminal.url
    assert f"A cluster is already running in this folder ({url})" in terminal.run("up", check=False)
    terminal.up(ready=False)
    assert terminal.exit_code(20) == 1
    assert first.is_running()


def test_a_port_that_is_taken_is_refused_when_it_was_named(terminal):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        terminal.up("--port", str(port), ready=False)
        assert terminal.exit_code(20) == 1
        assert f"Port {port} is taken" in terminal.said() and "--port" in terminal.said()
    assert "--host ::1 is no IPv4 address" in terminal.run("up", "--host", "::1", check=False)
    # Without --port the first free one from 5000 on is taken
    terminal.up("--workers", "0")
    assert 5000 <= int(terminal.url.rpartition(":")[2]) < 5200


def test_a_port_that_somebody_listens_on_is_passed_over(start):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert port < start(workers=0, ports_from=(port, None)).port < port + 200


def test_two_that_start_at_the_same_time_find_ports_of_their_own(tmp_path):
    terminals = [Terminal(tmp_path / name) for name in ("one", "two", "three")]
    try:
        for terminal in terminals:
            terminal.folder.mkdir()
            terminal.up("--workers", "0", ready=False)
        for terminal in terminals:
            until(lambda t=terminal: "Stop it:" in t.said(), 60, "the banner")
        for terminal in terminals:
            with Api(terminal.url) as api:
                task_id = api.submit()
                others = [other.url for other in terminals if other is not terminal]
                assert all(Api(url).get(f"/status/{task_id}").status_code == 404 for url in others)
    finally:
        for terminal in terminals:
            terminal.process.terminate()
        assert [terminal.exit_code(15) for terminal in terminals] == [0, 0, 0]


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"GUNICORN_CMD_ARGS": "--no-such-option"}, "web ended with exit code 2"),
        ({"BROKER_URL": "redis://:secret@127.0.0.1:1/0"}, "redis://127.0.0.1:1/0 that the environment names"),
    ],
)
def test_what_never_becomes_ready_is_a_sentence_and_nothing_stays(terminal, env, words):
    terminal.up(ready=False, **env)
    family = []
    until(lambda: family.extend(terminal.process.children(recursive=True)) or not terminal.process.is_running() or
          terminal.process.poll() is not None, 60, "up to give up")  # fmt: skip
    assert terminal.exit_code(20) == 1
    assert words in terminal.said() and "secret" not in terminal.said() and "Traceback" not in terminal.said()
    assert left(family) == []


def test_a_broker_that_the_environment_names_is_used_and_none_started(terminal, start):
    broker = start(workers=0)
    terminal.up("--workers", "1", BROKER_URL=broker.broker_url)
    assert "named by the environment" in terminal.said()
    assert not any("valkey" in child.name() for child in terminal.process.children())
    with Api(terminal.url) as api:
        task_id = api.submit()
        api.ended(task_id)
    with Api(broker.url) as api:
        assert api.status(task_id)["result"] == 20


def test_the_other_commands_talk_to_the_cluster_of_this_folder(terminal):
    assert "Start one with ./lab up" in terminal.run("status", check=False)
    terminal.up("--workers", "1", "--quiet")
    # submit, with a progress bar while it waits
    said = terminal.run("submit", "21", "--seconds", "1", "--wait", "--label", "Ana")
    task_id = said.split()[0]
    assert "SUCCESS" in said and "result: 42" in said
    # status of one task, and of all
    assert "Done by worker1@" in terminal.run("status", task_id)
    assert "1 worker\n  worker1@" in terminal.run("status")
    assert "No task with this id" in terminal.run("status", "no such task", check=False)
    assert "x should be a whole number" in terminal.run("submit", "99999999999", check=False)
    # cancel
    task_id = terminal.run("submit", "1", "--seconds", "60").strip()
    assert "cancelled" in terminal.run("cancel", task_id).lower()
    assert "already ended" in until(
        lambda: "already ended" in (said := terminal.run("cancel", task_id, check=False)) and said, 5, "its end"
    )
    # quiet: no log lines on the screen
    assert " | " not in terminal.said()


def test_a_second_terminal_joins_with_celerys_own_command_or_lab_worker(terminal):
    terminal.up("--workers", "0")
    by_hand = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-n", "second@%h"]
    for command in (by_hand, [ROOT / "lab", "worker", "--name", "third"]):
        with open(terminal.folder / "worker.log", "wb") as log:
            terminal.started.append(psutil.Popen(command, cwd=ROOT, env=terminal.env, stdout=log, stderr=log))
    with Api(terminal.url) as api:
        until(lambda: len(api.workers()) == 2, 20, "both workers to join")
        names = {worker["name"].split("@")[0] for worker in api.workers()}
    assert names == {"second", "third"}


def test_monitor_shows_the_brokers_commands(terminal):
    terminal.up("--workers", "1")
    with open(terminal.folder / "monitor.log", "wb") as log:
        monitor = psutil.Popen([ROOT / "lab", "monitor"], env=terminal.env, stdout=log, stderr=log)
    terminal.started.append(monitor)
    seen = terminal.folder / "monitor.log"
    until(lambda: "Ctrl-C to stop" in seen.read_text(), what="the monitor to start")
    with Api(terminal.url) as api:
        assert api.get("/live").status_code == 200
    terminal.run("submit", "1", "--seconds", "0", "--wait")
    until(lambda: "LPUSH celery" in seen.read_text() and "BRPOP celery" in seen.read_text(), what="the task to be seen")
    passwords = json.loads((terminal.lab / "credentials.json").read_text())
    assert not any(password in seen.read_text() for password in passwords.values())
    assert re.search(r"EVALSHA \S+ 0 submitted ", seen.read_text())
    assert not re.search(r"EVALSHA \S+ 0 (alive|workers|history) ", seen.read_text())
    monitor.send_signal(signal.SIGINT)
    assert monitor.wait(20) == 0


def test_what_a_task_prints_appears_as_it_was_printed(terminal):
    terminal.up("--workers", "1", **given("printing"))
    with Api(terminal.url) as api:
        api.post("/print")
    until(lambda: "worker1   | olá, turma\n" in terminal.said(), what="the printed line")
    assert "olá, turma" in (terminal.lab / "log" / "worker1.log").read_text()


def test_what_dies_is_started_again_with_a_line(terminal):
    # Given a port that nobody else chooses while it is free for a moment
    up = terminal.up("--workers", "1", "--port", str(ports.any_free()))
    (worker,) = [child for child in up.children() if "celery" in " ".join(child.cmdline())]
    (broker,) = [child for child in up.children() if "valkey" in child.name()]
    (web,) = [child for child in up.children() if "gunicorn" in " ".join(child.cmdline())]
    for process in worker, broker, web:
        process.kill()
    until(lambda: "web ended (killed by SIGKILL)" in terminal.said(), 10, "the web server's end to be said")
    until(lambda: "worker1 ended (killed by SIGKILL)" in terminal.said(), 10, "the worker's end to be said")
    until(lambda: "broker ended (killed by SIGKILL)" in terminal.said(), 10, "the broker's end to be said")
    until(lambda: terminal.said().count("is started again.") == 3, 20, "each to be started again")
    with Api(terminal.url) as api:  # at the same address
        until(lambda: accepts(api), 20, "broker and web server to be back")
        assert api.ended(api.submit())["result"] == 20


def accepts(api):
    """Whether a task is accepted."""
    with contextlib.suppress(requests.ConnectionError):
        return api.post("/longtask", json={"seconds": 0}).status_code == 202


def test_a_log_stays_bounded_and_no_line_is_lost(tmp_path):
    # Given a writer that appends more than two logs full
    log = tmp_path / "noisy.log"
    follower = Follower(log)
    line, count = b"x" * 999 + b"\n", LOG_SIZE // 1000
    seen = 0
    for _ in range(3):
        with open(log, "ab") as out:
            out.write(line * (count + 1))
        seen += len(follower.lines())
    assert seen == 3 * (count + 1)
    assert log.stat().st_size <= LOG_SIZE and log.with_suffix(".log.1").stat().st_size <= LOG_SIZE + 1000


def test_the_help_reads_well_and_ends_with_examples(terminal):
    said = terminal.run("--help")
    for command in ("up", "worker", "test", "status", "submit", "cancel", "monitor"):
        assert re.search(rf"^  {command} +[A-Z].*\.$", said, re.MULTILINE), command
    assert said.rstrip().splitlines()[-1].startswith("    ./lab ") and "Examples:" in said
    for option in ("--workers", "--port", "--host", "--concurrency", "--quiet"):
        assert option in terminal.run("up", "--help")
