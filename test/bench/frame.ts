// What a frame of the terminal UI costs, from the state to the text that Ink would write.

import {setFlagsFromString} from 'node:v8'
import {reduce} from '../../src/tui/reduce.ts'
import type {State} from '../../src/tui/state.ts'
import {drawn, everything, NOON_MS, press, route} from '../helpers/tui.ts'

setFlagsFromString('--no-lazy-feedback-allocation')

/** Milliseconds of a frame of 120x40 with so many routes, the best of `rounds`; a row further down each time. */
export function frameCost(routes: number, rounds = 60): number {
  let state = stateWith(routes)
  let bestMs = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    state = press(state, 'j')
    const began = performance.now()
    drawn(state)
    bestMs = Math.min(bestMs, performance.now() - began)
  }
  return bestMs
}

/** Milliseconds in which a reading of so many routes becomes the next state, sorted by requests. */
export function readingCost(routes: number, rounds = 10): number {
  let state = press(stateWith(routes), '5')
  let bestMs = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const began = performance.now()
    state = reading(state, routes, round + 2)
    press(state, 'j')
    bestMs = Math.min(bestMs, performance.now() - began)
  }
  return bestMs
}

// ---

function stateWith(routes: number): State {
  return reading(reading(everything({columns: 120, rows: 40}), routes, 0), routes, 1)
}

function reading(state: State, routes: number, round: number): State {
  const rows = Array.from({length: routes}, (_, index) =>
    route(`h${index}.example.com/app`, 'orders', 'routes.d/a.yaml', index, round * (index % 977), round),
  )
  return reduce(state, {type: 'fetched', fetched: {source: 'routes', rows}, atMs: NOON_MS + round * 1000})
}

if (import.meta.main) {
  for (const routes of [10, 1_000, 10_000, 100_000]) {
    const [frame, read] = [frameCost(routes), readingCost(routes)]
    console.log(`${routes} routes: ${frame.toFixed(2)} ms a frame, ${read.toFixed(1)} ms a reading`)
  }
}
