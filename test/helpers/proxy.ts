// A data plane on a port of its own that serves a literal snapshot: no configuration, no files.

import {type Clock, systemClock} from '../../src/base/clock.ts'
import {silentLog} from '../../src/base/log.ts'
import type {Scope} from '../../src/base/scope.ts'
import type {AccessLogOptions} from '../../src/proxy/access-log.ts'
import type {Edge} from '../../src/proxy/edge.ts'
import {createDataPlane, type Plane} from '../../src/proxy/plane.ts'
import type {Certificate} from '../../src/snapshot/certificate.ts'
import type {
  ForwardHeaders,
  HeadPolicy,
  Protocol,
  Snapshot,
  Timeouts,
  UpstreamTls,
} from '../../src/snapshot/snapshot.ts'
import type {SpanChunk} from '../../src/snapshot/spans.ts'

export type Proxy = {
  readonly port: number
  /** Where services are asked for by their slugs. */
  readonly servicePort: number
  /** 0 unless certificates are given. */
  readonly httpsPort: number
  readonly plane: Plane
}

export type ProxyOptions = {
  readonly workers?: number
  readonly edge?: Partial<Edge>
  /** Serves https with them. */
  readonly certificates?: readonly Certificate[]
  readonly clock?: Clock
  readonly access?: AccessLogOptions
  readonly onLines?: (lines: string, taken: () => void) => void
  /** Share of the traces that begin here and get spans. */
  readonly sampling?: number
  readonly onSpans?: (spans: SpanChunk, dropped: number) => void
}

export type SnapshotOptions = {
  readonly revision?: string
  readonly timeouts?: Partial<Timeouts>
  readonly forward?: Partial<ForwardHeaders>
  readonly head?: HeadPolicy | null
  /** Of instances with an 'https:' target. */
  readonly tls?: Partial<UpstreamTls>
  /** What instances speak. */
  readonly protocol?: Protocol
}

/** What a listener allows unless a test says otherwise. */
export const EDGE: Edge = {
  maxConnections: 20_000,
  perClient: null,
  requestsPerConnection: 100_000,
  headerTimeoutMs: 10_000,
  idleTimeoutMs: 75_000,
  headBytes: 32_768,
  headers: 100,
  bodyRateBytesPerS: 240,
  tunnelDrainMs: 30_000,
  trustedProxies: [],
  proxyProtocol: false,
  minTlsVersion: 'TLSv1.2',
  pseudonym: 'routesd',
}

const TIMEOUTS: Timeouts = {
  connectMs: 5_000,
  sendMs: 60_000,
  responseMs: 60_000,
  idleMs: 60_000,
  tunnelMs: 3_600_000,
}

const TLS: UpstreamTls = {serverName: '', ca: '', cert: '', key: '', insecure: false}

/** Serves `{id: target}` until the scope closes. */
export function proxyOf(
  scope: Scope,
  routes: Readonly<Record<string, string>>,
  options: ProxyOptions & SnapshotOptions = {},
): Promise<Proxy> {
  return proxyServing(scope, snapshotOf(routes, options), options)
}

/** Serves a whole snapshot until the scope closes. */
export async function proxyServing(scope: Scope, snapshot: Snapshot, options: ProxyOptions = {}): Promise<Proxy> {
  const plane = createDataPlane({
    workers: options.workers ?? 1,
    http: {host: '127.0.0.1', port: 0},
    https: options.certificates ? {host: '127.0.0.1', port: 0} : null,
    service: {host: '127.0.0.1', port: 0},
    edge: {...EDGE, ...options.edge},
    clock: options.clock ?? systemClock,
    log: silentLog,
    access: options.access ?? null,
    ...(options.onLines ? {onLines: options.onLines} : {}),
    ...(options.onSpans ? {onSpans: options.onSpans} : {}),
  })
  if (options.sampling !== undefined) plane.setSampling(options.sampling)
  await plane.start()
  scope.defer(async () => void (await plane.drain(0)))
  await plane.apply(snapshot)
  if (options.certificates) await plane.setCertificates(options.certificates)
  const {http, https, service} = await plane.listen()
  const portOf = (addresses: readonly string[]) => Number(addresses[0]?.split(':').at(-1))
  return {port: portOf(http), servicePort: portOf(service), httpsPort: https.length > 0 ? portOf(https) : 0, plane}
}

/** A snapshot as the compiler would make it. */
export function snapshotOf(routes: Readonly<Record<string, string>>, options: SnapshotOptions = {}): Snapshot {
  const targets = [...new Set(Object.values(routes))].map(target => ({target, url: new URL(target)}))
  const origin = ({protocol, hostname, port}: URL) =>
    `${protocol}//${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
  return {
    revision: options.revision ?? 'test',
    content: JSON.stringify([routes, options]),
    routes: Object.entries(routes).map(([id, target]) => {
      const slash = id.indexOf('/')
      return {
        id,
        host: slash < 0 ? id : id.slice(0, slash),
        prefix: slash < 0 ? '' : id.slice(slash),
        variants: [],
        action: {kind: 'forward', pool: target},
        mirror: null,
        retry: null,
        head: options.head ?? null,
        timeouts: {...TIMEOUTS, ...options.timeouts},
        source: {file: 'routes.d/test.yaml', line: 1},
      }
    }),
    pools: targets.map(({target, url}) => ({
      key: target,
      name: target,
      members: [
        {
          key: target,
          id: target,
          instance: origin(url),
          basePath: url.pathname.replace(/\/$/, ''),
          check: null,
          weight: 1,
          isBackup: false,
          isDown: false,
        },
      ],
      protocol: options.protocol ?? 'http1',
      balance: {kind: 'round-robin'},
      rotation: [0],
      sticky: null,
      slowStartMs: 0,
      passive: null,
      circuit: null,
      maxInFlight: 0,
      queue: null,
    })),
    instances: targets.map(({url}) => ({
      key: origin(url),
      scheme: url.protocol === 'https:' ? 'https' : 'http',
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
      protocol: options.protocol ?? 'http1',
      tls: url.protocol === 'https:' ? {...TLS, ...options.tls} : null,
      keepalive: {idle: 64, timeoutMs: 60_000},
    })),
    checks: [],
    services: [],
    hosts: [],
    forward: {forwarded: false, via: false, requestId: false, traceparent: false, ...options.forward},
  }
}
