// The task that was clicked: its status, the curl that repeats the question, and the one that repeats the task.

import { mine } from './send.js'
import { ask, isTeacher, post } from './server.js'
import { put, text, title } from './shapes.js'
import { say } from './words.js'

const [box, heading, state, sentence, curls, cancel, close] =
  ['detail', 'task', 'state', 'sentence', 'curls', 'cancel', 'close'].map(id => document.getElementById(id))
const ENDED = ['SUCCESS', 'FAILURE', 'REVOKED']
let shown = null

export function setUp() {
  close.onclick = () => show(null)
  cancel.onclick = () => tell(shown, post(`/cancel/${encodeURIComponent(shown.task_id)}`))
}

export function show(task) {
  shown = task && { ...task }  // a copy, so that answers to earlier questions are not shown
  box.hidden = !task
  if (!task) return
  heading.textContent = (task.ended_at ? text(task).split('\n') : title(task)).join(' · ')  // what will not change
  state.textContent = sentence.textContent = ''
  curls.textContent = `curl ${quoted(`${location.origin}/status/${encodeURIComponent(task.task_id)}`)}\n${repeat(task)}`
  cancel.hidden = true
  look(shown)
}

// Asks for the status until the task has ended, or another one is shown.
async function look(task) {
  if (shown !== task) return
  const goOn = document.hidden || await tell(task, ask(`/status/${encodeURIComponent(task.task_id)}`))
  if (goOn) setTimeout(look, 1000, task)
}

// Shows an answer about a task, if it is still the one that is shown; returns whether there is more to come.
async function tell(task, question) {
  try {
    const status = await question
    if (shown !== task) return false
    const result = status.result === null ? '' : `\n${say('result', JSON.stringify(status.result).slice(0, 500))}`
    put(state, status.state)
    put(sentence, `${status.status}${result}`)
    cancel.hidden = ENDED.includes(status.state) || !(isTeacher() || mine(status.task_id))
    return !ENDED.includes(status.state)
  } catch (error) {
    if (shown === task) sentence.textContent = error.message
    return error.status !== 404
  }
}

// The line that sends the same once more, where we know which endpoint takes it.
function repeat(task) {
  const numbers = task.name === 'longtask' && task.args.match(/^\((-?\d+), ([\d.e+-]+)\)$/)
  if (!numbers) return ''
  const body = JSON.stringify({ x: +numbers[1], seconds: +numbers[2], ...(task.label && { label: task.label }) })
  return `${say('again')}\ncurl -X POST ${location.origin}/longtask -H 'Content-Type: application/json' -d ${quoted(body)}`
}

// A word of a shell's line: whoever chose a task's id or label chose no command.
function quoted(word) {
  return /^[\w:/.%-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
