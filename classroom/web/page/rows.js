// The rows of the chart: the queue's, then one for each slot of each worker, by machine; and the names beside them.

import { present } from './past.js'
import { isTeacher } from './server.js'
import { put } from './shapes.js'
import { queue } from './view.js'
import { say } from './words.js'

export const QUEUE = 5  // rows of the queue
const LATE = 3  // seconds without a heartbeat
const MOURNED = 120  // seconds that a worker that was lost is shown for

// All rows, from the top: { key, kind, text or worker }. `used` has for each worker the slots that are drawn.
export function list(used) {
  const rows = Array.from({ length: QUEUE }, (_, number) => ({ key: `queue/${number}`, kind: 'queue', number }))
  const known = new Set(present.workers.map(worker => worker.name))
  const gone = [...used.keys()].filter(name => !known.has(name))
    .map(name => ({ name, host: name.slice(name.indexOf('@') + 1), gone: true }))
  const recent = worker => !worker.lost || worker.last_seen_s < MOURNED || used.has(worker.name)
  const workers = [...present.workers.filter(recent), ...gone]
  workers.sort((one, other) => one.host.localeCompare(other.host, 'en', { numeric: true }) || one.name.localeCompare(other.name, 'en', { numeric: true }))
  const lanes = workers.flatMap(worker => lanesOf(worker, used.get(worker.name) ?? []))
  let host = null
  for (const lane of lanes) {
    const alone = lanes.filter(other => other.worker.host === lane.worker.host).length === 1  // it names its machine itself
    if (!alone && lane.worker.host !== host) rows.push({ key: `host/${lane.worker.host}`, kind: 'host', text: lane.worker.host })
    host = lane.worker.host
    rows.push({ ...lane, alone })
  }
  return rows
}

// A row for each slot that a worker has, or had.
function lanesOf(worker, used) {
  const slots = Math.max(worker.concurrency ?? 1, ...[...used].map(slot => slot + 1))
  return Array.from({ length: slots }, (_, slot) => ({ key: `${worker.name}/${slot}`, kind: 'worker', worker, slot, slots }))
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

// The element of a row's name; write() fills it.
export function make(row) {
  const element = document.createElement('div')
  if (row.kind !== 'worker') return element
  for (const part of ['dot', 'name', 'slot', 'says']) element.appendChild(document.createElement('span')).className = part
  if (row.slot === 0) {
    for (const what of ['pause', 'stop']) {
      const button = element.appendChild(document.createElement('button'))
      button.type = 'button'
      button.className = what
      button.dataset.worker = row.worker.name
    }
  }
  return element
}

// Writes what has changed: an element that is pressed or read stays the same.
export function write(element, row) {
  if (row.kind === 'worker') return writeWorker(element, row)
  element.className = row.kind === 'host' || row.number === 0 ? 'host' : 'more'
  const { tasks, waiting } = queue()
  const hidden = waiting - Math.min(QUEUE, tasks.length)  // that wait, and are not drawn
  const more = hidden ? say(tasks.length ? 'more' : 'forLater', hidden) : ''
  put(element, row.text ?? (row.number === 0 ? say('queue') : row.number === QUEUE - 1 ? more : ''))
}

function writeWorker(element, { worker, slot, slots, alone }) {
  const [kind, says] = condition(worker)
  element.className = `worker ${kind}${slot ? ' again' : ''}`
  const [dot, name, number, words, pause, stop] = element.children
  dot.title = worker.gone ? '' : `${worker.last_seen_s} s`
  put(name, slot ? '' : alone ? worker.name : worker.name.split('@')[0])
  name.title = name.textContent
  put(number, slots > 1 ? `· ${slot + 1}` : '')
  put(words, slot ? '' : says)
  words.title = words.textContent
  if (slot) return
  order(pause, worker, worker.paused ? 'run' : 'pause')
  order(stop, worker, 'stop')
}

function order(button, worker, what) {
  button.hidden = !isTeacher() || worker.gone || worker.lost || false
  button.dataset.order = what
  put(button, say(`${what}Worker`))
  button.ariaLabel = `${worker.name}: ${button.textContent}`
}
