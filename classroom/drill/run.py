"""Runs one fault against a private cluster under load, and counts what became of every accepted task."""

import contextlib
import random
import tempfile
import threading
import time
from pathlib import Path

from redis import RedisError

from classroom.drill.faults import BROKER_AWAY, FAULTS
from classroom.local.cluster import LocalCluster
from classroom.local.hosts import Network
from classroom.local.stop import Stop, stop_if_asked, stop_later
from classroom.local.supervise import Supervisor
from ledger import TERMINAL

PAUSE = 0.01  # seconds between two tasks that are sent
INTERRUPTED = ("lost", "returned", "sent again")  # the steps of a task that a fault cut off
NEVER = float("inf")
BETWEEN = (2, 4)  # seconds before each fault, and after it
FEW = 10  # tasks that wait when those that piled up during a fault have run


class Load:
    """Keeps sending short tasks, and remembers what was accepted, refused, and how long answers took."""

    def __init__(self, cluster, dice):
        self.cluster, self.dice = cluster, dice
        self.accepted, self.refused, self.worst, self.error = [], 0, 0.0, None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        """Send one task after another until it is over; remember what stopped it before."""
        try:
            self.send()
        except Exception as error:
            self.error = error

    def send(self):
        """Send one task after another until it is over."""
        while not self.over.wait(PAUSE):
            began = time.monotonic()
            answer = self.cluster.post("/drill", {"seconds": round(self.dice.uniform(0.01, 0.08), 3)})
            self.worst = max(self.worst, time.monotonic() - began)
            if answer and "task_id" in answer:
                self.accepted.append(answer["task_id"])
            else:
                self.refused += 1

    def __enter__(self):
        try:
            with stop_later():
                self.thread.start()
            return self
        except Stop:
            self.over.set()
            raise

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(30)
        if self.error:  # a drill without load proves nothing
            raise self.error


def run(fault, rounds, seed, env=None, patience=60, rabbitmq=False):
    """Run one fault so many times; returns the verdict as a dict. Times are seconds.

    What has not ended `patience` seconds after the last fault counts as lost. Between two faults at most half of that
    is waited for what the first one cut off.
    """
    dice = random.Random(f"{seed} {fault}")
    with tempfile.TemporaryDirectory(prefix="drill-") as folder:
        env = {"EXERCISE_FILE": str(Path(__file__).with_name("exercise.py"))} | (env or {})
        with contextlib.ExitStack() as stack, said_to_stop():
            network = stack.enter_context(Network()) if fault == "cut-link" else None
            cluster = LocalCluster(Path(folder) / "cluster", workers=4, env=env, network=network, rabbitmq=rabbitmq)
            stack.callback(cluster.stop)
            cluster.start()
            ends = stack.enter_context(supervised(cluster))
            load = stack.enter_context(Load(cluster, random.Random(f"{seed} load")))
            faults, poison, steps = [], [], {}
            for _ in range(rounds):
                time.sleep(dice.uniform(*BETWEEN))
                began = broker_time(cluster)
                poisoned = FAULTS[fault](cluster, dice)
                faults.append((began, broker_time(cluster)))
                poison += [poisoned] if poisoned else []
                time.sleep(dice.uniform(*BETWEEN))
                settle(cluster, patience / 2)
                read(cluster, steps)
            load.__exit__()
            drain(cluster, load.accepted + poison, patience)
            read(cluster, steps)
            counted = verdict(cluster, fault, seed, load, faults, ends, list(steps.values()))
            counted["poison_at_large"] = sum(state != "FAILURE" for state in states_of(cluster, poison))
            return counted


