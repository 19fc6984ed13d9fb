// Spans on their way from the workers to a collector: gathered, sent in batches, one at a time, and kept for a while when the
// collector is away. Nothing waits for it; what there is no room for is dropped and counted.

import {Agent as HttpAgent} from 'node:http'
import {Agent as HttpsAgent} from 'node:https'
import type {Clock} from '../../base/clock.ts'
import type {Log} from '../../base/log.ts'
import type {SpanChunk} from '../../snapshot/spans.ts'
import {type Collector, type Delivery, postSpans} from './post-spans.ts'

/** What has become of spans; grows only. */
export type SpanCounts = {
  /** Taken by the collector. */
  exported: number
  /** Those that it did not want. */
  rejected: number
  /** Those that were tried in vain. */
  failed: number
  /** Those that there was no room for, here or in a worker. */
  dropped: number
}

export type ExporterParts = {
  readonly collector: Collector
  /** Who sends, as a Resource and an InstrumentationScope of OTLP in JSON. */
  readonly resource: string
  readonly scope: string
  readonly userAgent: string
  readonly counts: SpanCounts
  readonly clock: Clock
  readonly log: Log
  /** From 0 to 1. */
  readonly random: () => number
}

export type Exporter = {
  take(spans: SpanChunk): void
  /** Sends what is left, in FLUSH_MS at the most. */
  close(): Promise<void>
}

/** Spans that travel together. */
type Piece = {readonly bytes: Uint8Array; readonly count: number}

/** Spans in one request, and how long the first of them waits for the others. */
const BATCH = 512
const EVERY_MS = 5_000
/** Spans that wait, about 1 KiB each: ten seconds of 800 spans a second. */
const WAITING_MAX = 8_192
/** Of one batch; with the waits between them half a minute. */
const TRIES = 6
const WAIT_MS = 1_000
const WAIT_MAX_MS = 30_000
/** A collector that asks for more patience than this loses the batch. */
const ASKED_MAX_MS = 60_000
/** What is left when the daemon ends. */
const FLUSH_MS = 5_000
const COMPLAINT_EVERY_MS = 60_000

export function createExporter(parts: ExporterParts): Exporter {
  const {collector, counts, clock, log, userAgent} = parts
  const isHttps = collector.url.startsWith('https:')
  const agent = isHttps ? new HttpsAgent(CONNECTION) : new HttpAgent(CONNECTION)
  const ending = new AbortController()
  let waiting: Piece[] = []
  let count = 0
  let sending: Promise<void> | null = null
  let cancelTimer: (() => void) | null = null
  let isClosing = false
  let stopWaiting = () => {}
  let complainedAt = Number.NEGATIVE_INFINITY

  // A batch that is full goes at once, any other one when its first span has waited for long enough.
  function schedule(): void {
    if (sending !== null || isClosing || count === 0) return
    if (count >= BATCH) {
      cancelTimer?.()
      fire()
    } else {
      cancelTimer ??= clock.after(EVERY_MS, fire)
    }
  }

  function fire(): void {
    cancelTimer = null
    sending = deliver(takeBatch()).then(() => {
      sending = null
      schedule()
    })
  }

  function takeBatch(): readonly Piece[] {
    let [pieces, spans] = [0, 0]
    for (const piece of waiting) {
      if (spans + piece.count > BATCH) break
      spans += piece.count
      pieces++
    }
    count -= spans
    return waiting.splice(0, pieces)
  }

  async function deliver(batch: readonly Piece[]): Promise<void> {
    const body = requestOf(parts, batch)
    const spans = batch.reduce((sum, piece) => sum + piece.count, 0)
    for (let tries = 1; ; tries++) {
      const delivery = await postSpans(collector, body, {agent, signal: ending.signal, clock, userAgent})
      if (delivery.kind === 'later' && tries < TRIES && !isClosing) {
        const waitMs = waitFor(delivery, tries, parts.random())
        if (waitMs !== null) {
          await pause(waitMs)
          continue
        }
      }
      settle(delivery, spans)
      return
    }
  }

  function settle(delivery: Delivery, spans: number): void {
    if (delivery.kind !== 'taken') {
      counts.failed += spans
      complain('spans are lost: the collector did not take them', {why: delivery.why, spans})
      return
    }
    const rejected = Math.min(delivery.rejected, spans)
    counts.exported += spans - rejected
    counts.rejected += rejected
    if (rejected > 0) complain('the collector does not want some of the spans', {why: delivery.why, spans: rejected})
  }

  // Each minute once: it may be down for a day.
  function complain(message: string, fields: {readonly why: string; readonly spans: number}): void {
    if (Math.abs(clock.now() - complainedAt) < COMPLAINT_EVERY_MS) return
    complainedAt = clock.now()
    log.warn(message, {collector: new URL(collector.url).origin, ...fields})
  }

  function pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const cancel = clock.after(ms, resolve)
      stopWaiting = () => {
        cancel()
        resolve()
      }
    })
  }

  return {
    take(spans) {
      const taken = Math.min(spans.ends.length, WAITING_MAX - count)
      counts.dropped += spans.ends.length - taken
      count += taken
      waiting.push(...piecesOf(spans, taken))
      schedule()
    },
    async close() {
      if (isClosing) return
      isClosing = true
      cancelTimer?.()
      const cancelLimit = clock.after(FLUSH_MS, () => ending.abort())
      stopWaiting()
      await sending
      while (count > 0 && !ending.signal.aborted) await deliver(takeBatch())
      counts.dropped += count
      count = 0
      waiting = []
      cancelLimit()
      agent.destroy()
    },
  }
}

// ---

/** One after another over one connection, which stays open between batches. */
const CONNECTION = {keepAlive: true, maxSockets: 1}

// ExportTraceServiceRequest
function requestOf({resource, scope}: ExporterParts, pieces: readonly Piece[]): Buffer {
  const head = Buffer.from(`{"resourceSpans":[{"resource":${resource},"scopeSpans":[{"scope":${scope},"spans":[`)
  const spans = pieces.flatMap(({bytes}, at) => (at === 0 ? [bytes] : [COMMA, bytes]))
  return Buffer.concat([head, ...spans, Buffer.from(']}]}]}')])
}

const COMMA = Buffer.from(',')

// The first `taken` spans of a chunk, in pieces that fit in a batch.
function piecesOf({bytes, ends}: SpanChunk, taken: number): Piece[] {
  const pieces: Piece[] = []
  for (let from = 0; from < taken; from += BATCH) {
    const to = Math.min(from + BATCH, taken)
    const start = from === 0 ? 0 : (ends[from - 1] ?? 0) + 1
    pieces.push({bytes: bytes.subarray(start, ends[to - 1]), count: to - from})
  }
  return pieces
}

// Half of it is chance, so that many proxies do not come back together. null: for longer than anybody keeps a batch.
function waitFor({afterMs}: {readonly afterMs: number | null}, tries: number, chance: number): number | null {
  if (afterMs !== null) return afterMs <= ASKED_MAX_MS ? afterMs : null
  return Math.min(WAIT_MAX_MS, WAIT_MS * 2 ** (tries - 1)) * (0.5 + chance / 2)
}
