// Asks the server for what is new, again and again, and draws it.

import * as detail from './detail.js'
import * as figures from './figures.js'
import * as lanes from './lanes.js'
import * as past from './past.js'
import * as send from './send.js'
import * as teacher from './teacher.js'
import * as view from './view.js'
import { ask } from './server.js'
import { text } from './shapes.js'
import { say, translate } from './words.js'

const $ = id => document.getElementById(id)
const CURL = `curl -X POST ${location.origin}/longtask -H 'Content-Type: application/json' -d '{"x": 10}'`
let timer = 0
let silentSince = null
let known = false  // whether any answer has come

async function look() {
  let pause = 1
  try {
    const answer = await ask(past.question())
    past.learn(answer)
    figures.show(answer.numbers)
    pause = answer.again_in
    known = true
    silentSince = null
    $('alert').hidden = true
    explain(answer)
  } catch (error) {
    silentSince ??= new Date().toLocaleTimeString()
    $('alert').textContent = say('noAnswer', silentSince, error.message)
    $('alert').hidden = false
  }
  clearTimeout(timer)
  if (!document.hidden) timer = setTimeout(look, pause * 1000)
}

// Says why nothing is to be seen, or what is left out.
function explain({ numbers, broken }) {
  const noWorker = numbers.workers === 0
  $('empty').hidden = !noWorker && (past.attempts.size > 0 || numbers.waiting > 0)
  $('why').textContent = say(noWorker ? 'noWorker' : 'nothing')
  $('cure').textContent = noWorker ? './lab worker' : CURL
  const leftOut = lanes.draw()
  const notes = Object.entries(broken).map(one => say('broken', ...one))
  if (leftOut) notes.push(say('leftOut', leftOut))
  $('note').textContent = notes.join(' ')
  $('note').hidden = notes.length === 0
}

function frame() {
  if (document.hidden) return
  if (known) lanes.frame()
  requestAnimationFrame(frame)
}

function redraw() {
  $('pause').textContent = say(view.stands() ? 'goOn' : 'pause')
  $('pause').ariaPressed = view.stands()
  const span = view.span()
  $('span').textContent = say('span', span < 60 ? say('s', span) : say('min', span / 60))
  $('zoom').setAttribute('aria-valuetext', $('span').textContent)
  if (known) lanes.draw()
}

function zoom(step) {
  const last = view.SPANS.length - 1
  $('zoom').value = Math.min(last, Math.max(0, step))
  view.zoom(view.SPANS[$('zoom').value])
  redraw()
}

const actions = {
  ' ': () => view.pause(!view.stands()), '[': () => view.move(-1), ']': () => view.move(1),
  '+': () => zoom(+$('zoom').value - 1), '-': () => zoom(+$('zoom').value + 1), j: () => teacher.showJoin(),
}

function onKey(event) {
  if (event.target.closest('input, dialog') || event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key.startsWith('Arrow') && event.target.closest('#chart')) {
    lanes.neighbour(event.target.closest('.bar'), event.key)?.focus({ preventScroll: true })
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
  const task = lanes.taskOf(event.target)
  $('tip').hidden = !task
  if (!task) return
  $('tip').textContent = text(task, past.now())
  const box = event.target.getBoundingClientRect()
  $('tip').style.left = `${Math.max(0, Math.min(box.left, innerWidth - 320))}px`
  $('tip').style.top = `${box.bottom + 4}px`
}

function wake() {
  if (document.hidden) return
  clearTimeout(timer)
  look()
  frame()
}

translate()
figures.setUp()
send.setUp()
detail.setUp()
teacher.setUp()
$('pause').onclick = () => { view.pause(!view.stands()); redraw() }
$('earlier').onclick = () => { view.move(-1); redraw() }
$('later').onclick = () => { view.move(1); redraw() }
$('zoom').oninput = () => zoom(+$('zoom').value)
$('lanes').addEventListener('pointerover', point)
$('lanes').addEventListener('focusin', point)
for (const left of ['pointerleave', 'focusout']) $('lanes').addEventListener(left, () => { $('tip').hidden = true })
$('lanes').onclick = event => { const task = lanes.taskOf(event.target); if (task) detail.show(task) }
addEventListener('keydown', onKey)
document.addEventListener('visibilitychange', wake)
addEventListener('resize', redraw)
redraw()
wake()
