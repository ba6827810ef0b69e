-- The steps of a task, each run by Redis as a whole or not at all. ledger.py says what the keys hold.
-- Called with the name of a step and its arguments; ledger.py sets the words in capitals.

local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local steps = {}

local function stamp(time) return string.format('%.3f', time) end
local function get(id, field) return redis.call('HGET', 'lab:task:' .. id, field) end
local function set(id, ...) redis.call('HSET', 'lab:task:' .. id, ...) end
local function set_once(id, ...) return redis.call('HSETNX', 'lab:task:' .. id, ...) == 1 end
local function add(id, field, number) return redis.call('HINCRBY', 'lab:task:' .. id, field, number) end
local function forget(id, ...) redis.call('HDEL', 'lab:task:' .. id, ...) end

local function known(id) return redis.call('EXISTS', 'lab:task:' .. id) == 1 end
local function ended(id)
  local state = get(id, 'state')
  return state == 'SUCCESS' or state == 'FAILURE' or state == 'REVOKED'
end

-- One entry in the stream for each step.
local function tell(id, step)
  redis.call('XADD', 'lab:steps', 'MAXLEN', '~', STEPS_KEPT, '*', 'step', step, 'id', id,
    'attempt', get(id, 'attempt') or 0, 'worker', get(id, 'worker') or '')
end

-- A task is in `waiting` or in `running`, until it has ended.
local function wait(id, state, step, due)
  set(id, 'state', state, 'queued', stamp(due or now))
  redis.call('ZREM', 'lab:running', id)
  redis.call('ZADD', 'lab:waiting', due or get(id, 'submitted'), id)
  tell(id, step)
end

local function finish(id, state, error)
  set(id, 'state', state, 'finished', stamp(now), 'error', error)
  forget(id, 'message')
  redis.call('EXPIRE', 'lab:task:' .. id, KEEP)
  redis.call('ZREM', 'lab:waiting', id)
  redis.call('ZREM', 'lab:running', id)
  tell(id, state)
end

-- Its attempt is over, but not the task: somebody else may have it, unless it has been the end of too many.
local function give_back(id, lost)
  if get(id, 'cancelled') then return finish(id, 'REVOKED', '') end
  if add(id, 'lost', lost) >= MAX_LOST then
    local said = 'given up after ' .. MAX_LOST .. ' workers died while running it'
    return finish(id, 'FAILURE', cjson.encode({type = 'WorkerLost', message = said}))
  end
  wait(id, 'PENDING', lost == 0 and 'returned' or 'lost')
end

-- A new task, or the same id sent again (a retry): its next attempt may start. 0: the queue is full.
function steps.submitted(id, name, args, label, most, delay, message)
  if ended(id) then return 1 end
  if not known(id) and redis.call('ZCARD', 'lab:waiting') >= tonumber(most) then return 0 end
  if set_once(id, 'submitted', stamp(now)) then set(id, 'name', name, 'args', args, 'label', label, 'attempt', 0, 'lost', 0) end
  set(id, 'message', message)
  local due = tonumber(delay) > 0 and now + delay
  if get(id, 'attempt') == '0' then wait(id, 'PENDING', 'queued', due) else wait(id, 'RETRY', 'queued', due or now) end
  return 1
end

-- A worker has the task in hand. 0 refuses it: it has ended, or runs under another's lease. Else the attempt's number.
function steps.started(id, name, worker, tag)
  if ended(id) or (tonumber(redis.call('ZSCORE', 'lab:running', id)) or 0) > now then return 0 end
  set_once(id, 'submitted', stamp(now))
  set_once(id, 'name', name)
  set_once(id, 'lost', 0)
  forget(id, 'progress', 'error')
  set(id, 'state', 'STARTED', 'started', stamp(now), 'worker', worker, 'tag', tag)
  redis.call('ZREM', 'lab:waiting', id)
  redis.call('ZADD', 'lab:running', now + LEASE, id)
  local attempt = add(id, 'attempt', 1)
  tell(id, 'started')
  return attempt
end

-- How far it is. 0 tells the attempt to stop: the task was cancelled, or another attempt took over.
function steps.progress(id, attempt, progress)
  if ended(id) or get(id, 'attempt') ~= attempt then return 0 end
  set(id, 'state', 'PROGRESS', 'progress', progress)
  return get(id, 'cancelled') and 0 or 1
end

-- The first end wins; a stale attempt's comes too late. No attempt: the worker's own word, not an attempt's.
function steps.ended(id, attempt, state, result, error)
  if ended(id) or (attempt ~= '' and get(id, 'attempt') ~= attempt) then return 0 end
  set_once(id, 'submitted', stamp(now))
  if result ~= '' then set(id, 'result', result) end
  finish(id, state, error)
  return 1
