// Which stretch of time is shown: the latest seconds, or some of the past; and the queue, as it was when the picture stopped.

import * as past from './past.js'

export const SPANS = [10, 30, 60, 120, 300, 600]  // seconds
const UNKNOWN = { tasks: [], waiting: 0 }  // what waited in the past, nobody has told us
const view = { span: 60, end: null, queue: null }  // end: where it stands still; both are null while it moves on

export const span = () => view.span
export const stands = () => view.end !== null
export const end = () => view.end ?? past.now() + view.span * 0.02
export const start = () => end() - view.span

export const queue = () => view.queue ?? { tasks: past.present.queue, waiting: past.present.numbers.waiting }

export const zoom = seconds => { view.span = seconds }
export function pause(on) {
  Object.assign(view, on && past.known() ? { end: end(), queue: queue() } : { end: null, queue: null })
}

// Moves by half of what is shown: back as far as anything is known, and at the present it moves on by itself.
export function move(direction) {
  if (!past.known()) return
  const from = end()
  const to = Math.max(Math.min(from, past.begin() + view.span / 2), from + direction * view.span / 2)
  if (to === from) return
  Object.assign(view, to > past.now() ? { end: null, queue: null } : { end: to, queue: UNKNOWN })
}
