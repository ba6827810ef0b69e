// Asks the server for what is new, again and again, and draws it.

import * as classroom from './class.js'
import * as detail from './detail.js'
import * as figures from './figures.js'
import * as lanes from './lanes.js'
import * as past from './past.js'
import * as send from './send.js'
import * as teacher from './teacher.js'
import * as view from './view.js'
import { ask } from './server.js'
import { put, text } from './shapes.js'
import { say, translate } from './words.js'

const $ = id => document.getElementById(id)
const CURL = `curl -X POST ${location.origin}/longtask -H 'Content-Type: application/json' -d '{"x": 10}'`
let timer = 0
let silentSince = null
let notes = []
let nextFrame = 0
let pointed = null  // the bar that the pointer or the focus is on

async function look() {
  clearTimeout(timer)
  let answer = null
  const asked = new Date().toLocaleTimeString()
  try {
    answer = await ask(past.question())
    silentSince = null
  } catch (error) {
    silentSince ??= asked
    put($('alert'), error.status ? say('nothingNew', silentSince, error.message) : say('noAnswer', silentSince))
  }
  $('alert').hidden = silentSince === null
  clearTimeout(timer)  // another look may have begun meanwhile
  if (!document.hidden) timer = setTimeout(look, (answer?.again_in ?? 1) * 1000)
  if (answer) {
    past.learn(answer)
    figures.show(answer.numbers)
    notes = Object.entries(answer.broken).map(one => say('broken', ...one))
    if (answer.refused) notes.push(say('refused', answer.refused))
  }
  redraw()
}

// Says why nothing is to be seen, or what is left out.
function explain({ drawn, leftOut }) {
  const { workers, waiting } = past.present.numbers
  const nothingYet = past.attempts.size === 0 && waiting === 0
  $('empty').hidden = workers > 0 && (drawn > 0 || !nothingYet && !view.stands())
  put($('why'), say(workers === 0 ? 'noWorker' : nothingYet ? 'nothing' : 'noneInView'))
  put($('cure'), workers === 0 ? './lab worker' : nothingYet ? CURL : '')
  const words = [...notes, ...leftOut ? [say('leftOut', leftOut)] : []].join(' ')
  put($('note'), words)
  $('note').hidden = words === ''
}

function frame() {
  if (past.known()) lanes.frame()
  nextFrame = requestAnimationFrame(frame)
}

function redraw() {
  put($('pause'), say(view.stands() ? 'goOn' : 'pause'))
  const span = view.span()
  put($('span'), say('span', span < 60 ? say('s', span) : say('min', span / 60)))
  $('zoom').setAttribute('aria-valuetext', $('span').textContent)
  if (!past.known()) return
  explain(lanes.draw())
  explainPointed()
}

function zoom(step) {
  const last = view.SPANS.length - 1
  $('zoom').value = Math.min(last, Math.max(0, step))
  view.zoom(view.SPANS[$('zoom').value])
  redraw()
}

const togglePause = () => view.pause(!view.stands())
const actions = {
  ' ': togglePause, '[': () => view.move(-1), ']': () => view.move(1),
  '+': () => zoom(+$('zoom').value - 1), '-': () => zoom(+$('zoom').value + 1), j: () => teacher.showJoin(),
  e: () => classroom.show(), n: () => classroom.toggleNames(),
}

function onKey(event) {
  const keys = event.target.closest('dialog')?.dataset.keys  // a dialog has keys of its own
  const writes = event.target.closest('input:not([type=range])') || (keys && !keys.includes(event.key.toLowerCase()))
  const orders = event.ctrlKey || event.metaKey || event.altKey  // to the browser; with AltGr some keyboards write [
  if (writes || orders && !event.getModifierState('AltGraph')) return
  if (event.key.startsWith('Arrow') && event.target.closest('#chart')) {
    lanes.neighbour(event.target.closest('.bar'), event.key)?.focus()
  } else if (event.key === 'Escape') {
    detail.show(null)
  } else if (actions[event.key.toLowerCase()] && !(event.key === ' ' && event.target.closest('button, summary'))) {
    actions[event.key.toLowerCase()]()
    redraw()
  } else {
    return
  }
  event.preventDefault()
}

// Shows in words what the pointer or the focus is on.
function point(event) {
  pointed = event.target.closest('.bar')
  if (pointed) pointed.ariaLabel = text(lanes.taskOf(pointed), past.now())
  explainPointed()
}

function explainPointed() {
  const tip = $('tip')
  tip.hidden = !pointed?.isConnected
  if (tip.hidden) return
  const box = pointed.getBoundingClientRect()
  put(tip, text(lanes.taskOf(pointed), past.now()))
  const below = box.bottom + 4 + tip.offsetHeight < innerHeight
  tip.style.left = `${Math.max(0, Math.min(box.left, innerWidth - tip.offsetWidth))}px`
  tip.style.top = `${below ? box.bottom + 4 : Math.max(0, box.top - 4 - tip.offsetHeight)}px`
}

// A click opens the task; after a click on anything the keys are the chart's again.
function click(event) {
  const task = lanes.taskOf(event.target)
  pointed = null
  if (task) detail.show(task)
  if (event.detail > 0 && event.target.closest('button, summary')) $('chart').focus({ preventScroll: true })
  redraw()
}

// Goes on when the page is seen, and rests while it is not.
function wake() {
  cancelAnimationFrame(nextFrame)
  clearTimeout(timer)
  if (document.hidden) return
  look()
  frame()
}

translate()
figures.setUp()
send.setUp()
detail.setUp()
teacher.setUp()
classroom.setUp()
$('pause').onclick = () => { togglePause(); redraw() }
$('earlier').onclick = () => { view.move(-1); redraw() }
$('later').onclick = () => { view.move(1); redraw() }
$('zoom').oninput = () => zoom(+$('zoom').value)
$('lanes').addEventListener('pointerover', point)
$('lanes').addEventListener('focusin', point)
for (const left of ['pointerleave', 'focusout']) $('lanes').addEventListener(left, () => { pointed = null; explainPointed() })
addEventListener('click', click)
addEventListener('keydown', onKey)
document.addEventListener('visibilitychange', wake)
new ResizeObserver(() => requestAnimationFrame(redraw)).observe($('lanes'))
addEventListener('resize', redraw)
$('no-script').remove()
redraw()
wake()
