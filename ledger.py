"""The record of every task: what was asked for, who runs it, how it ended.

Celery alone answers PENDING for any id, even one that nobody ever gave out. So each task has a
record of its own in Redis, written before the task is queued and changed at every step:

    lab:task:<id>   hash        everything known of one task; expires a day after its end, as results do
    lab:waiting     sorted set  ids in the queue, by the time they were submitted
    lab:running     sorted set  ids on a worker, by the time their lease ends
    lab:workers     sorted set  worker names, by the time of their last heartbeat
    lab:worker:<n>  string      what a worker says of itself (JSON); expires when its heartbeats stop

A step is one Lua script, which Redis runs as a whole or not at all, and all times are Redis's own,
so machines with wrong clocks do no harm.
"""

import json

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

KEEP = 24 * 3600  # seconds a record is kept after its task's end, as long as results are
LEASE = 6  # seconds an attempt belongs to its worker after the worker's last heartbeat
MAX_LOST = 3  # a task that lost this many workers is given up
TERMINAL = ("SUCCESS", "FAILURE", "REVOKED")

PRELUDE = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local function stamp(time) return string.format('%.3f', time) end
local id = ARGV[1]
local task = 'lab:task:' .. (id or '')
local function get(field) return redis.call('HGET', task, field) end
local function set(...) redis.call('HSET', task, ...) end
local function ended() local s = get('state') return s == 'SUCCESS' or s == 'FAILURE' or s == 'REVOKED' end
local function finish(state, error)
  set('state', state, 'finished', stamp(now), 'error', error)
  redis.call('EXPIRE', task, ARGV[2])
  redis.call('ZREM', 'lab:waiting', id) redis.call('ZREM', 'lab:running', id)
end
local function queue(state)
  set('state', state, 'queued', stamp(now))
  redis.call('ZREM', 'lab:running', id) redis.call('ZADD', 'lab:waiting', get('submitted'), id)
end
"""

STEPS = {
    # A new task, or the same id sent again (a retry): its next attempt may start. 0: the queue is full.
    "submitted": """
if ended() then return 1 end
if redis.call('ZCARD', 'lab:waiting') >= tonumber(ARGV[6]) and not get('submitted') then return 0 end
if redis.call('HSETNX', task, 'submitted', stamp(now)) == 1 then
  set('name', ARGV[3], 'args', ARGV[4], 'label', ARGV[5], 'attempt', 0, 'lost', 0)
  queue('PENDING')
elseif get('attempt') == '0' then queue('PENDING') else queue('RETRY') end
return 1""",
    # A worker has the task in hand. 0 refuses it: already ended, or running under another's lease.
    "started": """
if ended() or (tonumber(redis.call('ZSCORE', 'lab:running', id)) or 0) > now then return 0 end
redis.call('HSETNX', task, 'submitted', stamp(now))
redis.call('HSETNX', task, 'name', ARGV[3])
redis.call('HDEL', task, 'progress', 'error')
set('state', 'STARTED', 'started', stamp(now), 'worker', ARGV[4])
redis.call('ZREM', 'lab:waiting', id)
redis.call('ZADD', 'lab:running', now + ARGV[5], id)
return redis.call('HINCRBY', task, 'attempt', 1)""",
    # How far it is. 0 tells the attempt to stop: it was cancelled, or another attempt took over.
    "progress": """
if ended() or get('attempt') ~= ARGV[3] then return 0 end
set('state', 'PROGRESS', 'progress', ARGV[4])
if get('cancelled') then return 0 end
return 1""",
    # The first end wins; a stale attempt's comes too late. An empty attempt is the worker's own word.
    "ended": """
if ended() or (ARGV[3] ~= '' and get('attempt') ~= ARGV[3]) then return 0 end
redis.call('HSETNX', task, 'submitted', stamp(now))
if ARGV[5] ~= '' then set('result', ARGV[5]) end
finish(ARGV[4], ARGV[6])
return 1""",
    # This attempt failed and the task was sent again by itself: keep why.
    "retried": """
if get('state') == 'RETRY' and get('attempt') == ARGV[3] then set('error', ARGV[4]) end
return 1""",
    # The worker gave the task back, or lost the process that ran it: someone else may have it.
    "returned": """
