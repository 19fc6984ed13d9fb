// What /metrics says: which families there are, and where their numbers come from. Reading them costs by what there is to
// tell (routes that were asked for, instances, workers), never by how many requests there were. It is made in pieces, so
// that a hundred thousand routes do not stop the control plane.

import type {Answered, Counted, Latency, PoolState, WorkerGauges, WorkerStats} from '../snapshot/data-plane.ts'
import {type Family, type Labels, renderFamily, renderHistogram, renderSample} from './exposition.ts'
import type {InstanceRow, Status} from './protocol.ts'

/** Where the numbers come from. */
export type MetricsSource = {
  status(): Status
  /** Ids of the routes that are served. */
  routes(): readonly string[]
  routeStats(id: string): Counted
  /** Of null: what was answered without a route. */
  answersOf(id: string | null): Answered | null
  readonly durationBoundsMs: readonly number[]
  /** Instances with what they were asked, each address once for each service that has it. */
  instances(): readonly (Pick<InstanceRow, 'id' | 'service' | 'state' | 'inFlight' | 'requests' | 'errors'> & {
    readonly latency: Latency
  })[]
  /** Names and states of the pools that services have. */
  services(): readonly (PoolState & {readonly service: string})[]
  workers(): readonly (WorkerStats & {readonly gauges: WorkerGauges})[]
  reloads(): readonly {readonly result: string; readonly reason: string; readonly count: number}[]
  lastApplyAt(): number | null
  /** Of certificates that are served: the end of each, milliseconds since 1970. */
  certificates(): readonly {readonly name: string; readonly notAfter: number}[]
  fetches(): readonly {readonly result: string; readonly count: number}[]
  /** What has become of the spans of traces. */
  spans(): {
    readonly exported: number
    readonly rejected: number
    readonly failed: number
    readonly dropped: number
  }
  process(): ProcessFacts
}

export type ProcessFacts = {
  readonly version: string
  readonly node: string
  readonly startedAt: number
  readonly cpuSeconds: number
  readonly residentBytes: number
  /** Of the main thread. */
  readonly lagSeconds: number
  readonly activeSeconds: number
}

/** Routes told in one piece. */
const PIECE = 200

/** The text of /metrics, piece by piece. */
export function* renderMetrics(source: MetricsSource): Generator<string, void, void> {
  yield renderProcess(source)
  yield renderConfig(source)
  yield renderWorkers(source)
  yield renderSpans(source)
  yield* renderInstances(source)
  yield* renderRoutes(source)
}

/** Every family by its name; documentation and dashboards are checked against it. */
export const FAMILIES = {
  build: gauge('routesd_build_info', 'The version that runs, as labels; always 1.'),
  cpu: counter('process_cpu_seconds_total', 'User and system time of the process.'),
  resident: gauge('process_resident_memory_bytes', 'Resident memory of the process.'),
  started: gauge('process_start_time_seconds', 'When the process began, in seconds since 1970.'),
  health: gauge('routesd_healthy', '1 while health is Healthy, 0 while it is Degraded.'),
  synced: gauge('routesd_synced', '1 while what is served is what is in git, 0 while it is not.'),
  condition: gauge('routesd_condition', 'A condition that holds, by its type and reason; always 1.'),
  config: gauge('routesd_config_info', 'The revision that is served, as a label; always 1.'),
  applied: gauge(
    'routesd_config_last_apply_timestamp_seconds',
    'When a configuration was last applied, in seconds since 1970.',
  ),
  reloads: counter('routesd_config_reloads_total', 'Sets of files that were judged, by what came of it and why.'),
  fetches: counter('routesd_git_fetch_total', 'Fetches of the remote, by what came of them.'),
  certificates: gauge('routesd_cert_not_after_timestamp_seconds', 'When a certificate ends, in seconds since 1970.'),
  workerUp: gauge('routesd_worker_up', '1 while the worker serves.'),
  workerRestarts: counter('routesd_worker_restarts_total', 'How often a worker was replaced.'),
  lag: gauge('routesd_event_loop_lag_seconds', 'How late a loop was at the most in the last 10 to 20 s.'),
  active: counter('routesd_event_loop_active_seconds_total', 'Time in which a loop had something to do.'),
  heap: gauge('routesd_worker_heap_used_bytes', 'Memory of JavaScript objects of a worker.'),
  connections: gauge('routesd_connections', 'Open connections of clients.'),
  accepted: counter('routesd_connections_accepted_total', 'Connections of clients that were taken.'),
  turnedAway: counter('routesd_connections_refused_total', 'Connections of clients above the bounds of `edge`.'),
  logged: counter('routesd_access_log_lines_total', 'Lines of the access log that were written.'),
  logDropped: counter('routesd_access_log_lines_dropped_total', 'Lines of the access log that nobody took in time.'),
  spansExported: counter(
    'routesd_trace_spans_exported_total',
    'Spans that were sent, by what came of it: the collector took them, did not want them, or could not be reached.',
  ),
  spansDropped: counter('routesd_trace_spans_dropped_total', 'Spans that there was no room for until they were sent.'),
  upstreamUp: gauge('routesd_upstream_up', '1 while the instance is up, or not known to be down.'),
  upstreamState: gauge('routesd_upstream_state', 'The state of an instance, as a label; always 1.'),
  upstreamRequests: counter(
    'routesd_upstream_requests_total',
    'Tries at the address of an instance, by all services that have it.',
  ),
  upstreamErrors: counter('routesd_upstream_errors_total', 'Tries that the instance has failed.'),
  upstreamInFlight: gauge('routesd_upstream_in_flight', 'Tries under way.'),
  upstreamLatency: summary('routesd_upstream_response_seconds', 'From a try to the head of its answer.'),
  queue: gauge('routesd_upstream_queue_length', 'Requests that wait for a place at an instance of a service.'),
  circuit: gauge('routesd_upstream_circuit_open', '1 while the circuit of a service is open or half-open.'),
  inFlight: gauge('routesd_requests_in_flight', 'Requests of a route that are under way.'),
  requests: counter(
    'routesd_requests_total',
    'Requests that have ended, by method and status; 499: the client did not wait. Route "": none has taken it.',
  ),
  duration: histogram('routesd_request_duration_seconds', 'From the head of a request to the end of its answer.'),
  copiesDropped: counter('routesd_mirror_copies_dropped_total', 'Copies for mirrors that were not made.'),
  tunnelled: counter(
    'routesd_tunnel_bytes_total',
    'Bytes of upgraded connections, from clients (in) and to them (out).',
  ),
} as const satisfies Readonly<Record<string, Family>>

