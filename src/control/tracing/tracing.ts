// Tracing, on or off, with the collector that is to have the spans; it may be another one while the daemon runs.

import {randomUUID} from 'node:crypto'
import {hostname} from 'node:os'
import type {Clock} from '../../base/clock.ts'
import type {Log} from '../../base/log.ts'
import type {SpanChunk} from '../../snapshot/spans.ts'
import {createExporter, type Exporter, type SpanCounts} from './exporter.ts'
import type {Collector} from './post-spans.ts'

export type TracingWish = Collector & {
  /** service.name */
  readonly service: string
}

export type Tracing = {
  /** Sends spans there from now on; those before go where they were to go. null: nowhere. */
  use(wish: TracingWish | null): void
  /** Takes spans, and how many more a worker had no room for. */
  take(spans: SpanChunk, dropped: number): void
  counts(): Readonly<SpanCounts>
  /** Sends what is left, within a few seconds. */
  close(): Promise<void>
}

export type TracingParts = {
  readonly clock: Clock
  readonly log: Log
  readonly version: string
  /** Spreads what is tried again; for tests. */
  readonly random?: () => number
}

export function createTracing({clock, log, version, random = Math.random}: TracingParts): Tracing {
  const counts: SpanCounts = {exported: 0, rejected: 0, failed: 0, dropped: 0}
  const instance = randomUUID()
  let exporter: Exporter | null = null
  /** Those before it, as long as they have something to send. */
  const leaving = new Set<Promise<void>>()

  function retire(): void {
    if (exporter === null) return
    const left = exporter.close().finally(() => leaving.delete(left))
    leaving.add(left)
    exporter = null
  }

  return {
    use(wish) {
      retire()
      if (wish === null) return
      const attributes = {
        'service.name': wish.service,
        'service.version': version,
        'service.instance.id': instance,
        'host.name': hostname(),
      }
      exporter = createExporter({
        collector: wish,
        resource: JSON.stringify({attributes: Object.entries(attributes).map(textAttribute)}),
        scope: JSON.stringify({name: 'routesd', version}),
        userAgent: `routesd/${version}`,
        counts,
        clock,
        log,
        random,
      })
    },
    take(spans, dropped) {
      counts.dropped += dropped
      if (exporter === null) counts.dropped += spans.ends.length
      else exporter.take(spans)
    },
    counts: () => counts,
    async close() {
      retire()
      await Promise.all(leaving)
    },
  }
}

// ---

function textAttribute([key, value]: [string, string]) {
  return {key, value: {stringValue: value}}
}
