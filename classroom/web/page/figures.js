// The four figures above the lanes, each with a line of its last minutes.

import { svg } from './shapes.js'
import { number, say } from './words.js'

const POINTS = 300
const SHOWN = { waiting: 'waiting', workers: 'workers', per_minute: 'perMinute', waited_s: 'waited' }
const figures = {}

export function setUp() {
  for (const [name, word] of Object.entries(SHOWN)) {
    const figure = document.getElementById('figures').appendChild(document.createElement('div'))
    const [title, value] = ['dt', 'dd'].map(tag => figure.appendChild(document.createElement(tag)))
    title.textContent = say(word)
    const spark = svg('svg', { preserveAspectRatio: 'none', 'aria-hidden': true })
    const line = spark.appendChild(svg('polyline'))
    value.id = `figure-${name}`
    value.after(spark)
    figures[name] = { value, spark, line, past: [] }
  }
}

export function show(numbers) {
  for (const [name, { value, spark, line, past }] of Object.entries(figures)) {
    const known = numbers[name] ?? null  // nobody waited in the last minute
    value.textContent = known === null ? '—' : number(known, name === 'waited_s' ? 1 : 0)
    past.push(known ?? past.at(-1) ?? 0)
    if (past.length > POINTS) past.shift()
    const top = Math.max(1, ...past)
    spark.setAttribute('viewBox', `0 -1 ${Math.max(1, past.length - 1)} ${20 + 2}`)
    line.setAttribute('points', past.map((one, at) => `${at},${20 - 20 * one / top}`).join(' '))
  }
}