// ---

function gauge(name: string, help: string): Family {
  return {name, type: 'gauge', help}
}

function counter(name: string, help: string): Family {
  return {name, type: 'counter', help}
}

function histogram(name: string, help: string): Family {
  return {name, type: 'histogram', help}
}

function summary(name: string, help: string): Family {
  return {name, type: 'summary', help}
}

type Sample = readonly [labels: Labels, value: number]

function family(of: Family, samples: readonly Sample[]): string {
  return renderFamily(of) + samples.map(([labels, value]) => renderSample(of.name, labels, value)).join('')
}

function renderProcess({process}: MetricsSource): string {
  const {version, node, cpuSeconds, residentBytes, startedAt} = process()
  return [
    family(FAMILIES.build, [[{version, node}, 1]]),
    family(FAMILIES.cpu, [[{}, cpuSeconds]]),
    family(FAMILIES.resident, [[{}, residentBytes]]),
    family(FAMILIES.started, [[{}, startedAt / 1000]]),
  ].join('')
}

function renderConfig(source: MetricsSource): string {
  const {sync, health, revision, conditions} = source.status()
  const applied = source.lastApplyAt()
  return [
    family(FAMILIES.health, [[{}, health.state === 'Healthy' ? 1 : 0]]),
    family(FAMILIES.synced, [[{}, sync.state === 'Synced' ? 1 : 0]]),
    family(
      FAMILIES.condition,
      conditions.map(({type, reason}) => [{type, reason}, 1]),
    ),
    family(FAMILIES.config, [[{revision: revision.applied ?? ''}, 1]]),
    family(FAMILIES.applied, applied === null ? [] : [[{}, applied / 1000]]),
    family(
      FAMILIES.reloads,
      source.reloads().map(({result, reason, count}) => [{result, reason}, count]),
    ),
    family(
      FAMILIES.fetches,
      source.fetches().map(({result, count}) => [{result}, count]),
    ),
    family(
      FAMILIES.certificates,
      source.certificates().map(({name, notAfter}) => [{name}, notAfter / 1000]),
    ),
  ].join('')
}

function renderWorkers({workers, process}: MetricsSource): string {
  const all = workers()
  const of = (value: (worker: (typeof all)[number]) => number): Sample[] =>
    all.map(worker => [{worker: worker.index}, value(worker)])
  const main = process()
  return [
    family(
      FAMILIES.workerUp,
      of(({state}) => (state === 'serving' ? 1 : 0)),
    ),
    family(
      FAMILIES.workerRestarts,
      of(({restarts}) => restarts),
    ),
    family(FAMILIES.lag, [...of(({gauges}) => gauges.lagMs / 1000), [{worker: 'main'}, main.lagSeconds]]),
    family(FAMILIES.active, [...of(({gauges}) => gauges.activeMs / 1000), [{worker: 'main'}, main.activeSeconds]]),
    family(
      FAMILIES.heap,
      of(({gauges}) => gauges.heapBytes),
    ),
    family(
      FAMILIES.connections,
      of(({gauges}) => gauges.connections),
    ),
    family(
      FAMILIES.accepted,
      of(({gauges}) => gauges.accepted),
    ),
    family(
      FAMILIES.turnedAway,
      of(({gauges}) => gauges.turnedAway),
    ),
    family(
      FAMILIES.logged,
      of(({gauges}) => gauges.linesLogged),
    ),
    family(
      FAMILIES.logDropped,
      of(({gauges}) => gauges.linesDropped),
    ),
  ].join('')
}

