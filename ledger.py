"""The record of every task: what was asked for, who runs it, how it ended.

Celery alone answers PENDING for any id, even one that nobody ever gave out. So each task has a
record of its own in Redis, written before the task is queued and changed at every step:

    lab:task:<id>   hash        everything known of one task; expires a day after its end, as results do
    lab:waiting     sorted set  ids in the queue, by the time they were submitted
    lab:running     sorted set  ids on a worker, by the time their lease ends
    lab:workers     sorted set  worker names, by the time of their last heartbeat
    lab:worker:<n>  string      what a worker says of itself (JSON); expires when its heartbeats stop
    lab:steps       stream      one entry for each step of each task, in Redis's order; the oldest are dropped

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
STEPS_KEPT = 20_000
GIVEN_UP = json.dumps({"type": "WorkerLost", "message": f"given up after {MAX_LOST} workers died while running it"})
TERMINAL = ("SUCCESS", "FAILURE", "REVOKED")

PRELUDE = (
    """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local id, keep = ARGV[1], ARGV[2]
local function stamp(time) return string.format('%.3f', time) end
local function key(of) return 'lab:task:' .. of end
local function get(field) return redis.call('HGET', key(id), field) end
local function set(...) redis.call('HSET', key(id), ...) end
local function tell(step, worker)
  redis.call('XADD', 'lab:steps', 'MAXLEN', '~', STEPS_KEPT, '*', 'step', step, 'id', id,
    'attempt', get('attempt') or 0, 'worker', worker or '')
end
local function ended() local s = get('state') return s == 'SUCCESS' or s == 'FAILURE' or s == 'REVOKED' end
local function finish(state, error)
  set('state', state, 'finished', stamp(now), 'error', error)
  redis.call('HDEL', key(id), 'message')
  redis.call('EXPIRE', key(id), keep)
  redis.call('ZREM', 'lab:waiting', id) redis.call('ZREM', 'lab:running', id)
  tell(state, get('worker'))
end
local function queue(state, step, due)
  set('state', state, 'queued', stamp(due or now))
  redis.call('ZREM', 'lab:running', id) redis.call('ZADD', 'lab:waiting', due or get('submitted'), id)
  tell(step, get('worker'))
end
local function back(lost)
  if get('cancelled') then return finish('REVOKED', '') end
  if redis.call('HINCRBY', key(id), 'lost', lost) >= MAX_LOST then return finish('FAILURE', 'GIVEN_UP') end
  queue('PENDING', lost == 0 and 'returned' or 'lost')
end
""".replace("STEPS_KEPT", str(STEPS_KEPT))
    .replace("MAX_LOST", str(MAX_LOST))
    .replace("GIVEN_UP", GIVEN_UP)
)

STEPS = {
    # A new task, or the same id sent again (a retry): its next attempt may start. 0: the queue is full.
    "submitted": """
local name, args, label, most, delay, message = unpack(ARGV, 3)
if ended() then return 1 end
if redis.call('ZCARD', 'lab:waiting') >= tonumber(most) and not get('submitted') then return 0 end
set('message', message)
if redis.call('HSETNX', key(id), 'submitted', stamp(now)) == 1 then
  set('name', name, 'args', args, 'label', label, 'attempt', 0, 'lost', 0)
end
local due = tonumber(delay) > 0 and now + delay or nil
if get('attempt') == '0' then queue('PENDING', 'queued', due) else queue('RETRY', 'queued', due or now) end
return 1""",
    # A worker has the task in hand. 0 refuses it: already ended, or running under another's lease.
    "started": """
local name, worker, lease, tag = unpack(ARGV, 3)
if ended() or (tonumber(redis.call('ZSCORE', 'lab:running', id)) or 0) > now then return 0 end
redis.call('HSETNX', key(id), 'submitted', stamp(now))
redis.call('HSETNX', key(id), 'name', name)
redis.call('HDEL', key(id), 'progress', 'error')
set('state', 'STARTED', 'started', stamp(now), 'worker', worker, 'tag', tag)
redis.call('ZREM', 'lab:waiting', id) redis.call('ZADD', 'lab:running', now + lease, id)
local attempt = redis.call('HINCRBY', key(id), 'attempt', 1)
tell('started', worker)
return attempt""",
    # How far it is. 0 tells the attempt to stop: it was cancelled, or another attempt took over.
    "progress": """
