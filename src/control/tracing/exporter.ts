// Spans on their way from the workers to a collector: gathered, sent in batches, one at a time, and kept for a while when the
// collector is away. Nothing waits for it; what there is no room for is dropped and counted.

import {Agent as HttpAgent} from 'node:http'
import {Agent as HttpsAgent} from 'node:https'
import type {Clock} from '../../base/clock.ts'
import type {Log} from '../../base/log.ts'
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
  take(spans: readonly string[]): void
  /** Sends what is left, in FLUSH_MS at the most. */
  close(): Promise<void>
}

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
  let waiting: string[] = []
  let sending: Promise<void> | null = null
  let cancelTimer: (() => void) | null = null
  let isClosing = false
  let stopWaiting = () => {}
  let complainedAt = Number.NEGATIVE_INFINITY

  // A batch that is full goes at once, any other one when its first span has waited for long enough.
  function schedule(): void {
    if (sending !== null || isClosing || waiting.length === 0) return
    if (waiting.length >= BATCH) {
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

  function takeBatch(): readonly string[] {
    const batch = waiting.slice(0, BATCH)
    waiting = waiting.slice(BATCH)
    return batch
  }

  async function deliver(batch: readonly string[]): Promise<void> {
    const body = requestOf(parts, batch)
    for (let tries = 1; ; tries++) {
      const delivery = await postSpans(collector, body, {agent, signal: ending.signal, clock, userAgent})
      if (delivery.kind === 'later' && tries < TRIES && !isClosing) {
        const waitMs = waitFor(delivery, tries, parts.random())
        if (waitMs !== null) {
          await pause(waitMs)
          continue
        }
      }
      settle(delivery, batch.length)
      return
    }
  }

  function settle(delivery: Delivery, count: number): void {
    if (delivery.kind !== 'taken') {
      counts.failed += count
      complain('spans are lost: the collector did not take them', {why: delivery.why, spans: count})
      return
    }
    const rejected = Math.min(delivery.rejected, count)
    counts.exported += count - rejected
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
      const room = Math.max(0, WAITING_MAX - waiting.length)
      counts.dropped += Math.max(0, spans.length - room)
      waiting.push(...spans.slice(0, room))
      schedule()
    },
    async close() {
      if (isClosing) return
      isClosing = true
      cancelTimer?.()
      const cancelLimit = clock.after(FLUSH_MS, () => ending.abort())
      stopWaiting()
      await sending
      while (waiting.length > 0 && !ending.signal.aborted) await deliver(takeBatch())
      counts.dropped += waiting.length
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
function requestOf({resource, scope}: ExporterParts, spans: readonly string[]): string {
  return `{"resourceSpans":[{"resource":${resource},"scopeSpans":[{"scope":${scope},"spans":[${spans.join(',')}]}]}]}`
}

// Half of it is chance, so that many proxies do not come back together. null: for longer than anybody keeps a batch.
function waitFor({afterMs}: {readonly afterMs: number | null}, tries: number, chance: number): number | null {
  if (afterMs !== null) return afterMs <= ASKED_MAX_MS ? afterMs : null
  return Math.min(WAIT_MAX_MS, WAIT_MS * 2 ** (tries - 1)) * (0.5 + chance / 2)
}
