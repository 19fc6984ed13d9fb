import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {countOutcome, enterCircuit, opensFor, settleProbe} from '../../src/scoreboard/circuit.ts'
import {
  CIRCUIT,
  CLOSED,
  forgetInPools,
  HALF_OPEN,
  OPEN,
  OWN_QUEUED,
  poolRecord,
  QUEUED,
} from '../../src/scoreboard/pool.ts'
import {createSegment} from '../../src/scoreboard/segment.ts'

const RULE = {errorRate: 0.5, minRequests: 4, window: 100, open: 150}
const LANES = 2

// The record of a pool that two workers share.
function circuitOf() {
  const states = new Int32Array(createSegment(LANES))
  const own = (lane: number) => poolRecord(0, lane)
  return {
    states,
    state: () => states[CIRCUIT],
    end: (isFailure: boolean, now: number) => countOutcome(states, 0, RULE, isFailure, now),
    enter: (lane: number, now: number) => enterCircuit(states, 0, own(lane), RULE, now),
    settle: (lane: number, isFailure: boolean | null, now: number) => settleProbe(states, 0, own(lane), isFailure, now),
  }
}

function opened() {
  const circuit = circuitOf()
  for (const isFailure of [true, false, true, false]) circuit.end(isFailure, 1000)
  assert.is(circuit.state(), OPEN)
  return circuit
}

test('it opens when of enough requests the share has failed, not before', () => {
  const circuit = circuitOf()
  for (let i = 0; i < 3; i++) circuit.end(true, 1000)
  assert.is(circuit.state(), CLOSED)
  circuit.end(false, 1000)
  assert.is(circuit.state(), OPEN)
})

test('failures of an earlier window do not count', () => {
  const circuit = circuitOf()
  for (let i = 0; i < 3; i++) circuit.end(true, 1000)
  for (let i = 0; i < 4; i++) circuit.end(false, 1100)
  circuit.end(true, 1101)
  assert.is(circuit.state(), CLOSED)
})

test('while it is open nobody passes; then one probes, of all workers', () => {
  const circuit = opened()
  assert.is(circuit.enter(0, 1149), 'stays')
  assert.is(opensFor(circuit.states, 0, RULE, 1149), 1)
  assert.is(opensFor(circuit.states, 0, RULE, 999), 150, 'a worker whose tick is a little behind')
  assert.equal([circuit.enter(0, 1150), circuit.enter(1, 1150), circuit.enter(0, 9000)], ['probes', 'stays', 'stays'])
})

test('a probe that is well closes it with a clean record, one that fails opens it for as long again', () => {
  const circuit = opened()
  circuit.enter(0, 1150)
  circuit.settle(0, true, 1160)
  assert.is(circuit.enter(0, 1309), 'stays')
  assert.is(circuit.enter(0, 1310), 'probes')
  circuit.settle(0, false, 1311)
  assert.is(circuit.enter(1, 1311), 'passes')
  for (let i = 0; i < 3; i++) circuit.end(true, 1312)
  assert.is(circuit.state(), CLOSED)
})

test('a probe that came to no end lets the next request probe', () => {
  const circuit = opened()
  circuit.enter(0, 1150)
  circuit.settle(0, null, 1160)
  assert.is(circuit.enter(1, 1160), 'probes')
})

test('what a dead worker had is forgotten: its probe, and who waited in it', () => {
  const circuit = opened()
  circuit.enter(1, 1150)
  const {states} = circuit
  states[QUEUED] = 5
  states[poolRecord(0, 1) + OWN_QUEUED] = 3
  forgetInPools(states, 0)
  assert.is(circuit.state(), HALF_OPEN)
  forgetInPools(states, 1)
  assert.is(states[QUEUED], 2)
  assert.is(circuit.enter(0, 1150), 'probes')
})

test.run()
