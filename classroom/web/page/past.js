// What this page knows: the attempts that the server told of, the queue, the workers; and what time it is there.

const MOST = 20000  // attempts that are kept

export const attempts = new Map()  // `${task_id}/${attempt}` -> attempt, the first told of first
export const present = { workers: [], queue: [], numbers: {}, broken: {} }
let cursor = '0-0'
let ahead = []  // by how many seconds the server's clock was ahead of ours, at the latest answers

export const question = () => `/live?after=${cursor}`
export const key = (task, number) => `${task}/${number}`

// Takes one answer in; returns the attempts that are new or changed.
export function learn(answer) {
  cursor = answer.cursor
  Object.assign(present, { workers: answer.workers, queue: answer.queue, numbers: answer.numbers, broken: answer.broken })
  ahead = [...ahead.slice(-9), answer.now - performance.now() / 1000]
  for (const attempt of answer.attempts) attempts.set(key(attempt.task_id, attempt.attempt), attempt)
  for (const [name, attempt] of attempts) {
    if (attempts.size <= MOST) break
    if (attempt.ended_at) attempts.delete(name)
  }
}

// The broker's time, as well as we know it: the answer that came fastest knows it best.
export const now = () => performance.now() / 1000 + Math.max(...ahead)