function renderSpans({spans}: MetricsSource): string {
  const {exported, rejected, failed, dropped} = spans()
  return [
    family(FAMILIES.spansExported, [
      [{result: 'success'}, exported],
      [{result: 'rejected'}, rejected],
      [{result: 'failed'}, failed],
    ]),
    family(FAMILIES.spansDropped, [[{}, dropped]]),
  ].join('')
}

function* renderInstances(source: MetricsSource): Generator<string, void, void> {
  const rows = source.instances().map(row => ({...row, labels: {service: row.service, instance: row.id}}))
  const {upstreamUp, upstreamState, upstreamRequests, upstreamErrors, upstreamInFlight, upstreamLatency} = FAMILIES
  yield* inPieces(rows, upstreamUp, ({labels, state}) =>
    sample(upstreamUp, labels, state === 'up' || state === 'unknown' ? 1 : 0),
  )
  yield* inPieces(rows, upstreamState, ({labels, state}) => sample(upstreamState, {...labels, state}, 1))
  yield* inPieces(rows, upstreamRequests, ({labels, requests}) => sample(upstreamRequests, labels, requests))
  yield* inPieces(rows, upstreamErrors, ({labels, errors}) => sample(upstreamErrors, labels, errors))
  yield* inPieces(rows, upstreamInFlight, ({labels, inFlight}) => sample(upstreamInFlight, labels, inFlight))
  yield* inPieces(
    rows,
    upstreamLatency,
    ({labels, latency}) =>
      renderSample(`${upstreamLatency.name}_sum`, labels, latency.sumMs / 1000) +
      renderSample(`${upstreamLatency.name}_count`, labels, latency.count),
  )
  const services = source.services()
  yield family(
    FAMILIES.queue,
    services.map(({service, queued}) => [{service}, queued]),
  )
  yield family(
    FAMILIES.circuit,
    services.map(({service, circuit}) => [{service}, circuit === 'closed' ? 0 : 1]),
  )
}

function* renderRoutes(source: MetricsSource): Generator<string, void, void> {
  const routes = source.routes().map(id => ({id, counted: source.routeStats(id)}))
  // What was never asked for has nothing to say: a table of 100,000 routes is told by those that are used.
  const asked = routes.filter(({counted}) => counted.requests > 0 || counted.copiesDropped > 0)
  yield* inPieces(asked, FAMILIES.inFlight, ({id, counted}) => sample(FAMILIES.inFlight, {route: id}, counted.inFlight))
  const answered = [null, ...asked.map(({id}) => id)]
  yield* inPieces(answered, FAMILIES.requests, id =>
    (source.answersOf(id)?.counts ?? [])
      .map(({method, status, count}) =>
        sample(FAMILIES.requests, {route: id ?? '', method, code: status === 0 ? 'other' : status}, count),
      )
      .join(''),
  )
  const bounds = source.durationBoundsMs.map(ms => ms / 1000)
  yield* inPieces(answered, FAMILIES.duration, id => {
    const answers = source.answersOf(id)
    if (answers === null) return ''
    return renderHistogram(FAMILIES.duration.name, {route: id ?? ''}, bounds, answers.buckets, answers.sumMs / 1000)
  })
  const copied = asked.filter(({counted}) => counted.copiesDropped > 0)
  yield* inPieces(copied, FAMILIES.copiesDropped, ({id, counted}) =>
    sample(FAMILIES.copiesDropped, {route: id}, counted.copiesDropped),
  )
  const tunnelled = asked.filter(({counted}) => counted.bytesIn + counted.bytesOut > 0)
  yield* inPieces(
    tunnelled,
    FAMILIES.tunnelled,
    ({id, counted}) =>
      sample(FAMILIES.tunnelled, {route: id, direction: 'in'}, counted.bytesIn) +
      sample(FAMILIES.tunnelled, {route: id, direction: 'out'}, counted.bytesOut),
  )
}

function sample({name}: Family, labels: Labels, value: number): string {
  return renderSample(name, labels, value)
}

function* inPieces<T>(all: readonly T[], of: Family, render: (one: T) => string): Generator<string, void, void> {
  yield renderFamily(of)
  for (let from = 0; from < all.length; from += PIECE)
    yield all
      .slice(from, from + PIECE)
      .map(render)
      .join('')
}
