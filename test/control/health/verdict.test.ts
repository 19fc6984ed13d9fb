import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {observe, reasonOf, unknownSince, type Verdict} from '../../../src/control/health/verdict.ts'

const CHECK = {rise: 2, fall: 3}

// '+' for a good answer, '-' for a bad one, one a second, the first at 1 s.
function after(answers: string, {rise, fall} = CHECK): Verdict {
  let verdict = unknownSince(0)
  for (const [index, answer] of [...answers].entries()) {
    verdict = observe(verdict, answer === '+' ? '' : 'connection refused', {rise, fall}, (index + 1) * 1000)
  }
  return verdict
}

const STATES: readonly (readonly [string, Verdict['state'], number])[] = [
  ['', 'unknown', 0],
  ['+', 'unknown', 0],
  ['++', 'up', 2000],
  ['--', 'unknown', 0],
  ['---', 'down', 3000],
  ['--+--', 'unknown', 0],
  ['-+-+-+', 'unknown', 0],
  ['++--', 'up', 2000],
  ['++---', 'down', 5000],
  ['++--+--+--', 'up', 2000],
  ['---+', 'down', 3000],
  ['---+-+-', 'down', 3000],
  ['---++', 'up', 5000],
  ['------++', 'up', 8000],
]

for (const [answers, state, sinceMs] of STATES) {
  test(`rise 2, fall 3: ${answers || 'no answer'} is ${state} since ${sinceMs / 1000} s`, () => {
    assert.equal({state: after(answers).state, sinceMs: after(answers).sinceMs}, {state, sinceMs})
  })
}

test('a rise and fall of one believe every answer', () => {
  assert.is(after('+', {rise: 1, fall: 1}).state, 'up')
  assert.is(after('+-', {rise: 1, fall: 1}).state, 'down')
  assert.is(after('-+', {rise: 1, fall: 1}).state, 'up')
})

test('the reason says how often and why', () => {
  assert.is(reasonOf(after('')), 'not checked long enough')
  assert.is(reasonOf(after('-')), '1 check failed: connection refused')
  assert.is(reasonOf(after('---')), '3 checks failed: connection refused')
  assert.is(reasonOf(after('----')), '4 checks failed: connection refused')
  assert.is(reasonOf(after('---+')), '1 check passed, before that: connection refused')
  assert.is(reasonOf(after('---++')), '')
})

test.run()
