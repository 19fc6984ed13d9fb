import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {baselineOf, findBreach} from '../../src/control/soak.ts'
import {createTraffic} from '../../src/control/traffic.ts'
import {createFakeClock} from '../helpers/clock.ts'

const RULES = {errorRate: 0.05, minRequests: 50}
const NONE = {requests: 0, errors: 0}

const CASES: readonly (readonly [string, number, number, number, boolean])[] = [
  // what, rate before, requests since, errors since, is taken back
  ['all is well', 0, 1000, 0, false],
  ['as much as is allowed', 0, 100, 5, false],
  ['a little more', 0, 100, 6, true],
  ['too few requests to tell', 0, 49, 49, false],
  ['just enough of them', 0, 50, 50, true],
  ['as bad as before', 0.5, 100, 50, false],
  ['worse than it was', 0.5, 100, 60, true],
  ['all failed before', 1, 100, 100, false],
  ['no requests', 0, 0, 0, false],
]

for (const [what, errorRate, requests, errors, isBreach] of CASES) {
  test(`soak: ${what}`, () => {
    const breach = findBreach([{id: 'x.test', errorRate}], () => ({requests, errors}), RULES)
    assert.is(breach !== null, isBreach)
  })
}

test('a soak that needs no requests needs one all the same', () => {
  assert.is(
    findBreach([{id: 'x.test', errorRate: 0}], () => NONE, {errorRate: 0, minRequests: 0}),
    null,
  )
})

test('a route is compared with itself, and with its new instances where those failed for others', () => {
  const before = {
    route: (id: string) => (id === 'a' ? {requests: 10, errors: 1} : NONE),
    instance: (key: string) => (key === 'bad' ? {requests: 4, errors: 2} : NONE),
  }
  const concerned = (id: string, was: string, ...instances: string[]) => ({id, was, instances})
  assert.equal(
    baselineOf([concerned('a', 'a', 'new'), concerned('b', 'b', 'new'), concerned('c', 'a', 'bad')], before),
    [
      {id: 'a', errorRate: 0.1},
      {id: 'c', errorRate: 0.5},
      {id: 'b', errorRate: 0},
    ],
  )
})

test('only what was counted of late is compared with', async () => {
  const clock = createFakeClock()
  let total = {requests: 1000, errors: 1000}
  const traffic = createTraffic(
    {route: () => total, instance: () => NONE},
    () => ({routes: ['a'], instances: []}),
    60_000,
    clock,
  )
  assert.equal(traffic.recent.route('a'), {requests: 1000, errors: 1000})
  await clock.advance(60_000)
  total = {requests: 1100, errors: 1000}
  await clock.advance(60_000)
  assert.equal(traffic.recent.route('a'), {requests: 100, errors: 0})
  total = {requests: 3, errors: 1}
  assert.equal(traffic.recent.route('a'), {requests: 3, errors: 1}, 'the counter began anew')
  traffic.close()
  assert.is(clock.pending(), 0)
})

test.run()
