-- What the page and the status ask of the ledger: nothing changes. The answers are JSON, which Python reads
-- several times as fast as Redis's own lists. Goes on where recovery.lua ends.

-- Workers by when they were heard last, each with the seconds since then.
local function heard(from, to)
  local workers, seen = {}, redis.call('ZRANGEBYSCORE', 'lab:workers', from, to, 'WITHSCORES')
  for i = 1, #seen, 2 do workers[#workers + 1] = {seen[i], stamp(now - seen[i + 1])} end
  return workers
end

-- Who is alive: what each says, and for how long it has been silent; and what runs, and on whom.
function steps.workers()
  local workers, tasks = heard(now - LEASE, '+inf'), redis.call('ZRANGEBYSCORE', 'lab:running', now, '+inf')
  for _, worker in ipairs(workers) do worker[1] = redis.call('GET', 'lab:worker:' .. worker[1]) end
  for i, id in ipairs(tasks) do tasks[i] = {id, get(id, 'worker')} end
  return cjson.encode({workers, tasks})
end

-- Who has died without a word within so many seconds, and for how long each has been silent.
function steps.silent(seconds) return cjson.encode(heard(now - seconds, now - LEASE)) end

-- Adds what a task is called, what it is to do, and since when it was due. Empty is what is not known.
local DESCRIPTION = {'name', 'args', 'label', 'queued'}
local function describe(task, id)
  local record = redis.call('HMGET', 'lab:task:' .. id, unpack(DESCRIPTION))
  for i, field in ipairs(DESCRIPTION) do task[field] = record[i] or '' end
  return task
end

-- What happened after this entry of the stream, the oldest first: at most so many; with a start the task's name.
-- Before them the time, and the oldest entry that there still is.
function steps.history(after, most)
  local oldest = redis.call('XRANGE', 'lab:steps', '-', '+', 'COUNT', 1)[1]
  local entries = redis.call('XRANGE', 'lab:steps', '(' .. after, '+', 'COUNT', most)
  for i, entry in ipairs(entries) do
    local step, fields = {}, entry[2]
    for j = 1, #fields, 2 do step[fields[j]] = fields[j + 1] end
    step.entry = entry[1]
    entries[i] = step.step == 'started' and describe(step, step.id or '') or step
  end
  return cjson.encode({stamp(now), oldest and oldest[1] or '', entries})
end

-- How many tasks wait, and those at the head of the queue that are due: at most so many.
function steps.waiting(most)
  local head = redis.call('ZRANGEBYSCORE', 'lab:waiting', '-inf', now, 'LIMIT', 0, most)
  for i, id in ipairs(head) do head[i] = describe({task_id = id, attempt = get(id, 'attempt') or '0'}, id) end
  return cjson.encode({redis.call('ZCARD', 'lab:waiting'), head})
end
