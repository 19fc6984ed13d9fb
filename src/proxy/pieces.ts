// A snapshot, or what has changed in it, as the messages that a worker takes one after the other: 'commit', which follows
// them, puts it all in use.

import type {Board} from '../scoreboard/board.ts'
import type {Instance, Pool, Route, ServiceRoute, Snapshot} from '../snapshot/snapshot.ts'
import {type Changes, regrouped, vanished} from './changes.ts'
import {
  type BoardName,
  CHUNK,
  type ToWorker,
  type WireInstance,
  type WirePool,
  type WireRoute,
  type WireService,
} from './messages.ts'
import {serviceRouteId} from './service-route.ts'

export type Boards = Readonly<Record<Exclude<BoardName, 'answers'>, Board>> & {
  /** In the slots of `routes`. */
  readonly answers: Pick<Board, 'segments'>
}

/** All of it, for a table beside the one in use. Making a piece may add segments to the boards, which are to be sent first. */
export function* wholeTable(boards: Boards, snapshot: Snapshot): Generator<ToWorker> {
  yield {kind: 'begin', revision: snapshot.revision, forward: snapshot.forward}
  yield* entries(boards, snapshot)
  yield* hostsOf(snapshot)
}

/** What is different, for the table in use. */
export function* changedParts(boards: Boards, changes: Changes): Generator<ToWorker> {
  const {to, instances, pools, routes, services, keepsHosts} = changes
  yield {kind: 'change', revision: to.revision, forward: to.forward, keepsHosts}
  const gone = {
    routes: vanished(routes, ({id}) => id).map(({id, host, prefix}) => ({id, host, prefix})),
    services: vanished(services, ({slug}) => slug).map(({slug}) => slug),
    pools: vanished(pools, ({key}) => key).map(({key}) => key),
    instances: vanished(instances, ({key}) => key).map(({key}) => key),
  }
  yield {kind: 'gone', gone}
  const members = new Set(regrouped(pools))
  const rebuilt = pools.come.filter(pool => !members.has(pool))
  yield* entries(boards, {instances: instances.come, pools: rebuilt, routes: routes.come, services: services.come})
  if (!keepsHosts) yield* hostsOf(to)
  for (const chunk of chunks([...members])) {
    yield {kind: 'members', pools: chunk.map(pool => wirePool(boards, pool))}
  }
}

export function wireInstance(boards: Boards, instance: Instance): WireInstance {
  return {...instance, slot: boards.instances.slotOf(instance.key)}
}

export function wirePool(boards: Boards, pool: Pool): WirePool {
  return {
    ...pool,
    members: pool.members.map(member => ({...member, slot: boards.members.slotOf(member.key)})),
    slot:
      pool.members.length > 1 || pool.circuit !== null || pool.queue !== null ? boards.pools.slotOf(pool.key) : null,
  }
}

// ---

type Entries = Pick<Snapshot, 'instances' | 'pools' | 'routes' | 'services'>

// In the order in which they name each other.
function* entries(boards: Boards, {instances, pools, routes, services}: Entries): Generator<ToWorker> {
  for (const chunk of chunks(instances)) {
    yield {kind: 'instances', instances: chunk.map(instance => wireInstance(boards, instance))}
  }
  for (const chunk of chunks(pools)) yield {kind: 'pools', pools: chunk.map(pool => wirePool(boards, pool))}
  for (const chunk of chunks(routes)) yield {kind: 'routes', routes: chunk.map(route => wireRoute(boards, route))}
  for (const chunk of chunks(services)) {
    yield {kind: 'services', services: chunk.map(service => wireService(boards, service))}
  }
}

function* hostsOf({hosts}: Snapshot): Generator<ToWorker> {
  for (const chunk of chunks(hosts)) yield {kind: 'hosts', hosts: chunk}
}

function* chunks<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < list.length; from += CHUNK) yield list.slice(from, from + CHUNK)
}

function wireRoute(boards: Boards, {source: _, ...route}: Route): WireRoute {
  return {...route, slot: boards.routes.slotOf(route.id)}
}

function wireService(boards: Boards, service: ServiceRoute): WireService {
  const {slug, pool, stripSlug, timeouts} = service
  return {slug, pool, stripSlug, timeouts, slot: boards.routes.slotOf(serviceRouteId(service))}
}
