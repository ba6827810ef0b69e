"""A filter for system calls: none that takes memory which no process is seen to have, or opens doors of the kernel."""

import errno
import platform
import struct

# architecture -> what the kernel calls it, and the numbers of the calls that are refused
CALLS = {
    "x86_64": (0xC000003E, {
        "shmget": 29, "msgget": 68, "mq_open": 240, "add_key": 248, "request_key": 249, "keyctl": 250,
        "perf_event_open": 298, "memfd_create": 319, "bpf": 321, "userfaultfd": 323, "io_uring_setup": 425,
        "memfd_secret": 447,
    }),
    "aarch64": (0xC00000B7, {
        "mq_open": 180, "msgget": 186, "shmget": 194, "add_key": 217, "request_key": 218, "keyctl": 219,
        "perf_event_open": 241, "memfd_create": 279, "bpf": 280, "userfaultfd": 282, "io_uring_setup": 425,
        "memfd_secret": 447,
    }),
}  # fmt: skip
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # BPF's operations
NUMBER, ARCHITECTURE = 0, 4  # where in seccomp_data
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.ENOSYS
OTHER_NUMBERS = 0x40000000  # from here on x86_64 has a second set of all calls


def program():
    """The filter as the kernel reads it, in BPF; None on an architecture that is not known here."""
    if platform.machine() not in CALLS:
        return None
    name, calls = CALLS[platform.machine()]
    refused = sorted(calls.values())
    lines = [(LOAD, 0, 0, ARCHITECTURE), (EQUAL, 0, len(refused) + 3, name), (LOAD, 0, 0, NUMBER)]
    lines += [(AT_LEAST, len(refused) + 1, 0, OTHER_NUMBERS)]
    lines += [(EQUAL, len(refused) - place, 0, number) for place, number in enumerate(refused)]
    lines += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
    return b"".join(struct.pack("HBBI", *line) for line in lines)
