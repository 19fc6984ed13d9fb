// Services as service mode serves them, and the instances that join them while the daemon runs: those that registered and
// those that were discovered. What joins is compiled as if it had been written beside the declared ones, so that it has the
// same check, the same TLS and the same keys.

import {isIP} from 'node:net'
import {parseDuration} from '../../base/units.ts'
import type {Check, Discovery, Instance, Pool, ServiceRoute, Snapshot, Timeouts} from '../../snapshot/snapshot.ts'
import type {Placed} from '../config/config.ts'
import type {References} from '../config/references.ts'
import type {Service, ServiceDiscover, ServiceInstance} from '../config/types.ts'
import {createPools, type Pools} from './pools.ts'
import {readTarget} from './target.ts'
import {createTimeouts} from './timeouts.ts'
import {compileUpstreamTls} from './upstream-tls.ts'

/** Every service under its slug, in the order of the slugs. */
export function compileServices(
  services: readonly Placed<Service>[],
  references: References,
  pools: Pools,
  timeouts: Timeouts,
): ServiceRoute[] {
  return [...services].sort(bySlug).map(({value, file, line}): ServiceRoute => {
    const tls = compileUpstreamTls(value.upstreamTls, file, references)
    return {
      slug: value.slug,
      pool: pools.ofService(value, tls),
      stripSlug: value.stripSlug ?? false,
      timeouts,
      register: value.register ?? false,
      discover: value.discover
        ? compileDiscovery(value.discover, tls === null && value.protocol !== 'h2' ? 'http' : 'https')
        : null,
      source: {file, line},
    }
  })
}

/** An instance that was not written: its URL, and its share where the source says one. */
export type Joining = Required<Pick<ServiceInstance, 'url' | 'weight' | 'backup'>>

/** What the pools of one service become; the same pool when nobody joins. */
export type Joined = {
  readonly pool: Pool
  readonly instances: readonly Instance[]
  readonly checks: readonly Check[]
}

/** The pool of a service with those that join it; one that is declared, or joins twice, counts once and as declared. */
export function joinService(service: Placed<Service>, references: References, joining: readonly Joining[]): Joined {
  const {value, file} = service
  const tls = compileUpstreamTls(value.upstreamTls, file, references)
  const declared = (value.instances ?? []).map(written => (typeof written === 'string' ? {url: written} : written))
  const known = new Set(declared.map(({url}) => placeOf(url)))
  const others = joining.filter(({url}) => {
    const place = placeOf(url)
    return !known.has(place) && known.add(place)
  })
  const pools = createPools()
  const key = pools.ofService({...value, instances: [...declared, ...others]}, tls)
  const pool = pools.list().find(each => each.key === key)
  if (!pool) throw new Error(`service ${value.slug} has no pool`)
  return {pool, instances: pools.instances(), checks: pools.checks()}
}

/** A snapshot with these pools in place of its own, and nothing that no pool names; its content stays that of its files. */
export function withJoined(snapshot: Snapshot, joined: readonly Joined[]): Snapshot {
  if (joined.length === 0) return snapshot
  const pools = new Map(joined.map(({pool}) => [pool.key, pool]))
  const instances = new Map(snapshot.instances.map(instance => [instance.key, instance]))
  for (const instance of joined.flatMap(each => each.instances)) instances.set(instance.key, instance)
  const checks = new Map([...snapshot.checks, ...joined.flatMap(each => each.checks)].map(check => [check.key, check]))
  const all = snapshot.pools.map(pool => pools.get(pool.key) ?? pool)
  const members = all.flatMap(pool => pool.members)
  const named = new Set(members.flatMap(({instance, check}) => (check === null ? [instance] : [instance, check])))
  return {
    ...snapshot,
    pools: all,
    instances: [...instances.values()].filter(({key}) => named.has(key)),
    checks: [...checks.values()].filter(({key}) => named.has(key)),
  }
}

/** With services of these slugs that are answered at a unix socket. */
export function withBuiltIn(snapshot: Snapshot, slugs: readonly string[], socket: string): Snapshot {
  const pools = createPools()
  // Compiled as a service of one instance, whose place then is the socket. No slug and no URL is like its key.
  const key = pools.ofService({slug: 'routesd:built-in', instances: ['http://localhost']}, null)
  const instances = pools.instances().map(other => ({...other, key: `unix:${socket}`, host: socket, port: 0}))
  const built = pools.list().map(pool => ({
    ...pool,
    members: pool.members.map(member => ({...member, id: key, instance: `unix:${socket}`})),
  }))
  const timeouts = createTimeouts()(undefined)
  const source = {file: '', line: 0}
  const services = slugs.map(
    (slug): ServiceRoute => ({slug, pool: key, stripSlug: false, timeouts, register: false, discover: null, source}),
  )
  return {
    ...snapshot,
    pools: [...snapshot.pools, ...built],
    instances: [...snapshot.instances, ...instances],
    services: [...snapshot.services, ...services],
  }
}

/** 'http://10.0.0.1:8080' and '/base': origin, as instances are known, and path of a target that the checks accept. */
export function placeOf(url: string): string {
  const {instance, basePath} = readTarget(url, {})
  return instance.key + basePath
}

/** The URL of an address and a port that DNS named. */
export function urlOf(scheme: Discovery['scheme'], host: string, port: number): string {
  return `${scheme}://${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

// ---

// Certificates are what https is for: a service that says how they are checked is asked over https, as one that speaks h2.
function compileDiscovery(
  {dns, type = 'A', port = 0, every = '10s'}: ServiceDiscover,
  scheme: Discovery['scheme'],
): Discovery {
  const everyMs = parseDuration(every)
  if (everyMs === null) throw new Error(`not a duration: ${every}`)
  return {dns, type, scheme, port, everyMs}
}

function bySlug(a: Placed<Service>, b: Placed<Service>): number {
  return a.value.slug < b.value.slug ? -1 : 1
}
