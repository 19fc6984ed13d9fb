// What is counted of a route's answers: exact pairs while there is room, and then the rest together.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {
  answersLane,
  answersRecord,
  clearAnswers,
  countAnswer,
  createAnswersSegment,
  DURATION_BOUNDS_MS,
  METHODS,
  readAnswers,
} from '../../src/scoreboard/answers.ts'

const LANES = 2

test('the lanes of all workers are one sum', () => {
  const {lanes, at} = recordOf(7)
  countAnswer(lanes[0] ?? new Float64Array(), at, 'GET', 200, 0.4)
  countAnswer(lanes[1] ?? new Float64Array(), at, 'GET', 200, 7)
  countAnswer(lanes[1] ?? new Float64Array(), at, 'BREW', 418, 60_000)
  const {counts, buckets, sumMs} = readAnswers(lanes, at)
  assert.equal(counts, [
    {method: 'GET', status: 200, count: 2},
    {method: 'other', status: 418, count: 1},
  ])
  assert.equal([buckets[0], buckets[4], buckets.at(-1)], [1, 1, 1])
  assert.is(sumMs, 60_007.4)
})

test('a duration that is a bound belongs to the bucket below it', () => {
  const {lanes, at} = recordOf(0)
  for (const bound of DURATION_BOUNDS_MS) countAnswer(lanes[0] ?? new Float64Array(), at, 'GET', 200, bound)
  assert.equal(readAnswers(lanes, at).buckets, [...DURATION_BOUNDS_MS.map(() => 1), 0])
})

test('more pairs than there is room for are counted together, none is lost and neighbours are not touched', () => {
  const {lanes, at} = recordOf(3)
  let asked = 0
  for (let status = 200; status < 260; status++) {
    for (const method of METHODS) {
      countAnswer(lanes[0] ?? new Float64Array(), at, method, status, 1)
      asked++
    }
  }
  const {counts} = readAnswers(lanes, at)
  assert.ok(counts.length <= 24, `${counts.length}`)
  assert.is(
    counts.reduce((sum, {count}) => sum + count, 0),
    asked,
  )
  assert.ok((counts.find(({status}) => status === 0)?.count ?? 0) > 0)
  for (const slot of [2, 4]) assert.equal(readAnswers(lanes, answersRecord(slot)).counts, [])
  clearAnswers(lanes, at)
  assert.equal(readAnswers(lanes, at), {counts: [], buckets: [...DURATION_BOUNDS_MS.map(() => 0), 0], sumMs: 0})
})

test.run()

// ---

function recordOf(slot: number): {lanes: Float64Array[]; at: number} {
  const segment = createAnswersSegment(LANES)
  return {lanes: Array.from({length: LANES}, (_, lane) => answersLane(segment, lane)), at: answersRecord(slot)}
}