end

-- This attempt failed and sent the task again: keep why.
function steps.retried(id, attempt, error)
  if get(id, 'state') == 'RETRY' and get(id, 'attempt') == attempt then set(id, 'error', error) end
  return 1
end

-- A worker gives the task back because it stops (lost is 0), or because the process that ran it died (1).
function steps.returned(id, lost)
  if known(id) and not ended(id) then give_back(id, tonumber(lost)) end
  return 1
end

function steps.cancelled(id)
  if not known(id) then return 'unknown' end
  if ended(id) then return 'ended' end
  set(id, 'cancelled', stamp(now))
  if redis.call('ZSCORE', 'lab:waiting', id) then finish(id, 'REVOKED', '') end
  return 'cancelled'
end

-- Publishing failed and nobody has the id: as if it had never been there.
function steps.withdrawn(id)
  if get(id, 'state') == 'PENDING' and get(id, 'attempt') == '0' then
    tell(id, 'withdrawn')
    redis.call('DEL', 'lab:task:' .. id)
    redis.call('ZREM', 'lab:waiting', id)
  end
  return 1
end

-- An Idempotency-Key belongs to the first id and body that came with it.
function steps.claimed(id, key, body)
  redis.call('SET', 'lab:key:' .. key, body .. ' ' .. id, 'NX', 'EX', KEEP)
  return redis.call('GET', 'lab:key:' .. key)
end

-- A worker's heartbeat: it is alive, and so are the attempts that it runs. Answers which of them to stop by force.
function steps.alive(worker, about, ...)
  local stop = {}
  redis.call('SET', 'lab:worker:' .. worker, about, 'EX', LEASE)
  redis.call('ZADD', 'lab:workers', now, worker)
  redis.call('ZREMRANGEBYSCORE', 'lab:workers', 0, now - KEEP)
  for _, id in ipairs({...}) do
    if get(id, 'worker') == worker then redis.call('ZADD', 'lab:running', 'XX', now + LEASE, id) end
    local cancelled = get(id, 'cancelled')
    if cancelled and now - cancelled > CANCEL_GRACE then stop[#stop + 1] = id end
  end
  return stop
end

function steps.gone(worker)
  redis.call('DEL', 'lab:worker:' .. worker)
  return redis.call('ZREM', 'lab:workers', worker)
end

-- Who is alive: what each says, and for how long it has been silent; and what runs, and on whom.
function steps.workers()
  local seen = redis.call('ZRANGEBYSCORE', 'lab:workers', now - LEASE, '+inf', 'WITHSCORES')
  local workers, tasks = {}, redis.call('ZRANGEBYSCORE', 'lab:running', now, '+inf')
  for i = 1, #seen, 2 do
    workers[#workers + 1] = {redis.call('GET', 'lab:worker:' .. seen[i]), stamp(now - seen[i + 1])}
  end
  for i, id in ipairs(tasks) do tasks[i] = {id, get(id, 'worker')} end
  return {workers, tasks}
end

-- When the next message of the queue was queued; now, where the queue is empty.
local function next_queued(list)
  local first = redis.call('LINDEX', list, -1)
  if not first then return now end
  local read, message = pcall(cjson.decode, first)
  return read and tonumber(get(message.headers.id, 'queued')) or 0
end

-- The messages of tasks that nobody holds any more, each handed out once, to be queued again.
function steps.overdue(list)
  local again = {}
  -- Those whose worker let the lease run out. The broker need not keep what that worker had in hand.
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'lab:running', '-inf', now, 'LIMIT', 0, 20)) do
    local tag = get(id, 'tag')
    if tag then redis.call('HDEL', 'unacked', tag) redis.call('ZREM', 'unacked_index', tag) end
    redis.call('ZREM', 'lab:running', id)
    if known(id) and not ended(id) then give_back(id, 1) end
    if get(id, 'state') == 'PENDING' then again[#again + 1] = get(id, 'message') end
  end
  -- Those that wait, but in no queue: first in, first out, so not where the next message was queued later.
  if list ~= '' then
    local next_message = next_queued(list)
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'lab:waiting', '-inf', now - LEASE, 'LIMIT', 0, 20)) do
      local queued = tonumber(get(id, 'queued') or now)
      if queued < now - LEASE and queued < next_message then
        set(id, 'queued', stamp(now))
        again[#again + 1] = get(id, 'message')
      end
    end
  end
  return again
end

return steps[ARGV[1]](unpack(ARGV, 2))
