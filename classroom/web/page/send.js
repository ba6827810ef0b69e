// The form that sends tasks; remembers which ones this browser has sent.

import { kept, post } from './server.js'
import { say } from './words.js'

const MOST = 1000  // ids that are remembered
const form = document.getElementById('send')
const sent = () => JSON.parse(kept('localStorage')?.getItem('sent') ?? '[]')  // read anew: other tabs send, too

export const mine = id => sent().includes(id)

// Sends one task; once more where no answer came, with the key that makes both one.
async function sendOne(job) {
  const once = { 'Idempotency-Key': [...crypto.getRandomValues(new Uint32Array(4))].join('-') }
  try {
    return await post('/longtask', job, once)
  } catch (error) {
    if (error.status) throw error
    return post('/longtask', job, once)
  }
}

export function setUp() {
  form.onsubmit = async event => {
    event.preventDefault()
    const job = { x: +form.x.value, seconds: +form.seconds.value, ...(form.label.value && { label: form.label.value }) }
    const said = await Promise.allSettled(Array.from({ length: +event.submitter.value }, () => sendOne(job)))
    const accepted = said.filter(one => one.value).map(one => one.value.task_id)
    const trouble = said.find(one => one.reason)?.reason.message ?? ''
    kept('localStorage')?.setItem('sent', JSON.stringify([...sent(), ...accepted].slice(-MOST)))
    document.getElementById('sent').textContent = [say('sent', accepted.length), ...trouble ? [trouble] : []].join(': ')
  }
}
