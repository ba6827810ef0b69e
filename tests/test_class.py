"""./lab up --class: an address that others can reach, a line that joins, and a code that can be changed."""

import subprocess

import pytest
from parts import Api, need, need_root, until

from classroom.local.addresses import NoAddress
from classroom.local.hosts import Network
from classroom.local.process import Process


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
    from classroom.local.cluster import ROOT

    links = " && ".join(
        f"ip link add {name} type bridge && ip address add {address}/24 dev {name} && ip link set {name} up"
        for name, address in (("eth0", "10.0.2.15"), ("eth1", "192.168.7.7"), ("wlan0", "172.31.5.5"))
    )
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", f'{links} && exec "$@"', "sh", str(ROOT / ".venv/bin/python"), "-c", code],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "several addresses; name the class's with --address" in done.stdout
    assert "192.168.7.7      eth1" in done.stdout and "VirtualBox's NAT" in done.stdout


@pytest.mark.slow
def test_a_new_code_puts_out_whoever_joined_with_the_old_one(terminal, tmp_path):
    need_root()
    need("ip", "iproute2")
    with Network() as network:
        # Given a class with a machine that joined
        where = ("--class", "--address", network.address, "--workers", "0")
        up = terminal.up(*where)
        line = terminal.run("join-line").strip()
        assert f"Join it:  {line}" in terminal.said() and network.address in line
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(tmp_path)}
        pc = Process("pc", ["sh", "-c", line], tmp_path / "pc.log", env, tmp_path, network.add("pc")).start()
        try:
            pc.wait_ready(lambda: pc.said(" ready."), timeout=120)
            # When the cluster is started again, I expect the machine to be back, with the same code
            up.terminate()
            up.wait(20)
            up = terminal.up(*where)
            assert terminal.run("join-line").strip() == line
            with Api(terminal.url) as api:
                until(lambda: api.get("/workers").json().get("workers"), 30, "the machine to be back")
                assert api.ended(api.submit())["result"] == 20
            # When it is started with a new code, I expect the machine to be out, and the old line to be refused
            up.terminate()
            up.wait(20)
            terminal.up(*where, "--new-code")
            assert terminal.run("join-line").strip() != line
            until(lambda: not pc.alive, 40, "the machine to give up")
            assert "The broker lets this worker in no longer: join again" in pc.log.read_text()
            with Api(terminal.url) as api:
                until(lambda: api.get("/workers").json()["workers"] == [], 10, "it to be gone")
                assert api.get(f"/join/{line.split('/join/')[1].split()[0]}").status_code == 403
        finally:
            pc.kill()
            print(pc.log.read_text()[-3000:])
