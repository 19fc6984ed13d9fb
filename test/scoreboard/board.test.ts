import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createBoard} from '../../src/scoreboard/board.ts'
import {
  ERRORS,
  FIELDS,
  IN_FLIGHT,
  laneOf,
  loadOf,
  loadsOf,
  REQUESTS,
  recordOf,
  SLOTS,
  segmentOf,
} from '../../src/scoreboard/segment.ts'

const NONE = {requests: 0, errors: 0, inFlight: 0, bytesIn: 0, bytesOut: 0, copiesDropped: 0}

test('a key keeps its slot and its numbers while others come and go', () => {
  const board = createBoard(2)
  const slot = board.slotOf('a')
  count(board, slot, 0, REQUESTS, 3)
  count(board, slot, 1, REQUESTS, 4)
  board.slotOf('b')
  board.retain(['a'], 0)
  board.retain(['a'], 3_600_000)
  assert.is(board.slotOf('a'), slot)
  assert.equal(board.read('a'), {...NONE, requests: 7})
})

test('a key that is back within ten minutes finds its numbers, one that is back later begins at zero', () => {
  const board = createBoard(1)
  count(board, board.slotOf('a'), 0, ERRORS, 1)
  board.retain([], 0)
  board.retain([], 60_000)
  assert.is(board.read('a').errors, 1)
  board.retain([], 601_000)
  board.slotOf('a')
  assert.is(board.read('a').errors, 0)
})

test('a slot with requests under way is not given away', () => {
  const board = createBoard(1)
  const slot = board.slotOf('a')
  count(board, slot, 0, IN_FLIGHT, 1)
  board.retain([], 0)
  board.retain([], 3_600_000)
  assert.is.not(board.slotOf('b'), slot)
})

test('slots that were given up are used again before a segment is added', () => {
  const board = createBoard(1)
  for (let i = 0; i < SLOTS; i++) board.slotOf(`k${i}`)
  assert.is(board.segments().length, 1)
  board.retain([], 0)
  board.retain([], 601_000)
  for (let i = 0; i < SLOTS; i++) board.slotOf(`n${i}`)
  assert.is(board.segments().length, 1)
  board.slotOf('one more')
  assert.is(board.segments().length, 2)
})

test('what a dead worker had under way is forgotten, what it counted is not', () => {
  const board = createBoard(2)
  const slot = board.slotOf('a')
  count(board, slot, 0, IN_FLIGHT, 5)
  count(board, slot, 1, IN_FLIGHT, 2)
  count(board, slot, 0, REQUESTS, 9)
  board.forgetInFlight(0)
  assert.equal(board.read('a'), {...NONE, requests: 9, inFlight: 2})
})

test('of the requests under way in all workers together, those of a dead one are taken away', () => {
  const board = createBoard(2, 'loads')
  const slot = board.slotOf('a')
  count(board, slot, 0, IN_FLIGHT, 5)
  count(board, slot, 1, IN_FLIGHT, 2)
  const loads = loadsOf(board.segments()[0] ?? new SharedArrayBuffer(0))
  loads[loadOf(slot)] = 7
  board.forgetInFlight(0)
  assert.is(loads[loadOf(slot)], 2)
})

test('a slot for a state of any kind is given up whatever it holds', () => {
  const board = createBoard(1, 'states')
  const slot = board.slotOf('a')
  count(board, slot, 0, IN_FLIGHT, 5)
  board.retain([], 0)
  board.retain([], 601_000)
  assert.is(board.slotOf('b'), slot)
})

test.run()

// ---

function count(board: ReturnType<typeof createBoard>, slot: number, lane: number, field: number, amount: number): void {
  const segment = board.segments()[segmentOf(slot)]
  if (!segment) throw new Error('no segment')
  assert.is(FIELDS, 8)
  laneOf(segment, lane)[recordOf(slot) + field] = amount
}
