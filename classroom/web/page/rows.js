// The rows of the chart: the queue's, then one for each slot of each worker, by machine; and the names beside them.

import { present } from './past.js'
import { isTeacher } from './server.js'
import { say } from './words.js'

export const QUEUE = 5  // rows of the queue
const LATE = 3  // seconds without a heartbeat

// All rows, from the top: { key, kind, text or worker }. `used` has for each worker the slots that are drawn.
export function list(used) {
  const rows = Array.from({ length: QUEUE }, (_, number) => ({ key: `queue/${number}`, kind: 'queue', number }))
  const known = new Set(present.workers.map(worker => worker.name))
  const gone = [...used.keys()].filter(name => !known.has(name))
    .map(name => ({ name, host: name.slice(name.indexOf('@') + 1), gone: true }))
  const workers = [...present.workers.filter(worker => !worker.lost || used.has(worker.name)), ...gone]
  workers.sort((one, other) => one.host.localeCompare(other.host) || one.name.localeCompare(other.name, 'en', { numeric: true }))
  let host = null
  for (const worker of workers) {
    if (worker.host !== host) rows.push({ key: `host/${host = worker.host}`, kind: 'host', text: host })
    const slots = Math.max(worker.concurrency ?? 1, ...[...used.get(worker.name) ?? []].map(slot => slot + 1))
    for (let slot = 0; slot < slots; slot++)
      rows.push({ key: `${worker.name}/${slot}`, kind: 'worker', worker, slot, slots })
  }
  return rows
}

// What there is to say of a worker beside its name, and its class.
function condition(worker) {
  if (worker.gone) return ['gone', say('gone')]
  if (worker.lost) return ['lost', say('lost', Math.round(worker.last_seen_s))]
  if (worker.last_seen_s > LATE) return ['late', say('late', Math.round(worker.last_seen_s))]
  const says = []
  if (worker.paused) says.push(say('paused'))
  if (worker.old_code) says.push(say('old'))
  if (Math.abs(worker.clock_ahead_s) > 2) says.push(say('clock', Math.round(worker.clock_ahead_s)))
  return [worker.old_code ? 'old' : '', says.join(', ')]
}

// Writes the name of a row into its element.
export function write(element, row, hidden) {
  element.className = row.kind
  if (row.kind === 'host') return fill(element, row.text)
  if (row.kind === 'queue') {
    element.className = row.number ? 'more' : 'host'
    return fill(element, row.number === 0 ? say('queue') : row.number === 1 && hidden ? say('more', hidden) : '')
  }
  const { worker, slot, slots } = row
  if (slot) return fill(element, `· ${slot + 1}`)
  const [kind, says] = condition(worker)
  element.className = `worker ${kind}`
  const dot = span('dot', '')
  dot.title = `${worker.last_seen_s} s`
  fill(element, dot, span('name', worker.name.split('@')[0]), slots > 1 ? span('says', '· 1') : '', span('says', says))
  if (isTeacher() && !worker.gone && !worker.lost) {
    element.append(order(worker, worker.paused ? 'run' : 'pause'), order(worker, 'stop'))
  }
}

function order(worker, what) {
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = say(`${what}Worker`)
  button.ariaLabel = `${worker.name}: ${button.textContent}`
  Object.assign(button.dataset, { worker: worker.name, order: what })
  return button
}

function span(kind, text) {
  const element = document.createElement('span')
  element.className = kind
  element.textContent = text
  return element
}

// Puts the parts in, unless the same are there already: a button that is pressed must not vanish under the finger.
function fill(element, ...parts) {
  const made = document.createElement('div')
  made.append(...parts)
  if (element.innerHTML !== made.innerHTML) element.replaceChildren(...made.childNodes)
}
