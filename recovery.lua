-- The steps of workers: who is alive, what each is told, and what nobody holds any more. Goes on where ledger.lua ends.

-- A worker's heartbeat: it is alive, and so are the attempts that it runs. Answers the time, and what to do now.
function steps.alive(worker, about, code, ...)
  redis.call('SET', 'lab:worker:' .. worker, about, 'EX', LEASE)
  redis.call('ZADD', 'lab:workers', now, worker)
  redis.call('ZREMRANGEBYSCORE', 'lab:workers', 0, now - KEEP)
  for _, id in ipairs({...}) do
    if get(id, 'worker') == worker then redis.call('ZADD', 'lab:running', 'XX', now + LEASE, id) end
  end
  local answer, orders = {stamp(now)}, redis.call('HGETALL', 'lab:control:' .. worker)
  for i = 1, #orders, 2 do
    if tonumber(orders[i + 1]) <= now then answer[#answer + 1] = orders[i] end
  end
  local newest = redis.call('GET', 'lab:code')
  if newest and newest ~= code then answer[#answer + 1] = 'code ' .. newest end
  return answer
end

-- A worker does not know this task, and puts it back. Answers for how many seconds it has gone on.
function steps.unknown(id)
  if not known(id) then return '1000000' end
  set_once(id, 'unknown', stamp(now))
  set(id, 'sent', stamp(now)) -- it is not lost
  return stamp(now - get(id, 'unknown'))
end

-- The web server tells which code all should run.
function steps.code(fingerprint)
  redis.call('SET', 'lab:code', fingerprint)
  return 1
end

-- Tell a worker to 'pause', 'reload' or 'stop', or with 'run' to go on. Answers whether it is alive.
function steps.told(worker, order)
  if redis.call('EXISTS', 'lab:worker:' .. worker) == 0 then return 0 end
  if order == 'run' then take_back(worker, 'pause') else tell(worker, order, now) end
  redis.call('EXPIRE', 'lab:control:' .. worker, KEEP)
  return 1
end

-- A worker signs off; one that reloads comes back, paused if it was.
function steps.gone(worker, why)
  if why == 'reload' then take_back(worker, why) else redis.call('DEL', 'lab:control:' .. worker) end
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

-- Those that have waited for longer than a lease: at most 100.
local function long_waiting() return redis.call('ZRANGEBYSCORE', 'lab:waiting', '-inf', now - LEASE, 'LIMIT', 0, 100) end

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
  for _, name in ipairs({...}) do empty[name] = true end
  -- Those whose worker let the lease run out. The broker need not keep what that worker had in hand.
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'lab:running', '-inf', now, 'LIMIT', 0, 20)) do
    local tag = get(id, 'tag')
    if tag then redis.call('HDEL', 'unacked', tag) redis.call('ZREM', 'unacked_index', tag) end
    redis.call('ZREM', 'lab:running', id)
    local message = get(id, 'message')
    if known(id) and not is_terminal(id) then
      if message then give_back(id, 'worker', now) else fail(id, 'its worker died, and its message is not known') end
    end
    if get(id, 'state') == 'PENDING' then again[#again + 1] = message end
  end
  -- Those that wait, but are in no queue: it is empty, or later ones have been taken out of it.
  for _, id in ipairs(long_waiting()) do
    local queue, sent = get(id, 'queue') or '', tonumber(get(id, 'sent') or get(id, 'queued') or now)
    if sent < now - LEASE and (empty[queue] or sent < passed(queue)) then
      set(id, 'sent', stamp(now))
      again[#again + 1] = get(id, 'message')
    end
  end
  return again
end
