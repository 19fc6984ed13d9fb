import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {
  countFailure,
  DOWN,
  DRAINED,
  EJECTED,
  eject,
  ejectedFor,
  GATE,
  gateChanges,
  MEMBER_FIELDS,
  readmit,
  setGate,
  WARM_SINCE,
} from '../../src/scoreboard/member.ts'
import {hasElapsed, toDeciseconds} from '../../src/scoreboard/time.ts'

const member = () => new Int32Array(new SharedArrayBuffer(MEMBER_FIELDS * 8))

test('failures count for a window; the next one begins at none', () => {
  const states = member()
  assert.equal(
    [1000, 1001, 1002].map(now => countFailure(states, 0, 3, 300, now)),
    [false, false, true],
  )
  assert.equal(
    [1301, 1302, 1303].map(now => countFailure(states, 0, 3, 300, now)),
    [false, false, true],
  )
})

test('an ejection lasts longer each time in a row, at most ten times as long, and begins anew after a quiet time', () => {
  const states = member()
  let now = 10_000
  const spans = Array.from({length: 12}, () => {
    eject(states, 0, 10, now)
    const span = ejectedFor(states, 0, now)
    now += span
    assert.ok(readmit(states, 0, now))
    return span
  })
  assert.equal(spans, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 100, 100])
  eject(states, 0, 10, now + 101)
  assert.is(ejectedFor(states, 0, now + 101), 10)
})

test('nobody comes back before the time, nor past another reason', () => {
  const states = member()
  eject(states, 0, 10, 500)
  assert.not(readmit(states, 0, 509))
  setGate(states, 0, DRAINED, true, 505)
  assert.not(readmit(states, 0, 510))
  assert.is(states[GATE], DRAINED)
})

test('whoever clears the last reason begins the slow start, and every change of a gate is seen', () => {
  const states = member()
  setGate(states, 0, DOWN, true, 1)
  setGate(states, 0, DRAINED, true, 2)
  setGate(states, 0, DOWN, false, 3)
  assert.is(states[WARM_SINCE], 0)
  setGate(states, 0, DRAINED, false, 4)
  assert.is(states[WARM_SINCE], 4)
  const before = gateChanges(states)
  eject(states, 0, 10, 5)
  assert.is(states[GATE], EJECTED)
  assert.is.not(gateChanges(states), before)
})

test('the time goes on where its 32 bits end', () => {
  const states = member()
  const now = 2 ** 31 - 5
  eject(states, 0, 10, now)
  assert.is(ejectedFor(states, 0, (now + 9) | 0), 1)
  assert.ok(readmit(states, 0, (now + 10) | 0))
  assert.ok(hasElapsed((now + 10) | 0, now, 10))
  assert.is(toDeciseconds(1), 1)
  assert.is(toDeciseconds(1001), 11)
})

test.run()
