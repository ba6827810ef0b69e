// Which stretch of time is shown: the latest seconds, or some of the past.

import * as past from './past.js'

export const SPANS = [10, 30, 60, 120, 300, 600]  // seconds
const view = { span: 60, end: null }  // end: where it stands still, null while it moves on

export const span = () => view.span
export const stands = () => view.end !== null
export const end = () => view.end ?? past.now() + view.span * 0.02
export const start = () => end() - view.span

export const zoom = seconds => { view.span = seconds }
export const pause = on => { view.end = on && past.known() ? end() : null }

// Moves by half of what is shown; back at the present it moves on by itself.
export function move(direction) {
  if (!past.known()) return
  view.end = end() + direction * view.span / 2
  if (view.end > past.now()) view.end = null
}
