// Small parts of the page: texts, and elements of SVG.

import { say } from './words.js'

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
  const word = { queued: 'queued', running: 'running', lost: 'torn', returned: 'returned', retry: 'retry' }[state]
  return word ? say(word) : state
}

// What there is to say of an attempt, or of a task in the queue; times are the broker's.
export function text(one, now) {
  const lines = [`${one.name}${one.args}`]
  if (one.label) lines.push(one.label)
  if (one.worker) lines.push(say('on', one.worker))
  if (one.queued_at) lines.push(say('waitedFor', ((one.started_at ?? now) - one.queued_at).toFixed(1)))
  if (one.ended_at) lines.push(say('ran', (one.ended_at - one.started_at).toFixed(1)))
  else if (one.started_at) lines.push(say('runs', (now - one.started_at).toFixed(1)))
  if (one.attempt > 1) lines.push(say('attempt', one.attempt))
  return [...lines, stateInWords(one.state)].join('\n')
}
