-- The steps of a task, each run by Redis as a whole or not at all. ledger.py says what the keys hold, sets the words
-- in capitals, and calls a step by its name with its arguments. Workers' steps: recovery.lua; questions: questions.lua.

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
local function is_terminal(id)
  local state = get(id, 'state')
  return state == 'SUCCESS' or state == 'FAILURE' or state == 'REVOKED'
end

-- One entry in the stream for each step.
local function log_step(id, step)
  redis.call('XADD', 'lab:steps', 'MAXLEN', '~', STEPS_KEPT, '*', 'step', step, 'id', id,
    'attempt', get(id, 'attempt') or 0, 'worker', get(id, 'worker') or '', 'slot', get(id, 'slot') or 0)
end

-- A task is in `waiting` or in `running`, until it has ended. `due` is its place in the queue: its time.
local function enqueue(id, state, step, due)
  set(id, 'state', state, 'queued', stamp(math.max(due, now)))
  forget(id, 'sent', 'progress')
  redis.call('ZREM', 'lab:running', id)
  redis.call('ZADD', 'lab:waiting', due, id)
  log_step(id, step)
end

-- What a worker is told from outside: 'pause', 'reload', 'stop', or to stop a task by force; and from when on.
local function tell(worker, order, from) redis.call('HSET', 'lab:control:' .. worker, order, from) end
local function take_back(worker, ...) redis.call('HDEL', 'lab:control:' .. worker, ...) end

-- What the broker keeps of a message until a worker acknowledges it.
local function forget_message(id)
  local tag = get(id, 'tag')
  if tag then redis.call('HDEL', 'unacked', tag) redis.call('ZREM', 'unacked_index', tag) end
end

local function finish(id, state, error)
  forget_message(id)
  set(id, 'state', state, 'finished', stamp(now), 'error', error)
  forget(id, 'message')
  take_back(get(id, 'worker') or '', id)
  redis.call('EXPIRE', 'lab:task:' .. id, KEEP)
  redis.call('ZREM', 'lab:waiting', id)
  redis.call('ZREM', 'lab:running', id)
  log_step(id, state)
end

local function fail(id, message) finish(id, 'FAILURE', cjson.encode({type = 'WorkerLost', message = message})) end

-- Its attempt is over, but not the task: somebody else may have it, unless it has been the end of too many.
-- `why` is 'returned' by a worker that stops, or lost with its 'process', or with its whole 'worker'.
local function give_back(id, why)
  set(id, 'back', why)
  if get(id, 'cancelled') then return finish(id, 'REVOKED', '') end
  if why ~= 'returned' and add(id, 'lost', 1) >= MAX_LOST then
    return fail(id, 'given up after ' .. MAX_LOST .. ' workers died while running it')
  end
  enqueue(id, 'PENDING', why == 'returned' and 'returned' or 'lost', now)
end

-- A queue is first in, first out: what was sent before a task was even submitted that has been taken out, is out too.
local function passed(queue)
  local when = tonumber(redis.call('HGET', 'lab:passed', queue) or 0)
  return when <= now and when or 0 -- in the future, where Redis's clock was set back
end

-- A task that comes after others, in a chain or as the last of a chord, is known from the first one's sending on.
local function announce(id, name)
  if known(id) then return end
  set(id, 'submitted', stamp(now), 'queued', stamp(now), 'state', 'PENDING', 'name', name, 'attempt', 0, 'announced', 1)
  redis.call('EXPIRE', 'lab:task:' .. id, KEEP) -- it is never sent where one before it is lost
end

-- A new task; or one that its own live attempt sends again (a retry), so that the next attempt may start.
-- Answers what to do: 'publish' it, or nothing, because it is 'known' already or the queue is 'full'.
-- After the message come the ids and names of those that are sent when this one has ended.
function steps.submitted(id, name, args, label, most, delay, queue, attempt, message, ...)
  local again = known(id) and not get(id, 'announced')
  if known(id) and (is_terminal(id) or again and (attempt == '' or get(id, 'attempt') ~= attempt)) then return 'known' end
  if not again and redis.call('ZCARD', 'lab:waiting') >= tonumber(most) then return 'full' end
  if get(id, 'cancelled') then finish(id, 'REVOKED', '') return 'known' end
  set_once(id, 'submitted', stamp(now))
  if not again then set(id, 'name', name, 'args', args, 'label', label, 'attempt', 0, 'lost', 0) end
  if get(id, 'announced') then forget(id, 'announced') redis.call('PERSIST', 'lab:task:' .. id) end
  set(id, 'message', message, 'queue', queue)
  enqueue(id, get(id, 'attempt') == '0' and 'PENDING' or 'RETRY', 'queued', now + delay)
  local later = {...}
  for i = 1, #later, 2 do announce(later[i], later[i + 1]) end
  return 'publish'
