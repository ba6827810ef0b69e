// The task that was clicked: its status, the curl that repeats the question, and the one that repeats the task.

import { mine } from './send.js'
import { ask, isTeacher, post } from './server.js'
import { say } from './words.js'

const [box, title, sentence, curls, cancel, close] =
  ['detail', 'task', 'sentence', 'curls', 'cancel', 'close'].map(id => document.getElementById(id))
const ENDED = ['SUCCESS', 'FAILURE', 'REVOKED']
let shown = null

export function setUp() {
  close.onclick = () => show(null)
  cancel.onclick = () => post(`/cancel/${shown.task_id}`).then(write, trouble)
}

export function show(task) {
  shown = task
  box.hidden = !task
  if (!task) return
  title.textContent = `${task.name}${task.args}${task.label ? ` · ${task.label}` : ''}`
  sentence.textContent = curls.textContent = ''
  cancel.hidden = true
  look(task)
}

// Asks for the status until the task has ended, or another one is shown.
async function look(task) {
  try {
    const status = await ask(`/status/${encodeURIComponent(task.task_id)}`)
    if (shown !== task) return
    write(status)
    curls.textContent = `curl ${location.origin}/status/${task.task_id}\n${repeat(task)}`
    if (ENDED.includes(status.state)) return
  } catch (error) {
    if (shown === task) trouble(error)
  }
  if (shown === task) setTimeout(look, 1000, task)
}

function write(status) {
  const result = status.result === null ? '' : `\n${JSON.stringify(status.result).slice(0, 500)}`
  sentence.textContent = `${status.state}: ${status.status}${result}`
  cancel.hidden = ENDED.includes(status.state) || !(isTeacher() || mine(status.task_id))
}

function trouble(error) {
  sentence.textContent = error.message
}

// The line that sends the same once more, where we know which endpoint takes it.
function repeat(task) {
  const numbers = task.name === 'longtask' && task.args.match(/^\((-?\d+), ([\d.e+-]+)\)$/)
  if (!numbers) return ''
  const body = JSON.stringify({ x: +numbers[1], seconds: +numbers[2], ...(task.label && { label: task.label }) })
  const quoted = body.replaceAll("'", "'\\''")
  return `${say('again')}\ncurl -X POST ${location.origin}/longtask -H 'Content-Type: application/json' -d '${quoted}'`
}
