"""Every state that tasks go through, as the broker hears it: whoever looks at the status may miss some."""

import ast
import re
import secrets
from contextlib import contextmanager
from dataclasses import dataclass

import redis

from classroom.check.verdict import Undecided
from classroom.web.status import progress_of
from classroom.words import _

PATIENCE = 10  # seconds within which the broker says what it has heard
WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')
CHANGE = re.compile(r"HSET lab:task:(\S+) state ([A-Z]+)(?: progress (.*))?")


@dataclass(frozen=True)
class State:
    """A state that a task has reached."""

    task_id: str
    name: str
    at: float  # seconds since 1970, by the broker's clock
    progress: dict | None  # as the status shows it


@contextmanager
def states(url):
    """Listen to the broker; yields a list, which after the block has all states of all tasks, in order."""
    reached, last = [], secrets.token_hex(8)
    broker = redis.Redis.from_url(url, decode_responses=True, socket_timeout=PATIENCE)
    try:
        with broker, broker.monitor() as monitor:
            yield reached
            broker.echo(last)
            while last not in (line := monitor.connection.read_response()):
                reached += state(line)
    except redis.RedisError:
        raise Undecided(_("the private broker stopped answering")) from None


def state(line):
    """The state that this line of MONITOR tells of, in a list; an empty one where it tells of none."""
    at, said = line.split(" ", 1)
    words = (ast.literal_eval(f'b"{word}"').decode(errors="replace") for word in WORD.findall(said))
    found = CHANGE.match(" ".join(words))
    if not found:
        return []
    return [State(found[1], found[2], float(at), progress_of({"progress": found[3]}))]
