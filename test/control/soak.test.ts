import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {type Durations, describeSlowness, paceOf} from '../../src/control/latency.ts'
import {createSlowRoutes} from '../../src/control/slow-routes.ts'
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
    ...{durations: () => ({buckets: [], sumMs: 0}), boundsMs: [], instanceMeanMs: () => 0},
    route: (id: string) => (id === 'a' ? {requests: 10, errors: 1} : NONE),
    instance: (key: string) => (key === 'bad' ? {requests: 4, errors: 2} : NONE),
  }
  const concerned = (id: string, was: string, ...instances: string[]) => ({id, was, instances})
  assert.equal(
    baselineOf([concerned('a', 'a', 'new'), concerned('b', 'b', 'new'), concerned('c', 'a', 'bad')], before, 50),
    [
      {id: 'a', errorRate: 0.1, pace: null},
      {id: 'c', errorRate: 0.5, pace: null},
      {id: 'b', errorRate: 0, pace: null},
    ],
  )
})

test('only what was counted of late is compared with', async () => {
  const clock = createFakeClock()
  let total = {requests: 1000, errors: 1000}
  let histogram = durations([1000, 0, 0, 0])
  let latency = {sumMs: 1000, count: 1000}
  const traffic = createTraffic(
    {
      ...{route: () => total, instance: () => NONE, boundsMs: BOUNDS_MS},
      durations: () => histogram,
      latency: () => latency,
    },
    () => ({routes: ['a'], instances: ['i']}),
    60_000,
    clock,
  )
  assert.equal(traffic.recent.route('a'), {requests: 1000, errors: 1000})
  await clock.advance(60_000)
  total = {requests: 1100, errors: 1000}
  histogram = durations([1000, 0, 100, 0])
  latency = {sumMs: 6000, count: 1100}
  await clock.advance(60_000)
  assert.equal(traffic.recent.route('a'), {requests: 100, errors: 0})
  assert.equal(traffic.recent.durations('a').buckets, [0, 0, 100, 0])
  assert.is(traffic.recent.instanceMeanMs('i'), 50)
  total = {requests: 3, errors: 1}
  histogram = durations([0, 3, 0, 0])
  latency = {sumMs: 90, count: 3}
  assert.equal(traffic.recent.route('a'), {requests: 3, errors: 1}, 'the counter began anew')
  assert.equal([traffic.recent.durations('a').buckets, traffic.recent.instanceMeanMs('i')], [[0, 3, 0, 0], 30])
  traffic.close()
  assert.is(clock.pending(), 0)
})

const BOUNDS_MS = [10, 25, 50, 100, 250]

/** So many requests in each bucket, at its upper bound. */
function durations(buckets: readonly number[], meanMs?: number): Durations {
  const requests = buckets.reduce((sum, count) => sum + count, 0)
  const sumMs = buckets.reduce((sum, count, bucket) => sum + count * (BOUNDS_MS[bucket] ?? 1000), 0)
  return {buckets, sumMs: meanMs === undefined ? sumMs : meanMs * requests}
}

const SLOWNESS: readonly (readonly [string, readonly number[], readonly number[], boolean, number?])[] = [
  // what, buckets before and since (10, 25, 50, 100, 250 ms, more), is too slow, mean since when not at the upper bounds
  ['as before', [0, 100, 0, 0, 0, 0], [0, 100, 0, 0, 0, 0], false],
  ['24 ms before and 26 now, in the next bucket', [0, 100, 0, 0, 0, 0], [0, 0, 100, 0, 0, 0], false, 26],
  ['two buckets further', [0, 100, 0, 0, 0, 0], [0, 0, 0, 100, 0, 0], true],
  ['in the next bucket, and twice as slow in the mean', [0, 0, 0, 100, 0, 0], [0, 0, 0, 0, 100, 0], true, 230],
  ['one percent of very many', [0, 1000, 0, 0, 0, 0], [0, 9900, 0, 0, 0, 100], true],
  ['less than that', [0, 1000, 0, 0, 0, 0], [0, 9901, 0, 0, 0, 99], false],
  ['four slow ones of few', [0, 100, 0, 0, 0, 0], [0, 56, 0, 0, 0, 4], false],
  ['five slow ones of few', [0, 100, 0, 0, 0, 0], [0, 55, 0, 0, 0, 5], true],
  ['too few requests since', [0, 100, 0, 0, 0, 0], [0, 0, 0, 0, 0, 49], false],
  ['too few requests before', [49, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 100], false],
  ['ten times as slow, and fast enough', [100, 0, 0, 0, 0, 0], [0, 100, 0, 0, 0, 0], false],
  ['slow already', [0, 0, 0, 0, 100, 0], [0, 0, 0, 0, 90, 10], false],
  ['slower than the histogram can say, before', [0, 0, 0, 0, 0, 100], [0, 0, 0, 0, 0, 100], false],
]

for (const [what, before, since, isTooSlow, meanMs] of SLOWNESS) {
  test(`latency: ${what}`, () => {
    const pace = paceOf(durations(before), BOUNDS_MS, 50)
    const words = pace && describeSlowness(pace, durations(since, meanMs), BOUNDS_MS, {factor: 2, minRequests: 50})
    assert.is(words !== null, isTooSlow, words ?? 'nothing')
  })
}

test('a route that moves to an instance that was slow for others already is not slower by the change', () => {
  const fast = durations([100, 0, 0, 0, 0, 0])
  const counted = {...{route: () => NONE, instance: () => NONE}, durations: () => fast, boundsMs: BOUNDS_MS}
  const [route] = baselineOf([{id: 'a', was: 'a', instances: ['slow']}], {...counted, instanceMeanMs: () => 90}, 50)
  assert.equal(route?.pace, {p99Ms: 90, meanMs: 90})
})

test('the slow first answers of a cold instance are forgiven, once', () => {
  let now = durations([0, 0, 0, 0, 0, 0])
  const slow = createSlowRoutes({durations: () => now, boundsMs: BOUNDS_MS}, {latency: 2, minRequests: 50})
  const watched = [{id: 'a', errorRate: 0, pace: {p99Ms: 10, meanMs: 10}}]
  slow.begin(watched)
  now = durations([40, 0, 0, 0, 0, 10])
  assert.is(slow.find(watched), null)
  now = durations([640, 0, 0, 0, 0, 10])
  assert.is(slow.find(watched), null)
  now = durations([640, 0, 0, 0, 0, 40])
  assert.match(
    slow.find(watched)?.message ?? '',
    'a answered with a p99 of 250ms over 630 requests, at most 10ms before',
  )
})

test.run()