end

-- A worker has the task in hand. 0 refuses it: it has ended, or runs under another's lease. Else the attempt's number.
-- `slot` is the worker's process that runs it; `tag` the broker's for this message; `once` the worker's for this
-- asking, which a lost answer repeats.
function steps.started(id, name, worker, slot, tag, once)
  if is_terminal(id) then
    redis.call('EXPIRE', 'lab:task:' .. id, KEEP)
    return 0
  end
  if (tonumber(redis.call('ZSCORE', 'lab:running', id)) or 0) > now then
    return get(id, 'once') == once and tonumber(get(id, 'attempt')) or 0
  end
  set_once(id, 'submitted', stamp(now))
  set_once(id, 'name', name)
  set_once(id, 'lost', 0)
  forget(id, 'progress', 'error', 'unknown')
  set(id, 'state', 'STARTED', 'started', stamp(now), 'worker', worker, 'slot', slot, 'tag', tag, 'once', once)
  redis.call('ZREM', 'lab:waiting', id)
  redis.call('ZADD', 'lab:running', now + LEASE, id)
  local queue, submitted = get(id, 'queue') or '', get(id, 'submitted')
  if tonumber(submitted) > passed(queue) then redis.call('HSET', 'lab:passed', queue, submitted) end
  local attempt = add(id, 'attempt', 1)
  log_step(id, 'started')
  return attempt
end

-- How far it is. 0 tells the attempt to stop: the task was cancelled, or another attempt took over.
function steps.progress(id, attempt, progress)
  if is_terminal(id) or get(id, 'attempt') ~= attempt then return 0 end
  set(id, 'state', 'PROGRESS', 'progress', progress)
  return get(id, 'cancelled') and 0 or 1
end

-- Whether this attempt may end the task; an attempt without a number may where no other worker has the task.
function steps.holds(id, attempt, worker)
  if attempt == '' then return not is_terminal(id) and (worker == '' or (get(id, 'worker') or worker) == worker) end
  return not is_terminal(id) and get(id, 'attempt') == attempt
end

-- The first end wins; a stale attempt's comes too late, as does that of a worker that lost the task to another.
function steps.ended(id, attempt, worker, state, result, error)
  local asked_before = get(id, 'attempt') == attempt and get(id, 'state') == state
  if not steps.holds(id, attempt, worker) then return asked_before and 1 or 0 end
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

-- A worker gives the task back: 'returned' because it stops, or because the 'process' that ran it died.
function steps.returned(id, worker, why)
  local runs_it = redis.call('ZSCORE', 'lab:running', id) and get(id, 'worker') == worker
  if runs_it then give_back(id, why) end
  return 1
end

-- The task raised Ignore: it has ended itself, unless it sent itself again first.
function steps.ignored(id, worker)
  local state = get(id, 'state')
  if (state == 'STARTED' or state == 'PROGRESS') and get(id, 'worker') == worker then
    finish(id, 'FAILURE', cjson.encode({type = 'Ignore', message = 'the task ended itself and left no result'}))
  end
  return 1
end

function steps.cancelled(id)
  if not known(id) then return 'unknown' end
  if is_terminal(id) then return 'ended' end
  if set_once(id, 'cancelled', stamp(now)) and get(id, 'worker') then tell(get(id, 'worker'), id, now + CANCEL_GRACE) end
  if redis.call('ZSCORE', 'lab:waiting', id) or get(id, 'announced') then
    finish(id, 'REVOKED', '')
    redis.call('EXPIRE', 'lab:task:' .. id, 30 * KEEP) -- a worker has yet to come upon its message
  end
  return 'cancelled'
end

-- The task cannot be sent: it is not accepted.
function steps.withdrawn(id)
  if get(id, 'state') == 'PENDING' and get(id, 'attempt') == '0' then
    log_step(id, 'withdrawn')
    redis.call('DEL', 'lab:task:' .. id)
    redis.call('ZREM', 'lab:waiting', id)
  end
  return 1
end
