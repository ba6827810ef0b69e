"""The workers that take part: some work, the others are paused for that time."""

import time
from collections import Counter, defaultdict
from itertools import zip_longest

from redis import RedisError

from classroom.local.stop import stop_if_asked
from ledger import Ledger

OBEY = 10  # seconds that workers have to do what they are told
UNDO = 15  # seconds that a broker that is away has to come back, so that all can be let back


class NotMeasured(Exception):
    """There is nothing to measure, or it would not be true; the message says why, and the cure."""


class Crew:
    """The workers that take tasks at the beginning, in turn from each machine; who is paused stays out of it."""

    def __init__(self, app):
        self.app, self.ledger = app, app.ledger
        everybody = self.ledger.workers()
        # What a worker is told, not what it says: it reads it with its next heartbeat.
        is_paused = self.ledger.redis.hexists
        out = {one["name"] for one in everybody if is_paused(f"lab:control:{one['name']}", "pause")}
        self.left_out = sorted(out)
        self.workers = in_turn([one for one in everybody if one["name"] not in out])
        self.paused, self.sent = set(), []  # what is to be undone

    def check(self, task):
        """Raise NotMeasured unless there are workers, all of them know the task, and nobody has anything to do."""
        if not self.workers and self.left_out:
            raise NotMeasured(f"Every worker is paused: ./lab tell {short(self.left_out[0])} run lets one take tasks.")
        if not self.workers:
            raise NotMeasured("There is no worker: ./lab worker starts one.")
        for one in self.workers:
            if task not in one["tasks"]:
                cure = f"./lab tell {short(one['name'])} reload"
                raise NotMeasured(f"{one['name']} does not know the task {task}, as its code is older: {cure}")
        waiting, running = map(len, in_hand(self.ledger))
        if waiting or running:
            cure = "wait until they have ended, or cancel them: ./lab cancel ID"
            raise NotMeasured(f"The cluster is busy (tasks waiting: {waiting}, running: {running}): {cure}")

    def let(self, count):
        """Let the first so many work, and pause the others; waits until they say so, those left out too."""
        for place, one in enumerate(self.workers):
            if place >= count:
                self.paused.add(one["name"])
                self.ledger.step("told", one["name"], "pause")
            elif one["name"] in self.paused:
                self.ledger.step("told", one["name"], "run")
        wanted = dict.fromkeys(self.left_out, True)
        wanted |= {one["name"]: place >= count for place, one in enumerate(self.workers)}
        deadline, beats = time.monotonic() + OBEY, defaultdict(set)
        while late := wanted.items() - self.say(beats):
            if time.monotonic() > deadline:
                names = ", ".join(sorted(name for name, _ in late))
                raise NotMeasured(f"{names} did not obey within {OBEY} s: ./lab status shows who is there.")
            stop_if_asked()
            time.sleep(0.1)

    def say(self, beats):
        """Who is paused or not, of those heard twice since `beats` began: in between they were told, and obeyed."""
        for name, beat in self.ledger.redis.zrange("lab:workers", 0, -1, withscores=True):
            beats[name].add(beat)  # the first is the one before
        return {(one["name"], one["paused"]) for one in self.ledger.workers() if len(beats[one["name"]]) > 2}

    def undo(self):
        """Cancel what is left, and let those work that were paused; returns the names of those that cannot be told."""
        ledger = Ledger(self.app.results)  # the other may have been interrupted in the middle of an answer
        steps = [("cancelled", id) for id in self.sent] + [("told", name, "run") for name in sorted(self.paused)]
        deadline = time.monotonic() + UNDO
        while steps and time.monotonic() < deadline:
            try:
                ledger.step(*steps[0])
                steps.pop(0)
            except RedisError:
                time.sleep(0.2)
        return [words[1] for words in steps if words[0] == "told"]

    def slots(self, count):
        """How many tasks the first so many workers do at a time."""
        return sum(one["concurrency"] for one in self.workers[:count])

    def machines(self, count):
        """The machines of the first so many workers: host -> its slots, and its cores."""
        slots = Counter()
        for one in self.workers[:count]:
            slots[one["host"]] += one["concurrency"]
        cores = {one["host"]: one["cores"] for one in self.workers}
        return {host: (slots[host], cores[host]) for host in slots}


def in_turn(workers):
    """The workers, one from each machine in turn."""
    machines = {}
    for one in workers:
        machines.setdefault(one["host"], []).append(one)
    return [one for turn in zip_longest(*machines.values()) for one in turn if one]


def in_hand(ledger):
    """The ids of the tasks that wait, and of those that run."""
    return ledger.redis.pipeline().zrange("lab:waiting", 0, -1).zrange("lab:running", 0, -1).execute()


def short(name):
    """A worker's name without its machine."""
    return name.split("@")[0]
