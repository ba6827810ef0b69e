"""Writes what a head's services read, for provision/broker.sh: python -m classroom.local.head FOLDER ADDRESS CODE"""

import sys
from pathlib import Path

from classroom.local.credentials import Credentials
from classroom.local.private import write

PORT = 6379


def prepare(folder, address, code):
    """Write credentials, class and settings into the folder; what stays the same keeps its time.

    `address` is where other machines reach the broker, `code` the class code.
    """
    credentials = Credentials(folder)
    credentials.save(credentials.words | {"code": code})
    file = credentials.write_class(credentials.url("worker", address, PORT))
    write(folder / "web.env", f"BROKER_URL={credentials.url('web', '127.0.0.1', PORT)}\nLAB_CLASS={file}\n")
    write(folder / "redis-users.conf", credentials.users() + "\n")
    write(folder / "token", credentials.token + "\n")


if __name__ == "__main__":
    folder, address, code = sys.argv[1:]
    prepare(Path(folder), address, code)
