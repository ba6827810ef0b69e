"""Runs one fault against a private cluster under load, and counts what became of every accepted task."""

import contextlib
import random
import tempfile
import threading
import time
from pathlib import Path

from redis import RedisError

from classroom.drill.faults import FAULTS
from classroom.local.cluster import LocalCluster
from classroom.local.supervise import Supervisor
from ledger import TERMINAL

PAUSE = 0.04  # seconds between two tasks that are sent


class Load:
    """Keeps sending short tasks, and remembers what was accepted, refused, and how long answers took."""

    def __init__(self, cluster, dice):
        self.cluster, self.dice = cluster, dice
        self.accepted, self.refused, self.worst = [], 0, 0.0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        """Send one task after another until it is over."""
        while not self.over.wait(PAUSE):
            began = time.monotonic()
            answer = self.cluster.post("/drill", {"seconds": round(self.dice.uniform(0.02, 0.2), 3)})
            self.worst = max(self.worst, time.monotonic() - began)
            if answer and "task_id" in answer:
                self.accepted.append(answer["task_id"])
            else:
                self.refused += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(30)


def run(fault, rounds, seed, env=None, patience=60):
    """Run one fault so many times; returns the verdict as a dict. Times are seconds.

    What has not ended `patience` seconds after the last fault counts as lost.
    """
    dice = random.Random(f"{seed} {fault}")
    with tempfile.TemporaryDirectory(prefix="drill-") as folder:
        env = {"EXERCISE_FILE": str(Path(__file__).with_name("exercise.py"))} | (env or {})
        cluster = LocalCluster(Path(folder) / "cluster", workers=4, env=env)
        with cluster, supervised(cluster) as ends, Load(cluster, dice) as load:
            faults = []
            for _ in range(rounds):
                time.sleep(dice.uniform(1, 3))
                faults.append(broker_time(cluster))
                FAULTS[fault](cluster, dice)
                time.sleep(dice.uniform(1, 3))
            load.__exit__()
            drain(cluster, load.accepted, patience)
            return verdict(cluster, fault, seed, load, faults, ends)


@contextlib.contextmanager
def supervised(cluster):
    """Start again what dies, as ./lab up does; gives the list of what was said."""
    over, said, supervisor = threading.Event(), [], Supervisor(cluster)

    def watch():
        while not over.wait(0.1):
            said.extend(supervisor.look())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield said
    finally:
        over.set()
        thread.join(10)


def broker_time(cluster):
    """Now, by the broker's clock."""
    seconds, micros = cluster.ledger.redis.time()
    return seconds + micros / 1e6


def drain(cluster, accepted, patience):
    """Wait until every accepted task has ended, or time is up."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with contextlib.suppress(RedisError):
            if not unfinished(cluster, accepted):
                return
        time.sleep(0.2)


def unfinished(cluster, accepted):
    """The accepted tasks that are in no terminal state."""
    states = pipelined(cluster, accepted, lambda pipe, id: pipe.hget(f"lab:task:{id}", "state"))
    return [id for id, state in zip(accepted, states, strict=True) if state not in TERMINAL]


def pipelined(cluster, ids, ask):
    """The answers to one question about each id, in one round trip."""
    pipe = cluster.ledger.redis.pipeline()
    for id in ids:
        ask(pipe, id)
    return pipe.execute()


def verdict(cluster, fault, seed, load, faults, ends):
    """What became of every accepted task, from the ledger and from what the tasks themselves counted."""
    redis = cluster.ledger.redis
    runs, effects = (list(map(int, redis.hvals(name))) for name in ("drill:runs", "drill:effects"))
    steps = [(int(at.split("-")[0]) / 1000, step) for at, step in redis.xrange("lab:steps")]
    lost = unfinished(cluster, load.accepted)
    return {
        "fault": fault,
        "seed": seed,
        "rounds": len(faults),
        "accepted": len(load.accepted),
        "refused": load.refused,
        "finished": len(load.accepted) - len(lost),
        "lost": len(lost),
        "run_more_than_once": sum(count > 1 for count in runs),
        "keyed_effects_twice": sum(count > 1 for count in effects),
        "worst_answer": round(load.worst, 2),
        "recovery": [round(recovery(at, steps), 1) for at in faults],
        "exits": sum("ended" in sentence for sentence in ends),
        "timeline": timeline(faults, steps),
    }


def recovery(fault, steps):
    """Seconds from a fault until what it interrupted ran again; without any, until the next task finished."""
    later = [(at - fault, step) for at, step in steps if at > fault]
    cut = {step["id"] for at, step in later if at < 15 and step["step"] in ("lost", "returned")}
    again = [at for at, step in later if step["step"] == "started" and step["id"] in cut and step["attempt"] > "1"]
    done = [at for at, step in later if step["step"] == "SUCCESS"]
    return again[0] if again else (done or [0.0])[0]


def timeline(faults, steps):
    """Tasks finished in each second, as a line of bars, and a mark under each second with a fault."""
    if not steps:
        return ["", ""]
    began = min([steps[0][0], *faults])
    finished = [0] * (int(steps[-1][0] - began) + 1)
    for at, step in steps:
        finished[int(at - began)] += step["step"] == "SUCCESS"
    top = max([1, *finished])
    bars = "".join("▁▂▃▄▅▆▇█"[min(7, 8 * count // top)] if count else "·" for count in finished)
    seconds = {int(at - began) for at in faults}
    return [bars, "".join("x" if second in seconds else " " for second in range(len(finished))).rstrip()]
