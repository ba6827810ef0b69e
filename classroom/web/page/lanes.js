// The chart: a bar for each attempt, in the row of the worker's slot that ran it.

import * as rows from './rows.js'
import * as view from './view.js'
import { attempts, key, missed, now } from './past.js'
import { put as write, svg, text } from './shapes.js'

const MOST = 3000  // bars at once of tasks that have ended
const FAR = 500000  // pixels: browsers draw nothing that is very far out
const COLOURS = ['#0b62a8', '#a04000', '#1b7340', '#8e3b8e', '#7a5c00', '#00696b', '#5b4fb3', '#9a3161', '#4f6228', '#3d5a80']
const [chart, names, lanes, track, nowLine, axis] = ['chart', 'names', 'lanes', 'track', 'now', 'axis'].map(id => document.getElementById(id))
const bars = new Map()  // `${task_id}/${attempt}` -> its element
const labels = new Map()  // row -> the element of its name
let base = 0  // the time at the left edge of the track
let scale = 10  // pixels a second
let heights = new Map()  // row -> [top, height]

const x = time => (time - base) * scale
export const taskOf = element => element.closest('[data-task-id]')?.about

// Moves the picture on by one frame.
export function frame() {
  track.style.transform = `translateX(${-x(view.start())}px)`
  nowLine.style.transform = `translateX(${Math.max(0, x(now()) - x(view.start()))}px)`
}

// Draws what is in view, and takes away what is not. Returns how many bars there are, and attempts without one.
export function draw() {
  scale = lanes.clientWidth / view.span()
  if (Math.abs(x(view.start())) > FAR) base = view.start()
  frame()
  tellTimes()
  const [from, to] = [view.start(), view.end()]
  const inView = [...attempts.values()].filter(one => one.started_at < to && (one.ended_at ?? to) > from)
  const ended = inView.filter(one => one.ended_at)
  const shown = [...inView.filter(one => !one.ended_at), ...ended.slice(-MOST)]
  const used = new Map()
  for (const one of shown) used.set(one.worker, (used.get(one.worker) ?? new Set()).add(one.slot))
  layOut(rows.list(used))
  const drawn = new Set()
  for (const one of shown) {
    const name = key(one.task_id, one.attempt)
    put(name, one, one.outcome ?? 'running', one.started_at, one.ended_at, `${one.worker}/${one.slot}`)
    drawn.add(name)
    const next = one.outcome === 'lost' && attempts.get(key(one.task_id, one.attempt + 1))
    if (next) drawn.add(link(name, one, next))
  }
  for (const [row, one] of view.queue().tasks.slice(0, rows.QUEUE).entries()) {
    const name = key(one.task_id, 'queued')
    put(name, one, 'queued', one.queued_at, null, `queue/${row}`)
    drawn.add(name)
  }
  for (const [name, bar] of bars) if (!drawn.has(name)) takeAway(name, bar)
  return { drawn: drawn.size, leftOut: Math.max(0, ended.length - MOST) + (missed.before > from ? missed.count : 0) }
}

// Takes a bar away; the focus goes to the next bar of its task, or to the chart.
function takeAway(name, bar) {
  const focused = document.activeElement === bar
  bar.remove()
  bars.delete(name)
  if (focused) ([...bars.values()].find(one => one.dataset.taskId === bar.dataset.taskId) ?? chart).focus()
}

// Writes the time of day below the chart, by the broker's clock.
function tellTimes() {
  const marks = [...axis.children]
  marks.forEach((mark, number) => {
    const time = new Date((view.start() + view.span() * number / marks.length) * 1000)
    mark.textContent = time.toLocaleTimeString()
  })
}

// Gives each row its place, and each name.
function layOut(list) {
  const room = Math.max(300, innerHeight - chart.getBoundingClientRect().top - scrollY - 60)
  const height = Math.min(46, Math.max(18, Math.floor(room / list.length)))
  heights = new Map(list.map((row, number) => [row.key, [number * height, height]]))
  for (const row of list) {
    if (!labels.has(row.key)) labels.set(row.key, names.appendChild(rows.make(row)))
    const label = labels.get(row.key)
    place(label, row.key)
    rows.write(label, row)
  }
  for (const [name, label] of labels) {
    if (heights.has(name)) continue
    label.remove()
    labels.delete(name)
  }
  names.style.height = lanes.style.height = `${list.length * height}px`
  chart.style.setProperty('--row', `${height}px`)
}

