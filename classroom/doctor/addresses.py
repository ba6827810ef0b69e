"""Addresses that are told to others, or given to virtual machines, and that do not work there."""

from ipaddress import ip_address, ip_network
from pathlib import Path

import psutil

from classroom.doctor.findings import bad, note, ok
from classroom.local.addresses import found

HOST_ONLY = ip_network("192.168.56.0/21")  # what VirtualBox gives to host-only networks, unless it is told others
TOLD_OTHERS = Path("/etc/vbox/networks.conf")


def interfaces():
    """The IPv4 addresses of this machine, as address -> name of its interface."""
    return {
        one.address: name
        for name, several in psutil.net_if_addrs().items()
        for one in several
        if one.family.name == "AF_INET"
    }


def nat(address):
    """A finding where this is an address of VirtualBox's NAT, else None."""
    if not address.startswith("10.0.2."):
        return None
    cure = "Give the VM a bridged or host-only network, and start there again: ./lab up --class"
    return bad("address", f"{address} is VirtualBox's NAT: no other machine can reach it.", cure)


def advertised(address, here):
    """Whether the address in the join line can be reached by others, and is still this machine's."""
    if nat(address):
        return nat(address)
    if address not in here:
        has = ", ".join(found()) or "none that others can reach"
        cure = f"Stop the cluster and start it again: ./lab up --class (addresses now: {has})"
        return bad("address", f"The join line says {address}, which is no longer an address of this machine.", cure)
    return ok("address", f"the join line says {address}, on {here[address]}")


def host_only(here, told=TOLD_OTHERS):
    """A finding where VirtualBox has a host-only network that it would refuse to make today, else None."""
    wrong = {
        address: name
        for address, name in here.items()
        if name.startswith("vboxnet") and ip_address(address) not in HOST_ONLY
    }
    if not wrong or told.exists():
        return None
    words = ", ".join(f"{name} has {address}" for address, name in wrong.items())
    cure = f"Use addresses of 192.168.56.* in the Vagrantfile, or allow others in {told}: * {next(iter(wrong))}/24"
    return note("host-only", f"{words}: VirtualBox refuses host-only networks outside {HOST_ONLY}.", cure)