if redis.call('EXISTS', task) == 0 or ended() then return 0 end
if get('cancelled') then finish('REVOKED', '') return 1 end
if redis.call('HINCRBY', task, 'lost', ARGV[3]) >= tonumber(ARGV[4]) then finish('FAILURE', ARGV[5]) return 1 end
queue('PENDING')
return 1""",
    "cancelled": """
if redis.call('EXISTS', task) == 0 then return 'unknown' end
if ended() then return 'ended' end
set('cancelled', stamp(now))
if redis.call('ZSCORE', 'lab:waiting', id) then finish('REVOKED', '') end
return 'cancelled'""",
    # Publishing failed, nobody has the id: as if it had never been there.
    "withdrawn": """
if get('state') == 'PENDING' and get('attempt') == '0' then
  redis.call('DEL', task) redis.call('ZREM', 'lab:waiting', id)
end
return 1""",
    # A request's Idempotency-Key belongs to the first id and body that came with it.
    "claimed": """
local key = 'lab:key:' .. ARGV[3]
redis.call('SET', key, ARGV[4] .. ' ' .. id, 'NX', 'EX', ARGV[2])
return redis.call('GET', key)""",
    # A worker's heartbeat: it is alive, and so are the attempts that it runs.
    "alive": """
redis.call('SET', 'lab:worker:' .. id, ARGV[3], 'EX', ARGV[4])
redis.call('ZADD', 'lab:workers', now, id)
redis.call('ZREMRANGEBYSCORE', 'lab:workers', 0, now - ARGV[2])
for i = 5, #ARGV do
  if redis.call('HGET', 'lab:task:' .. ARGV[i], 'worker') == id then
    redis.call('ZADD', 'lab:running', 'XX', now + ARGV[4], ARGV[i])
  end
end
return 1""",
    # Who is alive: what each says, and for how long it has been silent; and what runs, and on whom.
    "workers": """
local seen = redis.call('ZRANGEBYSCORE', 'lab:workers', now - ARGV[3], '+inf', 'WITHSCORES')
local workers, tasks = {}, redis.call('ZRANGEBYSCORE', 'lab:running', now, '+inf')
for i = 1, #seen, 2 do
  workers[#workers + 1] = {redis.call('GET', 'lab:worker:' .. seen[i]), stamp(now - seen[i + 1])}
end
for i, running in ipairs(tasks) do
  tasks[i] = {running, redis.call('HGET', 'lab:task:' .. running, 'worker')}
end
return {workers, tasks}""",
    "gone": "redis.call('DEL', 'lab:worker:' .. id) return redis.call('ZREM', 'lab:workers', id)",
}


class Ledger:
    """The record of every task, kept in the Redis at `url`.

    A patient ledger (a worker's) tries again for minutes while Redis is away, so that no result is
    lost; any other raises redis.ConnectionError or redis.TimeoutError within a second.
    """

    def __init__(self, url, patient=False):
        stubborn = Retry(ExponentialBackoff(cap=2, base=0.05), 120)
        once_more = Retry(NoBackoff(), 1, (redis.ConnectionError,))  # a pooled connection may be stale
        self.redis = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=5 if patient else 0.5,
            socket_connect_timeout=2 if patient else 0.5,
            retry=stubborn if patient else once_more,
        )
        self.steps = {name: self.redis.register_script(PRELUDE + lua) for name, lua in STEPS.items()}

    def step(self, name, id, *values):
        """Run one step on one id; what it answers is told beside its script."""
        return self.steps[name](args=[id, KEEP, *values])

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

    def workers(self):
        """Every worker that is alive: what it says of itself, the ids it runs, its `last_seen_s`."""
        workers, tasks = self.step("workers", "", LEASE)
        return [
            (about := json.loads(said))
            | {
                "running": [id for id, worker in tasks if worker == about["name"]],
                "last_seen_s": round(float(silent), 1),
            }
            for said, silent in workers
            if said
        ]

    def waiting(self):
        """How many tasks are in the queue."""
        return self.redis.zcard("lab:waiting")

    def ping(self):
        """Ask Redis for a sign of life; raises where there is none."""
        return self.redis.ping()
