"""This machine's addresses on the class network."""

import sys

import psutil

NOT_THE_CLASS = ("lo", "docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "tun", "tap", "lab")  # beginnings of names


class NoAddress(OSError):
    """No address can be chosen; the message says which there are, and how to name one."""


def found():
    """Addresses that others may reach, as address -> name of its interface.

    Left out: loopback, those that a machine gave itself (169.254), and VirtualBox's NAT (10.0.2).
    """
    return {
        one.address: name
        for name, several in psutil.net_if_addrs().items()
        for one in several
        if one.family.name == "AF_INET"
        and not name.startswith(NOT_THE_CLASS)
        and not one.address.startswith(("127.", "169.254.", "10.0.2."))
    }


def choose(wanted, ask):
    """The address of this machine for the class: the `wanted` one, else the only one, else what `ask` returns."""
    here = {one.address for several in psutil.net_if_addrs().values() for one in several}
    if wanted:
        if wanted not in here:
            raise NoAddress(
                f"This machine has no address {wanted}. It has: {', '.join(found()) or 'none but its own'}."
            )
        if wanted.startswith("127."):
            raise NoAddress(f"Nobody else can reach {wanted}. This machine has: {', '.join(found()) or 'no other'}.")
        if wanted.startswith("10.0.2."):
            raise NoAddress(f"Nobody can reach {wanted}, VirtualBox's NAT: give the VM a bridged or host-only network.")
        return wanted
    several = found()
    if not several:
        raise NoAddress("This machine is on no network that others could reach it on. Connect it, or name --address.")
    if len(several) == 1:
        return next(iter(several))
    return ask(several)


def ask_on_terminal(several):
    """Let the teacher choose among several addresses; raises NoAddress where nobody is there to ask."""
    listed = "\n".join(f"  {address:<16} {name}" for address, name in several.items())
    if not sys.stdin.isatty():
        raise NoAddress(f"This machine has several addresses; name the class's with --address:\n{listed}")
    print(f"Which of these addresses is on the class network?\n{listed}")
    try:
        answer = input(f"Address [{next(iter(several))}]: ").strip()
    except EOFError:
        raise NoAddress("No address was chosen; name the class's with --address") from None
    return choose(answer or next(iter(several)), ask_on_terminal)
