"""Hosts of a network of its own on this one machine: network namespaces on a bridge. Needs root, on Linux."""

import json
import os
import random
import secrets
import subprocess
import time


class Network:
    """A bridge in a namespace, which hosts are plugged into; this machine is one of them, at `address`.

        with Network() as network:
            lab_pc = network.add("lab-pc")
            subprocess.run(lab_pc.command(["hostname"]))

    A /24 of 198.18.0.0/15, the range for tests, unless `prefix` names another. Raises
    subprocess.CalledProcessError where this process may not make namespaces.
    """

    def __init__(self, prefix=None):
        self.prefix = prefix or free_prefix()
        self.address = f"{self.prefix}.1"
        self.hosts = []
        self.namespaces = []

    def __enter__(self):
        try:
            self.switch = self.namespace("switch")
            ip(self.switch, "link add name bridge type bridge")
            ip(self.switch, "link set bridge up")
            self.plug_in(f"lab{secrets.token_hex(4)}", None, self.address)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for holder in self.namespaces:  # with a namespace go its ends of the links, and so the links
            holder.stdin.close()
            holder.wait(10)

    def add(self, name, address=None):
        """Plug a host of this name into the bridge."""
        host = Host(self, name, address or f"{self.prefix}.{11 + len(self.hosts)}")
        self.hosts.append(host)
        return host

    def namespace(self, hostname):
        """A process that holds a new namespace until its input is closed, or this process has died."""
        command = ["unshare", "--net", "--uts", "sh", "-c", f"hostname {hostname} && echo && exec cat"]
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.namespaces.append(holder)
        if not holder.stdout.readline():
            raise subprocess.CalledProcessError(holder.wait(10), command, stderr=holder.stderr.read().decode())
        ip(holder, "link set lo up")
        return holder

    def plug_in(self, port, holder, address):
        """Join a namespace, or this machine, to the bridge; `port` names both ends of the link."""
        ip(None, f"link add {port} type veth peer name {port} netns {self.switch.pid}")
        ip(self.switch, f"link set {port} master bridge up")
        if holder:
            ip(None, f"link set {port} netns {holder.pid}")
        ip(holder, f"address add {address}/24 dev {port}")
        ip(holder, f"link set {port} up")
        return port


class Host:
    """A machine of the network, with a name and an address of its own; its link can be cut."""

    def __init__(self, network, name, address):
        self.network, self.name, self.address = network, name, address
        self.holder = network.namespace(name)
        self.port = network.plug_in(f"lab{secrets.token_hex(4)}", self.holder, address)

    def command(self, argv):
        """The command that runs this one on the host."""
        return ["nsenter", "--target", str(self.holder.pid), "--net", "--uts", *argv]

    def cut(self):
        """Pull the network cable: nothing comes, nothing goes, and nobody is told."""
        ip(self.network.switch, f"link set {self.port} down")

    def restore(self):
        """Plug the cable in again."""
        ip(self.network.switch, f"link set {self.port} up")


def ip(holder, words):
    """Run ip(8), in the namespace that this process holds."""
    inside = ["nsenter", "--target", str(holder.pid), "--net"] if holder else []
    subprocess.run([*inside, "ip", *words.split()], check=True, capture_output=True, timeout=10)


def free_prefix():
    """The first three numbers of a network that this machine is not on."""
    said = subprocess.run(["ip", "-json", "address"], check=True, capture_output=True, timeout=10).stdout
    taken = {line.get("local", "").rpartition(".")[0] for link in json.loads(said) for line in link["addr_info"]}
    dice = random.Random(f"{os.getpid()} {time.time_ns()}")
    return dice.choice([prefix for number in range(256) if (prefix := f"198.18.{number}") not in taken])
