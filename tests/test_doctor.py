"""./lab doctor finds what is wrong: each trouble is made to happen, and found by its name, with a cure."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from parts import Api, given, need, need_root, until, waiting_for

from classroom import code
from classroom.doctor import addresses, here
from classroom.doctor.cluster import versions
from classroom.drill.faults import clock_off
from classroom.local import ports
from classroom.local.broker import answers, find_server
from classroom.local.cluster import NAMES, ROOT
from classroom.local.hosts import Network, ip
from classroom.local.process import Process
from classroom.local.rabbitmq import RabbitMQ


@pytest.fixture
def examine(tmp_path):
    """Run ./lab doctor: what it found, as check -> finding; its exit code is right, and each trouble has a cure."""

    def examine(*words, before=(), **env):
        base = {key: value for key, value in os.environ.items() if key not in (*NAMES, "LAB_URL")}
        env = base | {"LAB_DIR": str(tmp_path / "no lab")} | env
        command = [*before, ROOT / "lab", "doctor", "--json", *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=40)
        assert "Traceback" not in done.stderr, done.stderr
        found = json.loads(done.stdout)
        assert done.returncode == any(one["outcome"] == "bad" for one in found), done.stdout
        assert all(bool(one["cure"]) == (one["outcome"] != "ok") for one in found), done.stdout
        assert len({one["check"] for one in found}) == len(found), done.stdout
        return {one["check"]: one for one in found}

    return examine


@pytest.fixture
def run(tmp_path):
    """Start a program, on a host or here; it is killed at the end."""
    started = []

    def run(*argv, host=None):
        process = Process("program", list(map(str, argv)), tmp_path / "program.log", os.environ, tmp_path, host).start()
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()


def trouble(found):
    """The checks that are not ok, each with its outcome."""
    return {check: one["outcome"] for check, one in found.items() if one["outcome"] != "ok"}


def says(finding, outcome, *words):
    """Whether a finding has this outcome and all these words."""
    return finding["outcome"] == outcome and all(word in f"{finding['detail']} {finding['cure']}" for word in words)


# This machine


def test_a_folder_without_a_cluster_is_no_trouble_and_what_was_left_is_named(terminal, examine):
    found = examine()
    assert set(trouble(found)) <= {"cluster", "ports"}, "this machine is fine"
    assert says(found["cluster"], "note", "None runs in this folder", "./lab up")
    # Given a ./lab up that was killed
    up = terminal.up("--workers", "0")
    up.kill()
    up.wait(5)
    assert says(examine(LAB_DIR=str(terminal.lab))["cluster"], "note", "was killed", "./lab up tidies up")
    terminal.up("--workers", "0")


def test_a_program_on_a_port_of_ours_is_named(run):
    port, other = ports.first_free(20_000), ports.first_free(21_000)
    assert here.free_ports((port, other)).outcome == "ok"
    program = run(sys.executable, "-m", "http.server", port, "--bind", "127.0.0.1")
    until(lambda: not ports.is_free(port), what="the program to listen")
    found = here.free_ports((other, port))
    assert found.outcome == "note" and "the next free one" in found.cure
    assert f"{port} (" in found.detail and f"process {program.pid}" in found.detail and str(other) not in found.detail


def test_the_ports_are_those_that_up_tries_first(network, examine, run):
    host = network.add("taken")
    assert examine(before=host.command([]))["ports"]["outcome"] == "ok"
    run(sys.executable, "-m", "http.server", 5000, host=host)
    run(find_server(), "--port", 6399, "--save", "", host=host)
    until(lambda: says(examine(before=host.command([]))["ports"], "note", "5000 (python", "6399 (valkey"), what="both")


def test_a_full_disk_is_found(examine, tmp_path):
    need_root()
    # Given .lab on a disk of 8 MB
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs -o size=8m none "{disk}" && exec "$@"', "sh"]
    found = examine(before=mount, LAB_DIR=str(disk / ".lab"))
    assert says(found["disk"], "bad", "Only 8 MB are free", str(disk / ".lab"), "LAB_DIR=")


def test_too_little_memory_is_found(examine, tmp_path):
    need_root()
    # Given a system that says that 100 MB are free
    said = Path("/proc/meminfo").read_text()
    little = tmp_path / "meminfo"
    little.write_text(re.sub(r"(MemAvailable: *)\d+", r"\g<1>100000", said))
    mount = ["unshare", "--mount", "sh", "-c", f'mount --bind "{little}" /proc/meminfo && exec "$@"', "sh"]
    assert says(examine(before=mount)["memory"], "bad", "Only 102 MB", "--workers 1")


def test_an_old_python_and_windows_are_found():
    assert "3.10.14 is too old" in here.python((3, 10, 14)).detail and here.python((3, 11, 0)).outcome == "ok"
    assert here.system("win32").outcome == "bad" and "wsl --install" in here.system("win32").cure
    assert here.system("darwin").outcome == "ok"


def test_packages_that_are_not_those_of_the_requirements_are_found(tmp_path):
    # Given requirements that ask for another kombu than the one that is installed
    file = tmp_path / "requirements.txt"
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    file.write_text("\n".join("kombu>=99,<100  # newer" if line.startswith("kombu") else line for line in lines))
    found = here.packages(file)
    assert found.outcome == "bad" and "kombu is " in found.detail and "celery" not in found.detail
    assert here.packages().outcome == "ok"


# The cluster of this folder


def test_a_sound_cluster_has_a_line_for_each_check_and_no_secret_in_it(terminal, examine):
    terminal.up("--workers", "2")
    found = examine(LAB_DIR=str(terminal.lab))
    assert trouble(found) == {}
    checks = ["system", "python", "packages", "memory", "disk", "cluster", "broker", "web", "clock"]
    assert list(found) == [*checks, "workers", "code", "versions", "queue"]
    # The same in words
    lines = terminal.run("doctor").splitlines()
    assert [line.split()[:2] for line in lines] == [["ok", check] for check in found]
    passwords = json.loads((terminal.lab / "credentials.json").read_text()).values()
    assert not any(password in "\n".join(lines) for password in passwords)


def test_a_cluster_that_is_just_being_started_is_waited_for(terminal, examine, tmp_path):
    # Given a web server that takes its time
    goes_on = tmp_path / "goes on"
    (tmp_path / "slow.py").write_text(waiting_for(goes_on))
    slow = {"EXERCISE_FILE": str(tmp_path / "slow.py"), "GUNICORN_CMD_ARGS": "--preload"}
    terminal.up("--workers", "0", ready=False, **slow)
    until((terminal.lab / "cluster.json").exists, what="the broker")
    found = examine(LAB_DIR=str(terminal.lab))
    assert list(found)[-1] == "cluster" and says(found["cluster"], "note", "just being started", "look again")
    # and no command to take an address that is not known yet
    for command in (["status"], ["submit", "1"], ["tell", "worker1", "stop"], ["join-line"]):
        said = terminal.run(*command, check=False)
        assert "Error: The cluster in this folder is just being started: try again in a few seconds." in said, said
    goes_on.touch()
    until(lambda: "Stop it:" in terminal.said(), 60, "the banner")
    assert examine(LAB_DIR=str(terminal.lab))["web"]["outcome"] == "ok"


def test_a_class_that_nobody_can_reach_is_found(network, terminal, examine):
    # Given a class without workers: where it is reachable, only that is said
    terminal.up("--workers", "0", "--class", "--address", network.address)
    lab = {"LAB_DIR": str(terminal.lab)}
    found = examine(**lab)
    assert trouble(found) == {"workers": "bad"} and says(found["workers"], "bad", "No worker", "./lab worker")
    assert says(found["class"], "ok", network.address) and says(found["address"], "ok", network.address)
    # When the broker is back, but on loopback alone
    config = terminal.lab / "broker.conf"
    config.write_text(config.read_text().replace(f"bind 127.0.0.1 {network.address}", "bind 127.0.0.1"))
    (broker,) = [child for child in terminal.process.children() if "valkey" in child.name()]
    broker.kill()
    broker_url = json.loads((terminal.lab / "cluster.json").read_text())["broker_url"]
    until(lambda: broker.pid not in [one.pid for one in terminal.process.children()] and answers(broker_url))
    found = examine(**lab)
    assert found["broker"]["outcome"] == "ok" and says(found["class"], "bad", "broker listens on loopback alone")
    # and when this machine gets another address
    port = next(name for address, name in addresses.interfaces().items() if address == network.address)
    ip(None, f"address del {network.address}/24 dev {port}")
    found = examine(**lab)
    assert says(found["address"], "bad", network.address, "no longer an address", "./lab up --class")


def test_virtualboxs_nat_is_found_in_the_join_line_and_in_an_address(examine, start):
    need_root()
    need("ip", "iproute2")
    if any(address.startswith("10.0.2.") for address in addresses.interfaces()):
        pytest.skip("this machine is behind VirtualBox's NAT itself")
    with Network(prefix="10.0.2") as network:
        cluster = start(workers=0, network=network, address=network.address)
        assert network.address in cluster.join_line
        found = addresses.advertised(network.address, addresses.interfaces())
        assert found.outcome == "bad" and "NAT" in found.detail and "bridged" in found.cure
        assert says(examine(f"{network.address}:{cluster.port}")["address"], "bad", "NAT", "bridged")


def test_a_host_only_network_that_virtualbox_refuses_is_found(network, examine, tmp_path):
    teacher = network.add("teacher")
    ip(teacher.holder, "link add vboxnet0 type bridge")
    ip(teacher.holder, "address add 192.168.56.1/24 dev vboxnet0")
    assert "host-only" not in examine(before=teacher.command([]))
    ip(teacher.holder, "address add 192.168.33.1/24 dev vboxnet0")
    found = examine(before=teacher.command([]))
    assert says(found["host-only"], "note", "vboxnet0 has 192.168.33.1", "192.168.56.", "networks.conf")
    # unless VirtualBox was told of others
    told = tmp_path / "networks.conf"
    told.write_text("* 192.168.33.0/24\n")
    assert addresses.host_only({"192.168.33.1": "vboxnet0"}, told) is None


# Reach


def test_from_another_machine_the_head_is_reached_refuses_or_is_silent(network, start, examine):
    cluster = start(workers=1, network=network)
    pc = network.add("pc").command([])
    address = f"{network.address}:{cluster.port}"

    def look():
        return examine(address, "--broker-port", str(cluster.broker_port), before=pc)

    # Given a head that can be reached
    found = look()
    assert trouble(found) == {} and {"web", "broker", "clock", "workers", "code"} < set(found)
    assert set(examine(f"{cluster.url}/join/ABC-DEF", before=pc)) == set(found), "any address of it will do"
    # When its broker is gone
    cluster.broker.kill()
    found = look()
    assert says(found["broker"], "bad", f"{network.address}:{cluster.broker_port} refuses connections")
    assert says(found["web"], "bad", "answers, but: The broker")
    # When broker and web server are frozen
    cluster.broker.start()
    until(cluster.broker_answers, what="the broker")
    cluster.broker.freeze()
    cluster.web.freeze()
    found = look()
    assert says(found["broker"], "bad", "does not answer within 2 s", "firewall")
    assert says(found["web"], "bad", "does not answer within 2 s", "firewall")
    cluster.broker.thaw()
    cluster.web.thaw()
    # When the web server is gone
    cluster.web.kill()
    found = look()
    assert says(found["web"], "bad", "refuses connections", "./lab up") and found["broker"]["outcome"] == "ok"
    # and when the cable is cut, the answer within seconds
    network.hosts[-1].cut()
    asked = time.monotonic()
    found = look()
    assert time.monotonic() - asked < 10
    assert trouble(found) == {"web": "bad", "broker": "bad"}


@pytest.mark.parametrize("server", ["valkey", pytest.param("redis-server", marks=pytest.mark.slow)])
def test_a_redis_in_protected_mode_and_a_wrong_password_are_found(network, examine, run, server):
    head, server = network.add("head"), find_server() if server == "valkey" else need(server, server)
    redis = ("--bind", "0.0.0.0", "--save", "", "--dir", "/tmp")
    protected = run(server, "--port", 6379, *redis, host=head)
    url = f"redis://{head.address}:6379/0"
    until(lambda: "refuses" not in (found := examine(head.address)["broker"])["detail"] and found, what="the broker")
    # By its address alone, and as the broker that the environment names
    for found in (examine(head.address), examine(BROKER_URL=url)):
        assert says(found["broker"], "bad", f"{head.address}:6379", "protected mode", "requirepass")
    protected.kill()
    # With a password it lets in who has it
    run(server, "--port", 6379, *redis, "--requirepass", "s3cret", host=head)
    known = f"redis://:s3cret@{head.address}:6379/0"
    until(lambda: answers(known), what="the broker")
    found = examine(BROKER_URL=known)
    assert [found[check]["outcome"] for check in ("cluster", "broker", "clock")] == ["ok"] * 3
    found = examine(BROKER_URL=url.replace("//", "//:wr0ng@"))
    assert found["broker"]["outcome"] == "ok" and says(found["clock"], "bad", "does not let us in", "password")
    assert "wr0ng" not in str(found)


def test_what_is_no_cluster_is_not_taken_for_one(cluster, examine, run):
    port = ports.first_free(22_000)
    run(sys.executable, "-m", "http.server", port, "--bind", "127.0.0.1")
    until(lambda: not ports.is_free(port), what="the program to listen")
    found = examine(f"127.0.0.1:{port}", "--broker-port", str(port))
    assert says(found["web"], "bad", "Another program answers") and says(found["broker"], "bad", "is no Redis")
    # a broker is no web server, and the other way round
    if cluster.broker_port:
        found = examine(f"127.0.0.1:{cluster.broker_port}", "--broker-port", str(cluster.port))
        assert says(found["web"], "bad", "Another program answers") and says(found["broker"], "bad", "is no Redis")


def test_a_name_that_nobody_knows_and_a_silent_name_server_are_found(network, examine, tmp_path):
    assert says(examine("no-such-name.invalid")["address"], "bad", "Nobody here knows the name no-such-name.invalid")
    # Given a name server that takes questions and says nothing
    (tmp_path / "resolv.conf").write_text(f"nameserver {network.address}\n")
    mount = f'mount --bind "{tmp_path}/resolv.conf" /etc/resolv.conf && exec "$@"'
    host = network.add("pc").command(["unshare", "--mount", "sh", "-c", mount, "sh"])
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind((network.address, 53))
        asked = time.monotonic()
        assert says(examine("head.example", before=host)["address"], "bad", "Nobody here knows the name head.example")
        assert time.monotonic() - asked < 6
        assert silent.recv(500), "it was asked"


def test_what_is_no_address_is_refused_with_an_example(examine):
    for words in ("192.168.1.5:6379", "redis://192.168.1.5:port/0", "redis:///0", ":s3cret@192.168.1.5"):
        found = examine(BROKER_URL=words)
        assert says(found["broker"], "bad", "no address", "redis://192.168.1.5:6379/0") and "s3cret" not in str(found)
    for words in ("http://", "192.168.1.5:port", "ftp://192.168.1.5", "a b:c"):
        done = subprocess.run([ROOT / "lab", "doctor", words], capture_output=True, text=True, timeout=20)
        assert done.returncode == 2 and "192.168.1.5:5000" in done.stderr and not done.stdout, words


@pytest.mark.slow
def test_rabbitmq_without_a_redis_beside_it_is_found(examine, tmp_path):
    need("rabbitmq-server", "rabbitmq-server")
    rabbitmq = RabbitMQ(tmp_path / "rabbitmq").serve()
    try:
        found = examine(BROKER_URL=rabbitmq.url)
        assert found["broker"]["outcome"] == "ok" and says(found["results"], "bad", "No Redis", "RESULT_BACKEND")
    finally:
        rabbitmq.end()


# Clock, workers, queue


@pytest.mark.parametrize("offset", [7200, -120])
def test_a_wrong_clock_is_a_note(start, examine, offset):
    need("faketime", "faketime")
    cluster = start(workers=0)
    wrong = clock_off(offset)
    words = f"{abs(offset)} s {'ahead of' if offset > 0 else 'behind'}"
    # By the broker's time, and where that is not told, by the web server's
    found = examine(BROKER_URL=cluster.broker_url, **wrong)["clock"]
    assert says(found, "note", f"{words} the broker's", "timedatectl")
    found = examine(f"127.0.0.1:{cluster.port}", **wrong)["clock"]
    assert found["outcome"] == "note" and "the head's" in found["detail"]
    assert any(f"{abs(offset) + near} s" in found["detail"] for near in (-1, 0, 1)), found
    assert examine(f"127.0.0.1:{cluster.port}")["clock"]["outcome"] == "ok"


def test_a_worker_on_other_code_is_found(start, examine, tmp_path):
    # Given a worker from a copy of the project, in which a file differs
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "classroom", copy / "classroom", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tasks.py", "ledger.py", "ledger.lua", "recovery.lua", "questions.lua"):
        shutil.copy(ROOT / name, copy)
    with open(copy / "tasks.py", "a") as out:
        out.write("\n# the task of last year\n")
    cluster = start(workers=0)
    worker = cluster.make_worker("other")
    worker.cwd = copy
    cluster.workers.append(worker.start())
    cluster.wait_worker(worker)
    until(lambda: worker.said(" ready.", 2), what="it to be there again, after it looked for the head's code")
    with Api(cluster.url) as api:
        until(api.workers, what="the worker to be seen")
    found = examine(f"127.0.0.1:{cluster.port}", "--broker-port", str(cluster.broker_port))
    assert trouble(found) == {"code": "note"}
    assert says(found["code"], "note", "other runs other code", "./lab tell other reload")


def test_other_versions_than_the_heads_are_found(start, examine, tmp_path, monkeypatch):
    # Given a worker on a machine that has another redis-py, as far as anybody can tell
    other = tmp_path / "packages" / "redis-8.1.99.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: redis\nVersion: 8.1.99\n")
    cluster = start(workers=0)
    worker = cluster.make_worker("other")
    worker.env = worker.env | {"PYTHONPATH": str(other.parent)}
    cluster.workers.append(worker.start())
    cluster.wait_worker(worker)
    with Api(cluster.url) as api:
        name = until(api.workers, what="the worker to be seen")[0]["name"]
    # I expect it to be named
    found = examine(f"127.0.0.1:{cluster.port}", "--broker-port", str(cluster.broker_port))
    assert trouble(found) == {"versions": "note"}
    assert says(found["versions"], "note", f"{name} has redis 8.1.99, the head", "join line")
    # and this machine, where it is the other one
    monkeypatch.syspath_prepend(other.parent)
    monkeypatch.setattr(code, "versions", code.versions.__wrapped__)
    assert "this machine has redis 8.1.99" in versions(cluster.url, from_elsewhere=True).detail
    assert "this machine" not in versions(cluster.url).detail


def test_tasks_that_no_worker_takes_are_found(start, examine):
    cluster = start(workers=0)
    both = {"BROKER_URL": cluster.broker_url, "LAB_URL": cluster.url}
    with Api(cluster.url) as api:
        # Given a task that waits, and no worker
        api.submit()
        assert says(examine(**both)["workers"], "bad", "No worker is listening", "./lab worker")
        # When there is one, that listens to another queue
        worker = cluster.make_worker("deaf")
        worker.argv += ["-Q", "celery-other"]
        cluster.workers.append(worker.start())
        cluster.wait_worker(worker)
        (seen,) = until(lambda: api.workers(), what="the worker to be seen")
        found = until(lambda: "queue" in trouble(found := examine(**both)) and found, 30, "the trouble")
        assert trouble(found) == {"queue": "bad"}
        assert says(found["queue"], "bad", "1 task waits for more than 10 s although deaf could", "queue celery")
        # When it is paused, that alone is the cause
        cluster.ledger.step("told", seen["name"], "pause")
        until(lambda: api.workers()[0]["paused"], what="the pause")
        found = examine(**both)
        assert trouble(found) == {"workers": "note"}
        assert says(found["workers"], "note", "deaf takes no tasks: paused. No other is there", "./lab tell deaf run")
        # A worker that is right takes the task, and nothing is left to say but the pause
        cluster.add_worker("right")
        until(lambda: not cluster.ledger.redis.zcard("lab:waiting"), what="it to take the task")
        found = examine(**both)
        assert trouble(found) == {"workers": "note"} and "No other" not in found["workers"]["detail"]


@pytest.mark.slow
def test_a_task_that_the_free_worker_does_not_know_is_found(start, examine):
    # Given a task that one worker alone knows, and that one busy
    cluster = start(workers=1, env=given("printing"))
    with Api(cluster.url) as api:
        api.submit(seconds=60)
        strange = cluster.make_worker("strange")
        strange.env = {key: value for key, value in strange.env.items() if key != "EXERCISE_FILE"}
        cluster.workers.append(strange.start())
        cluster.wait_worker(strange)
        busy = until(lambda: [one for one in api.workers() if one["running"]], what="it to run")
        assert busy[0]["name"].startswith("worker1")
        api.post("/print")
        both = {"BROKER_URL": cluster.broker_url, "LAB_URL": cluster.url}
        found = until(lambda: "queue" in trouble(found := examine(**both)) and found, 30, "the trouble")
        assert says(found["queue"], "bad", "No free worker knows the task printing", "./lab tell strange reload")


@pytest.mark.slow
def test_a_long_queue_before_busy_workers_is_no_trouble(start, examine):
    cluster = start(workers=2)
    with Api(cluster.url) as api:
        for _ in range(160):
            api.submit(seconds=0.5)
        time.sleep(11)
        for _ in range(5):
            assert cluster.ledger.redis.zcard("lab:waiting"), "there is a queue"
            assert trouble(examine(BROKER_URL=cluster.broker_url, LAB_URL=cluster.url)) == {}
