// Small parts of the page: texts, and elements of SVG.

import { number, say } from './words.js'

export function svg(tag, attributes = {}) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  return element
}

// Writes a text where it has changed: what is the same is not read aloud again.
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text
}

// Celery's words stay as they are.
function stateInWords(state) {
  return ['returned', 'retry'].includes(state) ? say(state) : state
}

// What stays as it is of an attempt, or of a task in the queue.
export function title(one) {
  const parts = [`${one.name}${one.args}`, one.label, one.worker && say('on', one.worker), one.attempt > 1 && say('attempt', one.attempt)]
  return parts.filter(part => part)
}

// All there is to say of it now; times are the broker's.
export function text(one, now) {
  const waited = one.queued_at && number((one.started_at ?? now) - one.queued_at, 1)
  const ran = one.started_at && number((one.ended_at ?? now) - one.started_at, 1)
  const ended = one.state === 'lost' ? say('missed', ran) : `${say('ran', ran)}\n${stateInWords(one.state)}`
  const does = one.ended_at ? ended : ran ? say('runs', ran) : say('queued')
  return [...title(one), ...waited ? [say('waitedFor', waited)] : [], does].join('\n')
}
