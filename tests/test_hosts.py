"""Hosts as network namespaces: each is a machine of its own, and its link can be cut."""

import subprocess
import sys
from errno import ECONNREFUSED

import psutil
from parts import Api, need, need_root, until

from classroom.local.hosts import Network


def said(host, *argv):
    """What a command on this host printed; None where it failed."""
    done = subprocess.run(host.command(argv), capture_output=True, text=True, timeout=20)
    return done.stdout.strip() if done.returncode == 0 else None


def reaches(host, address):
    """Whether a packet to this address is answered: with a refusal, as nobody listens there."""
    code = (
        f"import socket; s = socket.socket(); s.settimeout(2); print(s.connect_ex(('{address}', 9)) == {ECONNREFUSED})"
    )
    return said(host, sys.executable, "-c", code) == "True"


def test_hosts_have_names_and_addresses_and_reach_each_other_alone(network):
    here = subprocess.run(["hostname"], capture_output=True, text=True).stdout.strip()
    first, second = network.add("pc1"), network.add("pc2")
    assert (said(first, "hostname"), said(second, "hostname")) == ("pc1", "pc2")
    assert subprocess.run(["hostname"], capture_output=True, text=True).stdout.strip() == here
    assert reaches(first, second.address) and reaches(first, network.address)
    assert not reaches(first, "192.0.2.1"), "there is no way out"
    first.cut()
    assert not reaches(first, network.address) and reaches(second, network.address)
    first.restore()
    until(lambda: reaches(first, network.address), what="the link to be back")


def test_a_network_leaves_nothing_behind():
    need_root()
    need("ip", "iproute2")
    with Network() as network:
        network.add("pc")
        holders = [holder.pid for holder in network.namespaces]
        assert network.address in addresses()
    assert not any(map(psutil.pid_exists, holders))
    until(lambda: network.address not in addresses(), what="the links to go")


def addresses():
    """All addresses of this machine."""
    return {one.address for several in psutil.net_if_addrs().values() for one in several}


def test_tasks_spread_over_hosts_and_a_cut_off_one_does_no_damage(network, start):
    # Given three workers on three hosts, each with a task
    cluster = start(workers=3, network=network)
    with Api(cluster.url) as api:
        assert {one["host"] for one in api.workers()} == {"worker1", "worker2", "worker3"}
        tasks = [api.submit(seconds=8) for _ in range(3)]
        until(lambda: all(api.status(task_id)["progress"] for task_id in tasks), what="all to run")
        cut = api.status(tasks[0])["worker"].split("@")[0]
        # When the cable of one is pulled, I expect its task to run again elsewhere within 10 s
        host = next(host for host in network.hosts if host.name == cut)
        host.cut()
        until(lambda: (seen := api.status(tasks[0]))["state"] == "PENDING" or seen["attempt"] == 2, 10, "the loss")
        again = until(lambda: (seen := api.status(tasks[0]))["attempt"] == 2 and seen, 20, "the second attempt")
        assert again["worker"].split("@")[0] != cut
        assert cut not in [one["host"] for one in api.workers()]
        # and the host to take tasks again when the cable is in, its late word refused
        host.restore()
        assert [api.ended(task_id)["state"] for task_id in tasks] == ["SUCCESS"] * 3
        assert api.status(tasks[0])["worker"] == again["worker"]
        until(lambda: cut in [one["host"] for one in api.workers()], 30, "its return")

        def takes_one():
            more = [api.submit(seconds=1) for _ in range(3)]
            return cut in {api.ended(task_id)["worker"].split("@")[0] for task_id in more}

        until(takes_one, what="it to take a task")
