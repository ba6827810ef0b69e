// What this page knows: the attempts that the server told of, the queue, the workers; and what time it is there.

const MOST = 20000  // attempts that are kept

export const attempts = new Map()  // `${task_id}/${attempt}` -> attempt, the first told of first
export const present = { workers: [], queue: [], numbers: {}, broken: {}, refused: '' }
export const missed = { count: 0, before: 0 }  // attempts that the server left out, and before when they had ended
let cursor = '0-0'
let ahead = []  // by how many seconds the server's clock was ahead of ours, at the latest answers

export const question = () => `/live?after=${cursor}`
export const key = (task, number) => `${task}/${number}`

// Takes one answer in.
export function learn(answer) {
  cursor = answer.cursor
  for (const name of Object.keys(present)) present[name] = answer[name]
  ahead = [...ahead.slice(-9), answer.now - performance.now() / 1000]
  for (const attempt of answer.attempts) attempts.set(key(attempt.task_id, attempt.attempt), attempt)
  if (answer.left_out) Object.assign(missed, { count: answer.left_out, before: oldestEnd(answer.attempts) })
  forget(new Set(answer.running))
}

const oldestEnd = some => Math.min(...some.map(one => one.ended_at ?? Infinity))

// Forgets what ran and runs no longer, though we never heard of its end; and the oldest, where there is too much.
function forget(running) {
  for (const [name, attempt] of attempts) {
    if (attempt.ended_at ? attempts.size > MOST : !running.has(name)) attempts.delete(name)
  }
}

// Whether any answer has come.
export const known = () => ahead.length > 0

// When the oldest attempt started that is known.
export function begin() {
  let oldest = Infinity
  for (const attempt of attempts.values()) oldest = Math.min(oldest, attempt.started_at)
  return oldest
}

// The broker's time, as well as we know it: the answer that came fastest knows it best.
export const now = () => performance.now() / 1000 + Math.max(...ahead)
