// How far the class is in its exercises, from what students shared; who it is shows only when asked for.

import { ask, isTeacher, post } from './server.js'
import { put } from './shapes.js'
import { say } from './words.js'

const AGAIN = 3000  // ms between two questions while it is open
const STOPS = 3  // checks that are named for an exercise
const [dialog, says, table, line, namesButton] =
  ['class', 'class-says', 'class-table', 'class-line', 'class-names'].map(id => document.getElementById(id))
let timer = 0
let named = false  // whether names are shown
let known = null  // the latest answer
let drawn = ''  // what is drawn, as text

export function setUp() {
  document.getElementById('show-class').onclick = show
  document.getElementById('class-close').onclick = () => dialog.close()
  document.getElementById('class-clear').onclick = clear
  namesButton.onclick = toggleNames
}

// Opens it, without names, or closes it.
export function show() {
  if (!isTeacher() || dialog.open) return dialog.close()
  named = false
  known = null
  draw()
  dialog.showModal()
  look()
}

export function toggleNames() {
  if (!dialog.open) return
  named = !named
  draw()
}

async function look() {
  clearTimeout(timer)
  if (!dialog.open) return
  if (!document.hidden) await tell(ask('/teacher/checks').then(answer => { known = answer; draw() }))
  clearTimeout(timer)  // another look may have begun meanwhile
  timer = setTimeout(look, AGAIN)
}

async function clear() {
  await tell(post('/teacher/checks/clear'))
  look()
}

// Waits for the answer; what was in the way is said.
async function tell(answer) {
  try {
    await answer
  } catch (error) {
    put(says, error.message)
  }
}

// Draws it again where something has changed: minutes count as that, seconds do not.
function draw() {
  namesButton.ariaPressed = named
  table.hidden = !known?.students
  put(says, !known ? '' : known.students ? say('students', known.students) : say('nobody'))
  put(line, known ? `LAB_URL=${known.url} ./lab check 01 --share` : '')
  const rows = (known?.exercises ?? []).flatMap(exercise => [row(exercise), ...named ? [names(exercise)] : []])
  const text = rows.map(one => one.outerHTML).join()
  if (text !== drawn) table.tBodies[0].replaceChildren(...rows)
  drawn = text
}

// An element with a text, or with elements, in it; a text is never read as HTML.
function make(tag, inside, attributes = {}) {
  const element = document.createElement(tag)
  element.append(...[inside].flat())
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  return element
}

// One exercise: how many passed, how many are on it, as numbers and as a bar, and what stops most.
function row({ exercise, passed, here, stops }) {
  const bar = make('div', [], { class: 'share', 'aria-hidden': true })
  for (const [kind, count] of [['passed', passed], ['here', here]]) {
    const part = bar.appendChild(make('div', [], { class: kind }))
    part.style.width = `${100 * count / known.students}%`
  }
  const stopped = stops.slice(0, STOPS).map(one => `${one.check} (${one.students})`).join(', ')
  const name = make('th', [exercise, bar], { scope: 'row' })
  return make('tr', [name, make('td', `${passed}`), make('td', `${here}`), make('td', stopped)])
}

// Who it is: those on the exercise by the check that stops them, then those who passed, then those who went on.
function names({ results }) {
  const groups = new Map()
  for (const one of [...results].sort((one, other) => place(one) - place(other))) {
    const group = one.here ? one.stopped_by ?? say('undecided') : one.verdict === 'passed' ? say('passed') : say('wentOn')
    groups.set(group, [...groups.get(group) ?? [], one])
  }
  const lines = [...groups].map(([group, ones]) => make('li', [make('b', group), ': ', ...ones.flatMap(student)]))
  return make('tr', make('td', make('ul', lines), { colspan: 4 }), { class: 'students' })
}

const place = one => one.here ? 0 : one.verdict === 'passed' ? 1 : 2

// A name, and how far that student is; a name's direction of writing stays its own.
function student(one, at) {
  const minutes = Math.floor((known.now - one.since) / 60)
  const far = one.here ? ` (${one.passed}/${one.checks}, ${say('min', minutes)})` : ''
  return [at ? ' · ' : '', make('bdi', one.label), far]
}
