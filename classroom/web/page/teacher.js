// What the teacher's token unlocks.

import { ask, become, isTeacher, post } from './server.js'
import { say } from './words.js'

const [unlock, fields, unlocked, powers, dialog, line] =
  ['unlock', 'fields', 'unlocked', 'powers', 'join', 'line'].map(id => document.getElementById(id))

let tries = 0

export function setUp() {
  unlock.onsubmit = event => {
    event.preventDefault()
    open(unlock.token.value.trim())
  }
  const orders = { 'cancel-all': '/teacher/cancel', purge: '/teacher/purge' }
  for (const [id, path] of Object.entries(orders))
    document.getElementById(id).onclick = () => post(path).then(said => report(say('cancelled', said.cancelled)), trouble)
  document.getElementById('names').onclick = ({ target: { dataset: { worker, order }, textContent } }) => {
    if (!order) return
    post(`/teacher/workers/${encodeURIComponent(worker)}/${order}`)
      .then(() => report(order === 'stop' ? say('told', worker, textContent) : ''), trouble)
  }
  document.getElementById('show-join').onclick = showJoin
  dialog.onclick = () => getSelection().isCollapsed && dialog.close()  // the line may be selected with the mouse
  if (isTeacher()) open()
}

// Tries a token: it counts once the server has said that it is the one. Of several the last one does.
async function open(given) {
  const mine = ++tries
  const isLast = () => mine === tries
  try {
    await ask('/teacher/class', {}, given)
    if (!isLast()) return
    if (given) become(given)
    report(say('open'))
    unlock.token.value = ''
    document.getElementById('chart').focus({ preventScroll: true })
  } catch (error) {
    if (!isLast()) return
    if (error.status === 401) become('')
    report(error.status === 401 ? say('notToken') : error.message)
  }
  fields.hidden = isTeacher()
  powers.hidden = !isTeacher()
}

// Shows the line that joins, large, or hides it.
export async function showJoin() {
  if (!isTeacher() || dialog.open) return dialog.close()
  try {
    line.textContent = (await ask('/teacher/class')).join ?? say('noJoin')
    dialog.showModal()
  } catch (error) {
    trouble(error)
  }
}

const report = words => { unlocked.textContent = words }
const trouble = error => report(error.message)
