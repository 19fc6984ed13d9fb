// Spans on their way to a real collector, by a clock that stands still unless it is moved.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {silentLog} from '../../../src/base/log.ts'
import type {Scope} from '../../../src/base/scope.ts'
import {createTracing, type Tracing, type TracingWish} from '../../../src/control/tracing/tracing.ts'
import type {SpanChunk} from '../../../src/snapshot/spans.ts'
import {createFakeClock, type FakeClock} from '../../helpers/clock.ts'
import {type Answer, type Collector, collectorOf} from '../../helpers/collector.ts'
import {scoped} from '../../helpers/scoped.ts'
import {until} from '../../helpers/until.ts'

test(
  'spans go out together, the first of them five seconds after it came, and say who sends them',
  scoped(async scope => {
    const {tracing, clock, collector} = await exporting(scope)
    tracing.take(spans(3), 0)
    await clock.advance(4_999)
    tracing.take(spans(2), 0)
    await clock.advance(1)
    await until('the batch', () => tracing.counts().exported === 5)
    assert.equal([collector.batches, collector.violations], [[5], []])
    const {'service.instance.id': id, 'host.name': host, ...rest} = collector.resource()
    assert.equal(rest, {'service.name': 'edge', 'service.version': '1.2.3'})
    assert.ok(String(id).length > 10 && String(host) !== '')
    assert.equal(
      [collector.requests[0]?.headers['x-token'], collector.requests[0]?.headers['user-agent']],
      ['secret', 'routesd/1.2.3'],
    )
  }),
)

test(
  'a full batch goes at once, and no batch has more than 512',
  scoped(async scope => {
    const {tracing, clock, collector} = await exporting(scope)
    tracing.take(spans(1_100), 0)
    await until('two batches', () => tracing.counts().exported === 1_024)
    await clock.advance(5_000)
    await until('the rest', () => tracing.counts().exported === 1_100)
    assert.equal(collector.batches, [512, 512, 76])
  }),
)

for (const status of [429, 502, 503, 504]) {
  test(
    `after ${status} the same spans are sent again, later, and later still`,
    scoped(async scope => {
      const {tracing, clock, collector} = await exporting(scope, {answers: [{status}, {status}]})
      tracing.take(spans(4), 0)
      await clock.advance(5_000)
      await until('the first try', () => collector.batches.length === 1)
      await passWait(clock, 1_000)
      await until('the second try', () => collector.batches.length === 2)
      await passWait(clock, 2_000)
      await until('that they are taken', () => tracing.counts().exported === 4)
      assert.equal([collector.batches, collector.spans.length, tracing.counts().failed], [[4, 4, 4], 4, 0])
    }),
  )
}

test(
  'a collector that says when to come again is obeyed, unless that is for longer than anybody waits',
  scoped(async scope => {
    const later = (seconds: number) => ({status: 503, headers: {'retry-after': `${seconds}`}})
    const {tracing, clock, collector} = await exporting(scope, {answers: [later(20), {status: 200}, later(3_600)]})
    tracing.take(spans(1), 0)
    await clock.advance(5_000)
    await passWait(clock, 20_000)
    await until('the second try', () => tracing.counts().exported === 1)
    tracing.take(spans(1), 0)
    await clock.advance(5_000)
    await until('the loss', () => tracing.counts().failed === 1)
    assert.equal(collector.batches, [1, 1, 1])
  }),
)

for (const status of [302, 400, 401, 413, 500]) {
  test(
    `after ${status} the spans are lost, and the next ones are tried`,
    scoped(async scope => {
      const answers = [{status, headers: {location: 'http://127.0.0.1:1/'}}]
      const {tracing, clock, collector} = await exporting(scope, {answers})
      tracing.take(spans(2), 0)
      await clock.advance(5_000)
      await until('the loss', () => tracing.counts().failed === 2)
      tracing.take(spans(3), 0)
      await clock.advance(5_000)
      await until('the next', () => tracing.counts().exported === 3)
      assert.equal(collector.batches, [2, 3])
    }),
  )
}

test(
  'what the collector does not want of a batch is counted, and not sent again',
  scoped(async scope => {
    const body = JSON.stringify({partialSuccess: {rejectedSpans: '2', errorMessage: 'too old'}})
    const {tracing, clock, collector} = await exporting(scope, {
      answers: [
        {status: 200, body},
        {status: 200, body: '?'},
      ],
    })
    tracing.take(spans(5), 0)
    await clock.advance(5_000)
    await until('the first', () => tracing.counts().exported === 3)
    assert.is(tracing.counts().rejected, 2)
    tracing.take(spans(1), 0)
    await clock.advance(5_000)
    await until('the second', () => tracing.counts().exported === 4)
    assert.equal(collector.batches, [5, 1])
  }),
)