def settle(cluster, patience):
    """Wait until what piled up during a fault has run, and what it cut off: the next fault is not to blame for that."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        stop_if_asked()
        with contextlib.suppress(RedisError):
            redis = cluster.ledger.redis
            without_lease = redis.zcount("lab:running", "-inf", broker_time(cluster))
            if redis.zcard("lab:waiting") <= FEW and not without_lease:
                return
        time.sleep(0.2)


@contextlib.contextmanager
def said_to_stop():
    """Say that it stops, where it is asked to: that takes seconds."""
    try:
        yield
    except Stop:
        print("\nStopping ...", flush=True)
        raise


@contextlib.contextmanager
def supervised(cluster):
    """Start again what dies, as ./lab up does; gives the list of what was said."""
    over, said, supervisor = threading.Event(), [], Supervisor(cluster)

    def watch():
        while not over.wait(0.1):
            said.extend(supervisor.look())

    thread = threading.Thread(target=watch)
    try:
        with stop_later():
            thread.start()
        yield said
    finally:
        over.set()
        thread.join(10)


def broker_time(cluster):
    """Now, by the broker's clock."""
    seconds, micros = cluster.ledger.redis.time()
    return seconds + micros / 1e6


def read(cluster, steps):
    """Add to `steps` what the stream has had since: it keeps the latest only. By their ids: (time, entry)."""
    with contextlib.suppress(RedisError):
        for id, step in cluster.ledger.redis.xrange("lab:steps", min=f"({next(reversed(steps))}" if steps else "-"):
            steps[id] = int(id.split("-")[0]) / 1000, step


def drain(cluster, accepted, patience):
    """Wait until every accepted task has ended, or time is up."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        stop_if_asked()
        with contextlib.suppress(RedisError):
            if all(state in TERMINAL for state in states_of(cluster, accepted)):
                return
        time.sleep(0.2)


def states_of(cluster, ids):
    """The state of each task; None where there is no record."""
    pipe = cluster.ledger.redis.pipeline()
    for id in ids:
        pipe.hget(f"lab:task:{id}", "state")
    return pipe.execute()


def verdict(cluster, fault, seed, load, faults, ends, steps):
    """What became of every accepted task, from the ledger and from what the tasks themselves counted."""
    redis = cluster.ledger.redis
    states = states_of(cluster, load.accepted)
    began = [start for start, _ in faults]
    runs = redis.hvals("lab:drill:runs")
    effects = [int(count or 0) for count in redis.hmget("lab:drill:effects", load.accepted or ["none"])]
    done = [(at, step) for at, step in steps if step["step"] == "SUCCESS"]
    away = fault in BROKER_AWAY
    first, again = ([recovery(*times, some, away) for times in faults] for some in (done, steps))
    return {
        "fault": fault,
        "seed": seed,
        "rounds": len(faults),
        "accepted": len(load.accepted),
        "refused": load.refused,
        "finished": sum(state in TERMINAL for state in states),
        "lost": sum(state not in TERMINAL for state in states),
        "failed": sum(state in TERMINAL and state != "SUCCESS" for state in states),
        "effects_missing": sum(state == "SUCCESS" and not count for state, count in zip(states, effects, strict=False)),
        "run_more_than_once": sum(int(count) > 1 for count in runs),
        "keyed_effects_twice": sum(count > 1 for count in effects),
        "worst_answer": round(load.worst, 2),
        "first_finished": [round(time, 1) for time in first if time < NEVER],
        "recovery": [round(time, 1) for time in again if time < NEVER],
        "never_again": again.count(NEVER),
        "exits": sum("ended" in sentence for sentence in ends),
        "timeline": timeline(began, steps),
    }


def recovery(fault, over, steps, broker_away):
    """Seconds from a fault, or from the broker's return, until all that it interrupted ran again.

    Where it interrupted none: until the next task finished.
    """
    running, queued, cut, again, done = {}, set(), {}, [], []
    for at, step in steps:
        id, attempt = step["id"], int(step["attempt"])
        if at <= fault:
            running.pop(id, None)
            if step["step"] == "started":
                running[id] = attempt
            (queued.add if step["step"] == "queued" else queued.discard)(id)
        elif step["step"] in INTERRUPTED and (running.get(id) == attempt or id in queued):
            cut[id] = attempt
        elif id in cut and (step["step"] == "SUCCESS" or (step["step"] == "started" and cut[id] < attempt)):
            again.append(at)
            del cut[id]
        elif step["step"] == "SUCCESS":
            done.append(at)
    if cut:
        return NEVER
    back = max(again) if again else next((at for at in done if not broker_away or at > over), NEVER)
    return max(0.0, back - (over if broker_away else fault))


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
