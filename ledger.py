"""The record of every task: what was asked for, who runs it, how it ended.

Celery alone answers PENDING for any id, even one that nobody ever gave out. So each task has a
record of its own in Redis, written before the task is queued and changed at every step:

    lab:task:<id>   hash        everything known of one task; expires a day after its end, as results do
    lab:waiting     sorted set  ids in the queue, by the time they were submitted
    lab:running     sorted set  ids on a worker, by the time their lease ends
    lab:workers     sorted set  worker names, by the time of their last heartbeat
    lab:worker:<n>  string      what a worker says of itself (JSON); expires when its heartbeats stop
    lab:control:<n> hash        what that worker is told, and from when on; read with every heartbeat
    lab:heard       hash        when any worker was heard last, and since when without a gap
    lab:code        string      the fingerprint of the code that workers should run
    lab:passed      hash        queue name: when the latest task was submitted that has been taken from it
    lab:key:<key>   string      the task that an Idempotency-Key stands for, for a day
    lab:checks      hash        what students shared of their checks, by exercise and label, for a day
    lab:steps       stream      one entry for each step of each task, in Redis's order; the oldest are dropped

The steps of a task are in ledger.lua, those of workers in recovery.lua, what is only asked in questions.lua:
Redis runs each as a whole or not at all, and all times are Redis's own, so machines with wrong clocks do no harm.
"""

import json
from pathlib import Path

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

KEEP = 24 * 3600  # seconds a record is kept after its task's end, as long as results are
BEAT = 1.5  # seconds between two heartbeats of a worker
LEASE = 5  # seconds an attempt belongs to its worker after the worker's last heartbeat
GRACE = 4  # seconds after an outage in which everybody can be heard again: nobody is taken for dead
MAX_LOST = 3  # a task that lost this many workers is given up
TERMINAL = ("SUCCESS", "FAILURE", "REVOKED")
CANCEL_GRACE = 5  # seconds a cancelled task has to stop by itself
STEPS_KEPT = 20_000  # entries of the stream
ORDERS = ("pause", "run", "reload", "stop")  # what a worker can be told
CLOCKS_APART = 2  # seconds between a worker's clock and Redis's, from which on it is called wrong
SETTINGS = f"""
local KEEP, BEAT, LEASE, GRACE, MAX_LOST = {KEEP}, {BEAT}, {LEASE}, {GRACE}, {MAX_LOST}
local CANCEL_GRACE, STEPS_KEPT = {CANCEL_GRACE}, {STEPS_KEPT}
"""
STEPS = [Path(__file__).with_name(name).read_text() for name in ("ledger.lua", "recovery.lua", "questions.lua")]
SCRIPT = "\n".join([SETTINGS, *STEPS, "return steps[ARGV[1]](unpack(ARGV, 2))"])
GREEDY = ("submitted",)  # the step that Redis refuses when its memory is full; all others help to empty it


class Ledger:
    """The record of every task, kept in the Redis at `url`.

    A patient ledger (a worker's) tries again for minutes while Redis is away, so that no result is
    lost; any other raises redis.ConnectionError at once, or redis.TimeoutError after `within` seconds.
    """

    def __init__(self, url, patient=False, within=0.5):
        trouble = (redis.ConnectionError, redis.TimeoutError, redis.OutOfMemoryError, redis.ReadOnlyError)
        stubborn = Retry(ExponentialBackoff(cap=2, base=0.05), 120, trouble)
        once_more = Retry(NoBackoff(), 1, (redis.ConnectionError,))  # a pooled connection may be stale
        self.redis = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=5 if patient else within,
            socket_connect_timeout=2 if patient else 0.5,
            retry=stubborn if patient else once_more,
        )
        # The first line makes Redis refuse a step as a whole, not in its middle, when memory is full; or not at all.
        self.strict = self.redis.register_script(f"#!lua\n{SCRIPT}")
        self.script = self.redis.register_script(f"#!lua flags=allow-oom\n{SCRIPT}")

    def step(self, name, *values):
        """Run one step, with the arguments that it has in its file; returns its answer."""
        return (self.strict if name in GREEDY else self.script)(args=[name, *values])

    def task(self, id):
        """One task's record as a dict, or None where there is none.

        Beside the fields of the record: `now`, `ahead` (tasks to be taken before it, while it
        waits) and `lease` (when the worker's hold on it ends, while it runs). Times are seconds.
        """
        pipe = self.redis.pipeline()
        pipe.hgetall(f"lab:task:{id}").zrank("lab:waiting", id).zscore("lab:running", id).time()
        record, ahead, lease, (seconds, micros) = pipe.execute()
        if not record:
            return None
        return record | {"id": id, "now": seconds + micros / 1e6, "ahead": ahead, "lease": lease}

    def claim(self, key, id, body):
        """Give this Idempotency-Key to the first id and body that come with it; returns whose it is."""
        ours = f"{body} {id}"
        return (self.redis.set(f"lab:key:{key}", ours, nx=True, get=True, ex=KEEP) or ours).split()

    def workers(self):
        """Every worker that is alive: what it says of itself, the ids it runs, its `last_seen_s`."""
        workers, tasks = json.loads(self.step("workers"))
        alive = [json.loads(said) | {"last_seen_s": round(float(silent), 1)} for said, silent in workers if said]
        for about in alive:
            about["running"] = [id for id, worker in tasks if worker == about["name"]]
        return sorted(alive, key=lambda about: about["name"])
