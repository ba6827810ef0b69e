"""./lab up --class: an address that others can reach, a line that joins, and a code that can be changed."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest
from parts import Api, need, need_root, until

from classroom.local import class_ports
from classroom.local.addresses import NoAddress
from classroom.local.cluster import ROOT
from classroom.local.process import Process

LISTEN = "import socket, sys; s = socket.create_server(('', int(sys.argv[1]))); print(flush=True); sys.stdin.read()"


@contextmanager
def listening(host, port):
    """Another program that listens on a port of this host."""
    command = host.command([sys.executable, "-c", LISTEN, str(port)])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout.readline(), "it does not listen"
        yield
        program.stdin.close()


def refuse(several):
    """Nobody is there to ask."""
    raise NoAddress(f"several: {sorted(several)}")


def test_an_address_that_this_machine_does_not_have_is_refused(terminal):
    process = terminal.up("--class", "--address", "192.0.2.7", ready=False)
    assert process.wait(30) == 1
    assert "This machine has no address 192.0.2.7" in terminal.said()
    # nor is one that nobody else can reach
    process = terminal.up("--class", "--address", "127.0.0.1", ready=False)
    assert process.wait(30) == 1 and "Nobody else can reach 127.0.0.1" in terminal.said()


def test_without_a_class_nobody_is_told_how_to_join(terminal):
    assert "No cluster is running" in terminal.run("join-line", check=False)
    terminal.up("--workers", "0")
    assert "Join it:" not in terminal.said()
    assert "is not for a class" in terminal.run("join-line", check=False)
    with Api(terminal.url) as api:
        assert api.get("/join/AAA-AAA").status_code == 404


def test_several_addresses_are_asked_about_and_nats_are_none():
    need_root()
    need("ip", "iproute2")
    # Given a machine with two addresses that may be the class's, and VirtualBox's NAT
    code = """
from classroom.local import ports
from classroom.local.addresses import NoAddress, choose, found, ask_on_terminal
assert sorted(found()) == ["172.31.5.5", "192.168.7.7"], found()
try:
    choose(None, ask_on_terminal)
except NoAddress as error:
    print(error)
print(choose("192.168.7.7", None))
try:
    choose("10.0.2.15", None)
except NoAddress as error:
    print(error)
"""
    links = " && ".join(
        f"ip link add {name} type bridge && ip address add {address}/24 dev {name} && ip link set {name} up"
        for name, address in (("eth0", "10.0.2.15"), ("eth1", "192.168.7.7"), ("wlan0", "172.31.5.5"))
    )
    machine = ["unshare", "--net", "sh", "-c", f'{links} && exec "$@"', "sh", str(ROOT / ".venv/bin/python"), "-c"]

    def said(code, stdin):
        return subprocess.check_output([*machine, code], cwd=ROOT, stdin=stdin, text=True, timeout=30)

    alone = said(code, subprocess.DEVNULL)
    assert "several addresses; name the class's with --address" in alone
    assert "192.168.7.7      eth1" in alone and "VirtualBox's NAT" in alone
    # And where somebody sits at the terminal, I expect the answer to be taken, Enter for the first
    ask = "from classroom.local.addresses import choose, ask_on_terminal; print(choose(None, ask_on_terminal))"
    keyboard, terminal = os.openpty()
    for typed, address in (b"172.31.5.5\n", "172.31.5.5"), (b"\n", "192.168.7.7"):
        os.write(keyboard, typed)
        asked = said(ask, terminal)
        assert "Which of these addresses is on the class network?" in asked
        assert asked.splitlines()[-1].endswith(address)


def test_an_address_at_which_nobody_would_reach_the_cluster_is_not_told_to_the_class(terminal, network):
    # Given a machine that lets nothing through to its own address, as behind a firewall
    pc = network.add("teacher")
    for rule in ("add pref 9 lookup local", "add pref 8 to {} prohibit", "del pref 0"):
        subprocess.run(pc.command(["ip", "rule", *rule.format(pc.address).split()]), check=True, timeout=10)
    # When a class is started there
    command = pc.command([ROOT / "lab", "up", "--class", "--address", pc.address, "--workers", "0"])
    done = subprocess.run(command, env=terminal.env, capture_output=True, text=True, timeout=60)
    # I expect a sentence instead of the line that joins, and nothing left
    assert done.returncode == 1
    assert f"http://{pc.address}:" in done.stderr and "is a firewall in the way?" in done.stderr
    assert "Join it:" not in done.stdout


@pytest.mark.slow
def test_a_class_is_back_where_its_machines_look_for_it_until_the_code_is_another(terminal, network, tmp_path):
    # Given a class with a machine that joined while another program had the broker's usual port
    teacher = network.add("teacher")
    where = ("--class", "--address", teacher.address, "--workers", "0")
    with listening(teacher, 6399):
        up = terminal.up(*where, host=teacher)
    line = terminal.run("join-line").strip()
    url = line.split()[2].split("/join/")[0]
    assert f"Join it:  {line}" in terminal.said() and teacher.address in url
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(tmp_path)}
    pc = Process("pc", ["sh", "-c", line], tmp_path / "pc.log", env, tmp_path, network.add("pc")).start()
    try:
        pc.wait_ready(lambda: pc.said(" ready."), timeout=120)
        # When the cluster is started again, and that port is free, I expect the machine to be back, with the same code
        up.terminate()
        up.wait(20)
        up = terminal.up(*where, host=teacher)
        assert terminal.run("join-line").strip() == line and "join again" not in terminal.said()
        with Api(url) as api:
            until(lambda: api.get("/workers").json().get("workers"), 30, "the machine to be back")
            assert api.ended(api.submit())["result"] == 20
        # When it is started with a new code, I expect the machine to be out, and the old line to be refused
        up.terminate()
        up.wait(20)
        terminal.up(*where, "--new-code", host=teacher)
        assert terminal.run("join-line").strip() != line
        until(lambda: not pc.alive, 40, "the machine to give up")
        assert "The broker lets this worker in no longer: join again" in pc.log.read_text()
        with Api(url) as api:
            until(lambda: api.workers() == [], 10, "it to be gone")
            assert api.get(f"/join/{line.split('/join/')[1].split()[0]}").status_code == 403
    finally:
        pc.kill()
        print(pc.log.read_text()[-3000:])


@pytest.mark.parametrize("taken", [0, 1], ids=["web", "broker"])
def test_a_class_that_has_to_move_says_so(terminal, network, taken):
    # Given a class that was here, and one of whose ports another program has now
    teacher = network.add("teacher")
    where = ("--class", "--address", teacher.address, "--workers", "0")
    terminal.up(*where, host=teacher).terminate()
    terminal.process.wait(20)
    before = class_ports.last(terminal.lab)
    with listening(teacher, before[taken]):
        # When it is started again
        terminal.up(*where, host=teacher)
        # I expect it to be elsewhere, and those who joined to be told
        now = class_ports.last(terminal.lab)
        assert now[taken] == before[taken] + 1 and now[1 - taken] == before[1 - taken]
        assert "machines that joined then have to join again" in terminal.said()


@pytest.mark.parametrize("words", ["", "[", "3", '["a", 5000]', '["a", 5000, 99999]', '["a", "b", 6399]'])
def test_what_cannot_be_a_place_is_not_believed(tmp_path, words):
    (tmp_path / class_ports.NAME).write_text(words)
    assert class_ports.last(tmp_path) == class_ports.FIRST
