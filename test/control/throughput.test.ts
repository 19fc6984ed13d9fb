// How much goes through now: rates and latencies of a moving window, and silence when nothing does.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createThroughput, quantile, type Traffic} from '../../src/control/throughput.ts'
import {DURATION_BOUNDS_MS} from '../../src/scoreboard/answers.ts'
import {createFakeClock} from '../helpers/clock.ts'

function started() {
  const clock = createFakeClock()
  const buckets = new Float64Array(DURATION_BOUNDS_MS.length + 1)
  const looks: Traffic[] = []
  let errors = 0
  const throughput = createThroughput({
    clock,
    plane: {
      durationBoundsMs: DURATION_BOUNDS_MS,
      tally() {
        const tally = {buckets: buckets.slice(), errors}
        buckets.fill(0)
        errors = 0
        return tally
      },
    },
    onLook: look => looks.push(look),
  })
  return {
    throughput,
    clock,
    looks,
    /** So many answers in a bucket, of which so many failed. */
    answer(bucket: number, count: number, failed = 0) {
      buckets[bucket] = (buckets[bucket] ?? 0) + count
      errors += failed
    },
  }
}

test('a look tells the rates of its second, the status those of ten', async () => {
  const {throughput, clock, looks, answer} = started()
  answer(1, 100, 3)
  await clock.advance(1000)
  answer(1, 300)
  await clock.advance(1000)
  assert.equal(
    looks.map(({traffic}) => traffic),
    [
      {requestsPerSecond: 100, errorsPerSecond: 3, overMs: 1000},
      {requestsPerSecond: 300, errorsPerSecond: 0, overMs: 1000},
    ],
  )
  assert.equal(throughput.recent().traffic, {requestsPerSecond: 200, errorsPerSecond: 1.5, overMs: 2000})
  await clock.advance(9000)
  assert.equal(throughput.recent().traffic, {requestsPerSecond: 30, errorsPerSecond: 0, overMs: 10_000})
  await clock.advance(1000)
  assert.equal(throughput.recent(), {
    traffic: {requestsPerSecond: 0, errorsPerSecond: 0, overMs: 10_000},
    latency: null,
  })
  throughput.close()
})

test('latencies are those of ten seconds, so that one slow second does not come and go', async () => {
  const {throughput, clock, looks, answer} = started()
  answer(2, 98)
  answer(9, 2)
  await clock.advance(1000)
  const slow = {p50Ms: 1 + (1.5 * 50) / 98, p99Ms: 250 + (250 * 1) / 2}
  assert.equal(looks[0]?.latency, {p50Ms: Number(slow.p50Ms.toFixed(3)), p99Ms: slow.p99Ms})
  answer(2, 9900)
  await clock.advance(1000)
  assert.ok((looks[1]?.latency?.p99Ms ?? 0) < 2.5)
  await clock.advance(9000)
  assert.is(throughput.recent().latency?.p99Ms, 2.485)
  throughput.close()
})

test('nothing is told a minute after the last answer, and again with the next', async () => {
  const {throughput, clock, looks, answer} = started()
  await clock.advance(10_000)
  assert.is(looks.length, 0)
  answer(0, 1)
  await clock.advance(200_000)
  assert.is(looks.length, 61)
  answer(0, 1)
  await clock.advance(1000)
  assert.is(looks.length, 62)
  throughput.close()
  await clock.advance(10_000)
  assert.is(looks.length, 62)
})

test('a quantile lies in the bucket that holds it, and beyond all bounds at the last', () => {
  const bounds = [1, 10, 100]
  assert.is(quantile([10, 0, 0, 0], bounds, 0.5), 0.5)
  assert.is(quantile([5, 5, 0, 0], bounds, 0.5), 1)
  assert.is(quantile([5, 5, 0, 0], bounds, 1), 10)
  assert.is(quantile([0, 0, 4, 0], bounds, 0.5), 55)
  assert.is(quantile([1, 0, 0, 99], bounds, 0.5), 100)
})

test.run()
