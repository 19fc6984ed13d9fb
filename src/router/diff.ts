// Which URLs change hands between two snapshots. Matching is by host pattern and by prefix on segment boundaries, so the
// patterns and prefixes of both cut the space of all URLs into finitely many pieces, and within a piece every URL has the
// same route before and the same route after. The answer is exact: a piece that is not listed is served as it was.

import type {Route, Snapshot} from '../snapshot/snapshot.ts'
import {destinationOf} from './destination.ts'
import {compareHosts, type HostChange, otherHosts} from './diff-hosts.ts'
import {describeChange} from './diff-note.ts'
import {diffServices} from './diff-services.ts'
import {narrow} from './narrow.ts'
import {indexPools, isSameRoute, type PoolIndex} from './route-content.ts'
import {addRoute, createRouting, findHost, type HostRoutes, matchPrefix, type Routing} from './routing.ts'

export type Change = {
  /** 'moved': another destination; 'changed': the same destination, but another route or another policy. */
  readonly kind: 'added' | 'removed' | 'moved' | 'changed'
  /**
   * Host pattern and prefix, without what longer prefixes and more specific hosts of either snapshot take from it; or
   * 'service:<slug>' for what service mode serves under that slug.
   */
  readonly space: string
  readonly before: Side | null
  readonly after: Side | null
  readonly flags: readonly Flag[]
  /** What it means, as a sentence without its end. */
  readonly note: string
}

export type Side = {readonly id: string; readonly destination: string; readonly file: string; readonly line: number}

/**
 * 'shadowed': the route that had this space is still there, and another one hides it here. 'access-lost', 'access-gained': who
 * may come in is no longer looked at, or is from now on.
 */
export type Flag = 'shadowed' | 'access-lost' | 'access-gained'

/** Every piece of URL space that is not served as before, by host and prefix; then those of service mode, by slug. */
export function diffSnapshots(from: Snapshot, to: Snapshot): Change[] {
  const [before, after] = narrow(from, to)
  const [old, now] = [indexOf(before), indexOf(after)]
  const hostAt = compareHosts(before.hosts, after.hosts)
  const routed = [...before.routes, ...after.routes].map(({host}) => host)
  const patterns = new Set([...routed, ...otherHosts(before.hosts, after.hosts)])
  const changes = [...patterns].sort().flatMap(pattern => diffHosts(pattern, old, now, hostAt(pattern)))
  return [...changes, ...diffServices(before, after, old.pools, now.pools)]
}

/** A route and the pattern that owns the host it was looked up for. */
export type Owned = {readonly route: Route | null; readonly pattern: string | null}

// ---

type Index = {readonly routing: Routing<Route>; readonly ids: ReadonlySet<string>; readonly pools: PoolIndex}

function indexOf(snapshot: Snapshot): Index {
  const routing = createRouting<Route>()
  for (const route of snapshot.routes) addRoute(routing, route.host, route.prefix, route)
  return {routing, ids: new Set(snapshot.routes.map(({id}) => id)), pools: indexPools(snapshot)}
}

// All hosts that `pattern` matches and no more specific pattern of either snapshot does: they have one owner in each.
function diffHosts(pattern: string, old: Index, now: Index, host: HostChange): Change[] {
  const [was, is] = [ownerOf(old.routing, pattern), ownerOf(now.routing, pattern)]
  const prefixes = new Set(['', ...(was?.prefixes.keys() ?? []), ...(is?.prefixes.keys() ?? [])])
  return [...prefixes].sort().flatMap(prefix => {
    const a = {route: routeAt(was, prefix), pattern: was?.pattern ?? null}
    const b = {route: routeAt(is, prefix), pattern: is?.pattern ?? null}
    return diffPiece(pattern + prefix, a, b, old, now, host)
  })
}

function ownerOf(routing: Routing<Route>, pattern: string): HostRoutes<Route> | null {
  if (pattern === '*') return routing.any
  if (pattern.startsWith('*.')) return routing.wildcard.get(pattern.slice(2)) ?? routing.any
  return findHost(routing, pattern)
}

function routeAt(owner: HostRoutes<Route> | null, prefix: string): Route | null {
  return owner === null ? null : matchPrefix(owner, prefix === '' ? '/' : prefix)
}

function diffPiece(space: string, a: Owned, b: Owned, old: Index, now: Index, host: HostChange): Change[] {
  if (a.route === null && b.route === null) return []
  const isServed = a.route !== null && b.route !== null
  const words = isServed ? host.words : []
  const isSame = isServed && a.route.id === b.route.id && isSameRoute(a.route, b.route, old.pools, now.pools)
  if (isSame && words.length === 0) return []
  const isShadowed = a.route !== null && a.route.id !== b.route?.id && now.ids.has(a.route.id)
  const change = {
    kind: kindOf(a.route, b.route),
    space,
    before: sideOf(a.route),
    after: sideOf(b.route),
    flags: [...(isShadowed ? (['shadowed'] as const) : []), ...(isServed ? host.flags : [])],
  }
  const routeWords = isSame ? [] : [describeChange(a, b, old.pools, now.pools, isShadowed)]
  return [{...change, note: [...routeWords, ...words].join('; ')}]
}

function kindOf(a: Route | null, b: Route | null): Change['kind'] {
  if (a === null) return 'added'
  if (b === null) return 'removed'
  const [was, is] = [destinationOf(a.action), destinationOf(b.action)]
  return was.kind === is.kind && was.destination === is.destination ? 'changed' : 'moved'
}

function sideOf(route: Route | null): Side | null {
  return route && {id: route.id, destination: destinationOf(route.action).destination, ...route.source}
}