test(
  'while the collector is away spans are kept up to a bound, and the rest is counted; it comes back and gets them',
  scoped(async scope => {
    const {tracing, clock, collector} = await exporting(scope)
    await collector.close()
    tracing.take(spans(512), 3)
    await isWaiting(clock)
    tracing.take(spans(8_000), 0)
    tracing.take(spans(1_000), 0)
    assert.is(tracing.counts().dropped, 3 + 8_000 + 1_000 - 8_192)
    const back = await collectorOf(scope, Number(new URL(collector.url).port))
    await clock.advance(1_000)
    await until('all of them', () => tracing.counts().exported === 512 + 8_192, 20_000)
    assert.is(back.spans.length, 512 + 8_192)
    assert.equal([tracing.counts().failed, back.violations], [0, []])
  }),
)

test(
  'after six tries a batch is given up',
  scoped(async scope => {
    const {tracing, clock, collector} = await exporting(scope, {answers: Array(6).fill({status: 503})})
    tracing.take(spans(1), 0)
    await clock.advance(5_000)
    await until('the last wait', async () => {
      await clock.advance(1_000)
      return tracing.counts().failed > 0
    })
    await until('the loss', () => tracing.counts().failed === 1)
    assert.is(collector.batches.length, 6)
  }),
)

test(
  'a collector that does not answer in time is tried again, and a header that cannot be read, too',
  scoped(async scope => {
    const {tracing, clock, collector, wish} = await exporting(scope, {answers: [{status: 0}], timeoutMs: 50})
    tracing.take(spans(1), 0)
    await clock.advance(5_000)
    await passWait(clock, 1_000)
    await until('the second try', () => tracing.counts().exported === 1)
    let isThere = false
    tracing.use({
      ...wish,
      readHeaders: async () => {
        if (!isThere) throw new Error('no such file')
        return {'x-token': 'new'}
      },
    })
    tracing.take(spans(1), 0)
    await clock.advance(5_000)
    await isWaiting(clock)
    isThere = true
    await clock.advance(1_000)
    await until('the batch', () => tracing.counts().exported === 2)
    assert.is(collector.requests.at(-1)?.headers['x-token'], 'new')
  }),
)

test(
  'what is left is sent at the end, and a collector that is away is not waited for',
  scoped(async scope => {
    const {tracing, collector} = await exporting(scope)
    tracing.take(spans(600), 0)
    await tracing.close()
    assert.equal([tracing.counts().exported, collector.batches], [600, [512, 88]])
    const other = await exporting(scope)
    await other.collector.close()
    other.tracing.take(spans(600), 0)
    await isWaiting(other.clock)
    await other.tracing.close()
    assert.equal([other.tracing.counts().exported, other.tracing.counts().failed], [0, 600])
  }),
)

test(
  'another collector gets what comes from now on, and nobody does when tracing is off',
  scoped(async scope => {
    const {tracing, collector, wish, clock} = await exporting(scope)
    const next = await collectorOf(scope)
    tracing.take(spans(2), 0)
    tracing.use({...wish, url: next.url, service: 'other'})
    await until('the first two', () => collector.spans.length === 2)
    tracing.take(spans(3), 0)
    await clock.advance(5_000)
    await until('the next three', () => next.spans.length === 3)
    assert.is(next.resource()['service.name'], 'other')
    tracing.use(null)
    tracing.take(spans(4), 0)
    assert.is(tracing.counts().dropped, 4)
  }),
)

test.run()

// ---

type Exporting = {
  readonly tracing: Tracing
  readonly clock: FakeClock
  readonly collector: Collector
  readonly wish: TracingWish
}

async function exporting(
  scope: Scope,
  {answers = [], timeoutMs = 5_000}: {answers?: readonly Answer[]; timeoutMs?: number} = {},
): Promise<Exporting> {
  const collector = await collectorOf(scope)
  collector.answer(...answers)
  const clock = createFakeClock()
  const tracing = createTracing({clock, log: silentLog, version: '1.2.3', random: () => 1})
  const wish = {url: collector.url, timeoutMs, service: 'edge', readHeaders: async () => ({'x-token': 'secret'})}
  tracing.use(wish)
  scope.defer(() => tracing.close())
  return {tracing, clock, collector, wish}
}

function isWaiting(clock: FakeClock): Promise<unknown> {
  return until('a wait', () => clock.pending() > 0)
}

async function passWait(clock: FakeClock, ms: number): Promise<void> {
  await isWaiting(clock)
  await clock.advance(ms - 1)
  assert.is(clock.pending(), 1, `a wait shorter than ${ms} ms`)
  await clock.advance(1)
}

function spans(count: number): SpanChunk {
  const texts = Array.from({length: count}, (_, at) => {
    const id = String(at + 1).padStart(16, '0')
    const times = '"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000000001000"'
    return `{"traceId":"${'a'.repeat(32)}","spanId":"${id}","flags":257,"name":"GET","kind":2,${times},"attributes":[]}`
  })
  const ends: number[] = []
  for (const text of texts) ends.push((ends.at(-1) ?? -1) + 1 + text.length)
  return {bytes: new Uint8Array(Buffer.from(texts.join(','))), ends: Uint32Array.from(ends)}
}
