-- What is asked of the ledger, and changes nothing. The answers are JSON: Python reads it several times as fast.
-- Goes on where recovery.lua ends.

-- Who is alive: what each says, and for how long it has been silent; and what runs, and on whom.
function steps.workers()
  local seen = redis.call('ZRANGEBYSCORE', 'lab:workers', now - LEASE, '+inf', 'WITHSCORES')
  local workers, tasks = {}, redis.call('ZRANGEBYSCORE', 'lab:running', now, '+inf')
  for i = 1, #seen, 2 do
    workers[#workers + 1] = {redis.call('GET', 'lab:worker:' .. seen[i]), stamp(now - seen[i + 1])}
  end
  for i, id in ipairs(tasks) do tasks[i] = {id, get(id, 'worker')} end
  return cjson.encode({workers, tasks})
end

-- What a task is called, what it is to do, and since when it was due.
local function describe(task, id)
  for _, field in ipairs({'name', 'args', 'label', 'queued'}) do task[field] = get(id, field) or '' end
  return task
end

-- What happened after this entry of the stream, the oldest first, at most so many; with a start the task's name.
-- Before them the time, and the id of the oldest entry that there still is.
function steps.history(after, most)
  local oldest = redis.call('XRANGE', 'lab:steps', '-', '+', 'COUNT', 1)[1]
  local entries = redis.call('XRANGE', 'lab:steps', '(' .. after, '+', 'COUNT', most)
  for i, entry in ipairs(entries) do
    local step, fields = {entry = entry[1]}, entry[2]
    for j = 1, #fields, 2 do step[fields[j]] = fields[j + 1] end
    entries[i] = step.step == 'started' and describe(step, step.id) or step
  end
  return cjson.encode({stamp(now), oldest and oldest[1] or '', entries})
end

-- How many tasks wait, and those at the head of the queue that are due: at most so many.
function steps.queue(most)
  local head = redis.call('ZRANGEBYSCORE', 'lab:waiting', '-inf', now, 'LIMIT', 0, most)
  for i, id in ipairs(head) do head[i] = describe({task_id = id, attempt = get(id, 'attempt') or '0'}, id) end
  return cjson.encode({redis.call('ZCARD', 'lab:waiting'), head})
end
