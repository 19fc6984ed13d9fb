// Where the numbers of /metrics come from, put together; what they are called is in admin/metrics.ts.

import {performance} from 'node:perf_hooks'
import type {MetricsSource} from '../admin/metrics.ts'
import type {CertRow, Status} from '../admin/protocol.ts'
import {createLag} from '../base/lag.ts'
import {listMembers} from '../router/member-list.ts'
import type {DataPlane} from '../snapshot/data-plane.ts'
import type {Snapshot} from '../snapshot/snapshot.ts'
import type {Instances} from './instances.ts'
import type {Reloads} from './reloads.ts'

export type MetricsParts = {
  readonly status: () => Status
  readonly snapshot: () => Snapshot | null
  readonly plane: DataPlane
  readonly instances: Pick<Instances, 'instances'>
  readonly reloads: Reloads
  readonly certificates: () => readonly Pick<CertRow, 'names' | 'commonName' | 'notAfter'>[]
  readonly spans: MetricsSource['spans']
  readonly version: string
}

/** How often the main thread looks how late it is. */
const LAG_EVERY_MS = 100

/** `close` ends the timer that measures the main thread. */
export function createMetricsSource(parts: MetricsParts): MetricsSource & {close(): void} {
  const {plane, snapshot, instances} = parts
  const lag = createLag(LAG_EVERY_MS, performance.now())
  let lagMs = 0
  const timer = setInterval(() => {
    lagMs = lag(performance.now())
  }, LAG_EVERY_MS)
  timer.unref()

  return {
    status: parts.status,
    routes() {
      const now = snapshot()
      return now === null ? [] : [...now.routes.map(({id}) => id), ...now.services.map(({slug}) => `service:${slug}`)]
    },
    routeStats: plane.routeStats,
    answersOf: plane.answersOf,
    durationBoundsMs: plane.durationBoundsMs,
    instances() {
      const now = snapshot()
      const keys = new Map(now === null ? [] : listMembers(now).map(({member}) => [member.id, member.instance]))
      const rows = instances.instances().map(row => ({...row, latency: plane.latencyOf(keys.get(row.id) ?? '')}))
      return unique(rows, ({service, id}) => JSON.stringify([service, id]))
    },
    services() {
      const pools = (snapshot()?.pools ?? []).filter(({circuit, queue}) => circuit !== null || queue !== null)
      return unique(
        pools.map(({key, name}) => ({service: name, ...plane.poolState(key)})),
        ({service}) => service,
      )
    },
    workers: () => plane.workers().map(worker => ({...worker, gauges: plane.workerGauges(worker.index)})),
    reloads: parts.reloads.list,
    lastApplyAt: parts.reloads.lastApplyAt,
    certificates: () => endsOf(parts.certificates()),
    fetches: parts.reloads.fetches,
    spans: parts.spans,
    process() {
      const {user, system} = process.cpuUsage()
      return {
        version: parts.version,
        node: process.versions.node,
        startedAt: Date.now() - process.uptime() * 1000,
        cpuSeconds: (user + system) / 1e6,
        residentBytes: process.memoryUsage.rss(),
        lagSeconds: lagMs / 1000,
        activeSeconds: performance.eventLoopUtilization().active / 1000,
      }
    },
    close: () => clearInterval(timer),
  }
}

// ---

// Of a name that several certificates have, the one that ends last is what clients are shown.
function endsOf(rows: ReturnType<MetricsParts['certificates']>): {name: string; notAfter: number}[] {
  const ends = new Map<string, number>()
  for (const {names, commonName, notAfter} of rows) {
    if (notAfter === null) continue
    for (const name of names.length === 0 ? [commonName] : names)
      ends.set(name, Math.max(ends.get(name) ?? 0, Date.parse(notAfter)))
  }
  return [...ends].map(([name, notAfter]) => ({name, notAfter}))
}

// The same labels twice would make the whole of /metrics unreadable.
function unique<T>(all: readonly T[], keyOf: (one: T) => string): T[] {
  return [...new Map(all.map(one => [keyOf(one), one])).values()]
}
