"""The cluster itself: its clock, its workers, and tasks that nobody takes."""

import http.client
import time
from email.utils import parsedate_to_datetime

import redis

from classroom import code
from classroom.address import hidden
from classroom.doctor.findings import bad, note, ok
from classroom.doctor.reach import get
from ledger import CLOCKS_APART, Ledger

OVERDUE = 10  # seconds that a task may wait while a worker is free
LOOK_AGAIN = 1.5  # seconds: a task that is taken just now is gone by then


def clock(url):
    """How far this machine's clock is from the broker's, who has to let us in for that."""
    try:
        there = Ledger(url).redis
        there.ping()  # so that the handshake does not count
        before = time.time()
        seconds, micros = there.time()
    except redis.AuthenticationError as error:
        return bad("clock", f"{hidden(url)} does not let us in: {error}", "Put the right password into the address.")
    except redis.RedisError as error:
        return bad("clock", f"{hidden(url)} does not tell the time: {error}", "Is it the Redis that was meant?")
    return compared((before + time.time()) / 2 - seconds - micros / 1e6, "the broker's")


def clock_of_web(url):
    """How far this machine's clock is from the web server's, which says it in whole seconds; None where not."""
    before = time.time()
    try:
        _, headers = get(f"{url}/healthz")
        there = parsedate_to_datetime(headers["Date"]).timestamp()
    except (OSError, ValueError, TypeError, http.client.HTTPException):
        return None
    least, most = before - there - 1, time.time() - there
    return compared(max(least, 0) + min(most, 0), "the head's")  # what is certain


def compared(ahead, whose):
    """What such a difference means."""
    if abs(ahead) <= CLOCKS_APART:
        return ok("clock", f"no more than {CLOCKS_APART} s from {whose}")
    direction = "ahead of" if ahead > 0 else "behind"
    cure = "Nothing depends on it but the times in logs: timedatectl set-ntp true"
    return note("clock", f"This machine's clock is {abs(ahead):.0f} s {direction} {whose}.", cure)


def workers(url):
    """Whether workers listen, take tasks, and run the code of the head."""
    try:
        listed = get(f"{url}/workers")[0]["workers"]
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException) as error:
        yield bad("workers", f"{url} does not list the workers ({error}).", "Look at what is bad above.")
        return
    if not listed:
        yield bad("workers", "No worker is listening.", "Start one: ./lab worker")
        return
    paused = [short(one) for one in listed if one["paused"]]
    if paused:
        everybody = " No other is there." if len(paused) == len(listed) else ""
        words = f"{', '.join(paused)} {'takes' if len(paused) == 1 else 'take'} no tasks: paused.{everybody}"
        yield note("workers", words, f"Let it go on: ./lab tell {paused[0]} run")
    else:
        yield ok("workers", f"{len(listed)} {'listens' if len(listed) == 1 else 'listen'}")
    old = [short(one) for one in listed if one["old_code"]]
    if old:
        cure = f"./lab tell {old[0]} reload; where it is a clone of its own, git pull on that machine first."
        yield note("code", f"{', '.join(old)} {'runs' if len(old) == 1 else 'run'} other code than the head.", cure)
    else:
        yield ok("code", "all workers run the head's")


def versions(url, from_elsewhere=False):
    """Whether Python and the packages are the head's, on this machine `from_elsewhere` and on all workers."""
    try:
        heads, listed = get(f"{url}/healthz")[0]["versions"], get(f"{url}/workers")[0]["workers"]
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException) as error:
        return bad("versions", f"{url} does not tell its versions ({error}).", "Look at what is bad above.")
    machines = {"this machine": code.versions()} if from_elsewhere else {}
    machines |= {one["name"]: one.get("versions", {}) for one in listed}
    words = [
        f"{machine} has {name} {its.get(name, 'of an unknown version')}, the head {version}"
        for machine, its in machines.items()
        for name, version in heads.items()
        if its.get(name) != version
    ]
    if words:
        cure = "The join line installs the head's packages. Another Python is no trouble as long as tasks run."
        return note("versions", f"{'; '.join(words)}.", cure)
    return ok("versions", ", ".join(f"{name} {version}" for name, version in heads.items()) + " on all")


def short(worker):
    """A worker's name without its machine."""
    return worker["name"].split("@")[0]


def queue(url):
    """Whether tasks wait although a worker is free: looked at twice, as a task may be taken just now."""
    ledger = Ledger(url)
    try:
        first, count, free = overdue(ledger)
        if first and free:
            time.sleep(LOOK_AGAIN)
            again, count, still_free = overdue(ledger)
            free = [one for one in free if one["name"] in {other["name"] for other in still_free}]
            if first == again and free:
                return stuck(ledger.task(first), count, free)
    except redis.RedisError as error:
        return bad("queue", f"{hidden(url)} does not tell what waits: {error}", "Look at what is bad above.")
    return ok("queue", f"no task waits for more than {OVERDUE} s while a worker is free")


def overdue(ledger):
    """The task that has waited longest, if longer than it should; how many do; and the workers that are free."""
    limit = ledger.redis.time()[0] - OVERDUE
    ids = ledger.redis.zrange("lab:waiting", "-inf", limit, byscore=True, offset=0, num=1)
    count = ledger.redis.zcount("lab:waiting", "-inf", limit)
    free = [one for one in ledger.workers() if not one["paused"] and len(one["running"]) < one["concurrency"]]
    return ids[0] if ids else None, count, free


def stuck(task, count, free):
    """What is wrong with tasks that nobody takes; `task` is the first of them, None where it is gone."""
    name, queue = (task or {}).get("name", ""), (task or {}).get("queue", "celery")
    wait = "1 task waits" if count == 1 else f"{count} tasks wait"
    words = f"{wait} for more than {OVERDUE} s although {', '.join(map(short, free))} could take more."
    reload = f"./lab tell {short(free[0])} reload"
    if name and not any(name in one["tasks"] for one in free):
        return bad("queue", f"{words} No free worker knows the task {name}.", f"Let it load the present code: {reload}")
    cure = f"Does a worker listen to the queue {queue}? Start it without -Q, or with this queue; if it hangs: {reload}"
    return bad("queue", words, cure)
