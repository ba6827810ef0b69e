-- The steps of workers, and of all tasks: who is alive, what each is told, what nobody holds any more.
-- Goes on where ledger.lua ends.

-- After an outage everybody gets some time to be heard again: else the living would be taken for dead.
local OUTAGE = LEASE - BEAT -- seconds without anybody; if it were less, a lone survivor that is late would begin one
local function hear()
  local last = tonumber(redis.call('HGET', 'lab:heard', 'last') or 0)
  if now - last > OUTAGE then redis.call('HSET', 'lab:heard', 'since', now) end
  redis.call('HSET', 'lab:heard', 'last', now)
end
local function all_can_be_heard()
  local last, since = unpack(redis.call('HMGET', 'lab:heard', 'last', 'since'))
  return last and now - last < OUTAGE and now - since >= GRACE
end

-- A worker starts: what an earlier one of its name was told to do once is over; but one comes 'back' from a reload.
function steps.hello(worker, back)
  take_back(worker, 'reload', back == 'back' and 'reload' or 'stop')
  return 1
end

-- A worker's heartbeat: it is alive, and so are the attempts that it runs. Answers the time, and what to do now.
function steps.alive(worker, about, code, ...)
  hear()
  redis.call('SET', 'lab:worker:' .. worker, about, 'EX', LEASE)
  redis.call('ZADD', 'lab:workers', now, worker)
  redis.call('ZREMRANGEBYSCORE', 'lab:workers', 0, now - KEEP)
  for _, id in ipairs({...}) do
    if get(id, 'worker') == worker then redis.call('ZADD', 'lab:running', 'XX', now + LEASE, id) end
  end
  redis.call('EXPIRE', 'lab:control:' .. worker, KEEP)
  local answer, orders = {stamp(now)}, redis.call('HGETALL', 'lab:control:' .. worker)
  for i = 1, #orders, 2 do
    if tonumber(orders[i + 1]) <= now then answer[#answer + 1] = orders[i] end
  end
  local newest = redis.call('GET', 'lab:code')
  if newest and newest ~= code then answer[#answer + 1] = 'code ' .. newest end
  return answer
end

-- A worker does not know this task, and puts it back. Answers for how many seconds it has gone on, and which
-- other code the worker should run.
function steps.unknown(id, code)
  if not known(id) then return {'1000000', ''} end
  set_once(id, 'unknown', stamp(now))
  set(id, 'sent', stamp(now)) -- it is not lost
  local newest = redis.call('GET', 'lab:code') or code
  return {stamp(now - get(id, 'unknown')), newest ~= code and newest or ''}
end

-- Cancel some of those that are 'waiting' or 'running'; answers their messages, '' for an unknown one.
function steps.cancelled_all(where, most)
  local messages = {}
  for _, id in ipairs(redis.call('ZRANGE', 'lab:' .. where, 0, most - 1)) do
    if not get(id, 'cancelled') then
      messages[#messages + 1] = get(id, 'message') or ''
      steps.cancelled(id)
    end
  end
  return messages
end

-- The web server tells which code all should run.
function steps.code(fingerprint)
  redis.call('SET', 'lab:code', fingerprint)
  return 1
end

-- Tell a worker to 'pause', 'reload' or 'stop', or with 'run' to go on, also when it comes back. Answers whether it is alive.
function steps.told(worker, order)
  if order == 'run' then take_back(worker, 'pause') end
  if redis.call('EXISTS', 'lab:worker:' .. worker) == 0 then return 0 end
  if order ~= 'run' then tell(worker, order, now) end
  return 1
end

-- A worker signs off; one that reloads comes back, and is still told to pause or to stop.
function steps.gone(worker, why)
  if why ~= 'reload' then redis.call('DEL', 'lab:control:' .. worker) end
  redis.call('DEL', 'lab:worker:' .. worker)
  return redis.call('ZREM', 'lab:workers', worker)
end

-- Those that have waited for longer than a lease: the first 50, and 50 others, at each moment other ones.
local function long_waiting()
  local function some(from) return redis.call('ZRANGEBYSCORE', 'lab:waiting', '-inf', now - LEASE, 'LIMIT', from, 50) end
  local ids, more = some(0), redis.call('ZCOUNT', 'lab:waiting', '-inf', now - LEASE) - 50
  if more > 0 then
    for _, id in ipairs(some(50 + 50 * (math.floor(now) % math.ceil(more / 50)))) do ids[#ids + 1] = id end
  end
  return ids
end

-- The queues that they wait in. Whoever asks looks whether there is anything in these queues.
function steps.queues()
  local names, seen = {}, {}
  for _, id in ipairs(long_waiting()) do
    local name = get(id, 'queue')
    if name and not seen[name] then names[#names + 1], seen[name] = name, true end
  end
  return names
end

-- The messages of tasks that nobody holds any more, each handed out once, to be queued again.
-- Called with the names of queues that are empty.
function steps.overdue(...)
  local again, empty = {}, {}
  if not all_can_be_heard() then return again end
  for _, name in ipairs({...}) do empty[name] = true end
  -- Those whose worker let the lease run out. The broker need not keep what that worker had in hand.
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'lab:running', '-inf', now, 'LIMIT', 0, 20)) do
    forget_message(id)
    redis.call('ZREM', 'lab:running', id)
    local message = get(id, 'message')
    if known(id) and not is_terminal(id) then
      if message then give_back(id, 'worker') else fail(id, 'its worker died, and its message is not known') end
    end
    if message then again[#again + 1] = message end -- of one that is given up, too: who is to run it tells its chord
  end
  -- Those that wait, but are in no queue: it is empty, or later ones have been taken out of it.
  for _, id in ipairs(long_waiting()) do
    local queue, message = get(id, 'queue') or '', get(id, 'message')
    local sent = tonumber(get(id, 'sent') or get(id, 'queued') or now)
    if message and sent < now - LEASE and (empty[queue] or sent < passed(queue)) then
      set(id, 'sent', stamp(now))
      log_step(id, 'sent again')
      again[#again + 1] = message
    end
  end
  return again
end

-- What was begun before goes from the tail of its queue to the head, where the broker is this Redis.
function steps.first(id)
  local queue = get(id, 'queue')
  if not queue or get(id, 'attempt') == '0' then return 0 end
  for _, message in ipairs(redis.call('LRANGE', queue, 0, 50)) do
    if message:find('"correlation_id": "' .. id .. '"', 1, true) then
      redis.call('LREM', queue, 1, message)
      redis.call('RPUSH', queue, message)
      return redis.call('ZADD', 'lab:waiting', 'XX', get(id, 'submitted'), id)
    end
  end
  return 0
end