function place(element, row, inset = 0) {
  const [top, height] = heights.get(row)
  const style = [`${top + inset}px`, `${height - 2 * inset}px`]
  if (element.style.top !== style[0]) element.style.top = style[0]
  if (element.style.height !== style[1]) element.style.height = style[1]
}

// One bar, where it belongs now.
function put(name, one, state, start, end, row) {
  let bar = bars.get(name)
  if (!bar) {
    bar = track.appendChild(document.createElement('button'))
    bar.className = 'bar'
    bar.type = 'button'
    bar.tabIndex = -1
    Object.assign(bar.dataset, { taskId: one.task_id, attempt: one.attempt })
    bars.set(name, bar)
  }
  const indent = indentOf(start, end ?? now())
  const looks = [base, scale, ...heights.get(row), end, state, one.label || one.name, indent].join()
  if (end && bar.looks === looks) return  // nothing has changed
  bar.looks = looks
  bar.style.setProperty('--colour', colour(one.label || one.name))
  bar.about = { ...one, state }
  if (bar.dataset.state !== state) {
    bar.dataset.state = state
    bar.ariaLabel = text(bar.about, now())
  }
  bar.dataset.row = row
  place(bar, row, 2)
  const width = Math.max(3, ((end ?? now() + view.span()) - start) * scale)
  bar.style.left = `${x(start)}px`
  bar.style.width = `${width}px`
  bar.style.textIndent = `${indent}px`
  const words = width > 30 ? one.label || one.name : ''
  write(bar, words)
}

// How far from its bar's beginning its words stand: where that is no longer in view, they follow in steps.
function indentOf(start, end) {
  const outOfView = x(view.start()) - x(start)
  const step = scale * view.span() / 4  // pixels; to ask the page for its width here would lay it out for each bar
  const indent = Math.ceil(outOfView / step + .25) * step  // the next step is taken before the words are out of view
  return outOfView > 0 && x(end) - x(start) > indent ? indent : 0
}

// The line from an attempt that was lost to the next one.
function link(name, one, next) {
  const [from, to] = [one, next].map(({ worker, slot }) => heights.get(`${worker}/${slot}`))
  if (!from || !to) return ''
  const id = `${name}/link`
  if (!bars.has(id)) {
    bars.set(id, track.appendChild(svg('svg', { class: 'link', 'aria-hidden': true })))
    bars.get(id).append(svg('path'))
  }
  const line = bars.get(id)
  Object.assign(line.dataset, { from: name, to: key(next.task_id, next.attempt) })
  line.style.left = `${x(one.ended_at)}px`
  line.firstChild.setAttribute('d',
    `M0 ${from[0] + from[1] / 2} H6 V${to[0] + to[1] / 2} H${Math.max(6, (next.started_at - one.ended_at) * scale)}`)
  return id
}

// The same name has the same colour on every screen.
function colour(name) {
  let sum = 0
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 65521
  return COLOURS[sum % COLOURS.length]
}

// The bar to which an arrow key leads from this one: the nearest in its row, or in the next row that has any.
export function neighbour(bar, arrow) {
  const all = [...track.querySelectorAll('.bar')].map(one => ({ one, left: one.offsetLeft, top: one.offsetTop }))
  if (!bar) return all.sort((one, other) => other.left - one.left)[0]?.one
  const { offsetLeft: left, offsetTop: top } = bar
  const ahead = { ArrowLeft: one => one.top === top && one.left < left, ArrowRight: one => one.top === top && one.left > left,
    ArrowUp: one => one.top < top, ArrowDown: one => one.top > top }[arrow]
  const far = one => Math.abs(one.top - top) * 1e6 + Math.abs(one.left - left)
  return all.filter(ahead).sort((one, other) => far(one) - far(other))[0]?.one
}