local attempt, progress = unpack(ARGV, 3)
if ended() or get('attempt') ~= attempt then return 0 end
set('state', 'PROGRESS', 'progress', progress)
if get('cancelled') then return 0 end
return 1""",
    # The first end wins; a stale attempt's comes too late. An empty attempt is the worker's own word.
    "ended": """
local attempt, state, result, error = unpack(ARGV, 3)
if ended() or (attempt ~= '' and get('attempt') ~= attempt) then return 0 end
redis.call('HSETNX', key(id), 'submitted', stamp(now))
if result ~= '' then set('result', result) end
finish(state, error)
return 1""",
    # This attempt failed and the task was sent again by itself: keep why.
    "retried": """
local attempt, error = unpack(ARGV, 3)
if get('state') == 'RETRY' and get('attempt') == attempt then set('error', error) end
return 1""",
    # The worker gave the task back (0), or lost the process that ran it (1): someone else may have it.
    "returned": """
if redis.call('EXISTS', key(id)) == 1 and not ended() then back(tonumber(ARGV[3])) end
return 1""",
    # Tasks that nobody holds any more, one by one; each is handed out once, to be queued again.
    # First those whose worker let the lease run out. Then those that wait, but are in no queue: the queue
    # is first in, first out, so a task is in none when the next message in it was queued later.
    "overdue": """
local grace, list, most, again = tonumber(ARGV[3]), ARGV[4], 20, {}
local function send() if get('state') == 'PENDING' then again[#again + 1] = get('message') end end
for _, lost in ipairs(redis.call('ZRANGEBYSCORE', 'lab:running', '-inf', now, 'LIMIT', 0, most)) do
  id = lost
  local tag = get('tag')
  if tag then redis.call('HDEL', 'unacked', tag) redis.call('ZREM', 'unacked_index', tag) end
  redis.call('ZREM', 'lab:running', id)
  if get('state') then back(1) send() end
end
if list == '' then return again end
local first, at = redis.call('LINDEX', list, -1), now
if first then
  local known, message = pcall(cjson.decode, first)
  at = known and tonumber(redis.call('HGET', key(message.headers.id), 'queued')) or 0
end
for _, waiting in ipairs(redis.call('ZRANGEBYSCORE', 'lab:waiting', '-inf', now - grace, 'LIMIT', 0, most)) do
  id = waiting
  local queued = tonumber(get('queued') or now)
  if queued < now - grace and queued < at then
    set('queued', stamp(now)) again[#again + 1] = get('message')
  end
end
return again""",
    "cancelled": """
if redis.call('EXISTS', key(id)) == 0 then return 'unknown' end
if ended() then return 'ended' end
set('cancelled', stamp(now))
if redis.call('ZSCORE', 'lab:waiting', id) then finish('REVOKED', '') end
return 'cancelled'""",
    # Publishing failed, nobody has the id: as if it had never been there.
    "withdrawn": """
if get('state') == 'PENDING' and get('attempt') == '0' then
  tell('withdrawn') redis.call('DEL', key(id)) redis.call('ZREM', 'lab:waiting', id)
end
return 1""",
    # A request's Idempotency-Key belongs to the first id and body that came with it.
    "claimed": """
local name = 'lab:key:' .. ARGV[3]
redis.call('SET', name, ARGV[4] .. ' ' .. id, 'NX', 'EX', keep)
return redis.call('GET', name)""",
    # A worker's heartbeat: it is alive, and so are the attempts that it runs.
    "alive": """
local about, lease = ARGV[3], ARGV[4]
redis.call('SET', 'lab:worker:' .. id, about, 'EX', lease)
redis.call('ZADD', 'lab:workers', now, id)
redis.call('ZREMRANGEBYSCORE', 'lab:workers', 0, now - keep)
for i = 5, #ARGV do
  if redis.call('HGET', key(ARGV[i]), 'worker') == id then
    redis.call('ZADD', 'lab:running', 'XX', now + lease, ARGV[i])
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
for i, running in ipairs(tasks) do tasks[i] = {running, redis.call('HGET', key(running), 'worker')} end
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
