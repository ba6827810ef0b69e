"""Who may talk to the broker: one user for each role, with a password made once and kept in the cluster's folder."""

import json
import os
import secrets
from functools import cache
from pathlib import Path

from classroom.local.private import write

ROLES = ("admin", "web", "worker")
CODE_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # none that is read as another

# What web and workers may: queues, results and the ledger. Nothing that looks at or changes the server itself.
WORK = (
    "resetkeys ~celery* ~_kombu* ~unacked* ~lab:* resetchannels &celery* "
    "-@all +@read +@write +@connection +@transaction +@pubsub +@blocking "
    "-@admin -@dangerous -scan -randomkey +eval +evalsha +script|load +time"
)
RIGHTS = {"admin": "~* &* +@all", "web": WORK, "worker": WORK}
# What Flower has workers do besides: send Celery's events, hear its remote control and reply.
FLOWER = " &/0.celeryev/* &/0.celery.pidbox ~*.celery.pidbox* +script|exists"


class Credentials:
    """The passwords of the roles, the class code and the teacher's token, in `folder`/credentials.json."""

    def __init__(self, folder):
        self.file = folder / "credentials.json"
        try:
            self.words = json.loads(self.file.read_text())
        except (OSError, ValueError):
            self.words = {}
        fresh = {role: secrets.token_urlsafe(24) for role in (*ROLES, "token")} | {"code": new_code()}
        if not fresh.keys() <= self.words.keys():
            self.save(fresh | self.words)

    def renew(self):
        """Make a new class code and a new password for workers: who has joined with the old ones is out."""
        self.save(self.words | {"code": new_code(), "worker": secrets.token_urlsafe(24)})

    def save(self, words):
        """Keep these; only the owner can read them."""
        self.words = words
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(self.file, json.dumps(words))

    @property
    def code(self):
        """The class code, such as 7K3-QF9."""
        return self.words["code"]

    @property
    def token(self):
        """What the teacher's actions over HTTP need."""
        return self.words["token"]

    def url(self, role, host, port):
        """The broker's address for a role."""
        return f"redis://{role}:{self.words[role]}@{host}:{port}/0"

    def write_class(self, worker_url):
        """Write what the web server needs to know of the class into class.json; returns the file's path.

        Without a `worker_url` nobody may join.
        """
        file = self.file.with_name("class.json")
        write(file, json.dumps({"code": self.code, "token": self.token, "worker_url": worker_url}))
        return str(file)

    def users(self, flower=False):
        """The lines of the server's configuration that make the users; nobody else may do anything."""
        rights = RIGHTS | {"worker": WORK + FLOWER} if flower else RIGHTS
        # Nobody can be `default`; but as this user Redis 7.0 reads its own log, and leaves out what it may not do.
        lines = ["user default off resetpass ~* &* +@all"]
        lines += [f"user {role} on >{self.words[role]} {rights[role]}" for role in ROLES]
        return "\n".join(lines)


def join_line(address, port, code):
    """What is typed on a machine that is to join."""
    return f"curl -sS http://{address}:{port}/join/{code} | sh"


@cache
def class_of():
    """What the web server was told of its class: code, token, the worker's address of the broker; {} where nothing.

    LAB_CLASS names the file.
    """
    file = os.environ.get("LAB_CLASS")
    return json.loads(Path(file).read_text()) if file else {}


def new_code():
    """A class code: six letters and digits that can be read aloud."""
    letters = "".join(secrets.choice(CODE_LETTERS) for _ in range(6))
    return f"{letters[:3]}-{letters[3:]}"
