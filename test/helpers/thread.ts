// The inside of a worker in the test's own process, so that a test can look at what it keeps.

import type {Scope} from '../../src/base/scope.ts'
import type {Edge} from '../../src/proxy/edge.ts'
import {listen} from '../../src/proxy/listener.ts'
import {addSegment} from '../../src/proxy/live-state.ts'
import {buildTable} from '../../src/proxy/table.ts'
import {Thread} from '../../src/proxy/thread.ts'
import {TICK_MS} from '../../src/proxy/ticks.ts'
import {createAnswersSegment} from '../../src/scoreboard/answers.ts'
import {type Board, createBoard} from '../../src/scoreboard/board.ts'
import {createDoorsMemory} from '../../src/scoreboard/doors.ts'
import {createGauges} from '../../src/scoreboard/gauges.ts'
import {EDGE, type SnapshotOptions, snapshotOf} from './proxy.ts'

export type ServedThread = {
  readonly port: number
  readonly thread: Thread
  readonly routes: Board
  readonly instances: Board
}

/** Serves `{id: target}` in this thread until the scope closes. */
export async function threadOf(
  scope: Scope,
  targets: Readonly<Record<string, string>>,
  options: SnapshotOptions & {readonly edge?: Partial<Edge>} = {},
): Promise<ServedThread> {
  const edge = {...EDGE, ...options.edge}
  const doors = createDoorsMemory(1)
  const thread = new Thread(
    {
      lane: 0,
      lanes: 1,
      edge,
      doors,
      doorsSeed: 1,
      ticketKeys: [new Uint8Array(48), new Uint8Array(48)],
      gauges: createGauges(1),
    },
    () => {},
  )
  const [routes, instances, members] = [createBoard(1), createBoard(1), createBoard(1)]
  const snapshot = snapshotOf(targets, options)
  const wireInstances = snapshot.instances.map(instance => ({...instance, slot: instances.slotOf(instance.key)}))
  const wireRoutes = snapshot.routes.map(route => ({...route, slot: routes.slotOf(route.id)}))
  const wirePools = snapshot.pools.map(pool => ({
    ...pool,
    members: pool.members.map(member => ({...member, slot: members.slotOf(member.key)})),
    slot: null,
  }))
  for (const buffer of members.segments()) addSegment(thread.live, 'members', buffer)
  for (const buffer of routes.segments()) addSegment(thread.live, 'routes', buffer)
  for (const _ of routes.segments()) addSegment(thread.live, 'answers', createAnswersSegment(1))
  for (const buffer of instances.segments()) addSegment(thread.live, 'instances', buffer)
  const builder = buildTable(thread.live, snapshot.revision, snapshot.forward)
  builder.addInstances(wireInstances)
  builder.addPools(wirePools)
  builder.addRoutes(wireRoutes)
  thread.table = builder.finish()
  const timer = setInterval(() => thread.ticks.tick(), TICK_MS)
  scope.defer(() => clearInterval(timer))
  const opened = await listen(thread, {kind: 'http', address: {host: '127.0.0.1', port: 0}})
  if (typeof opened === 'string') throw new Error(opened)
  scope.defer(() => {
    opened.server.close()
    for (const client of thread.clients) client.socket.destroy()
    for (const origin of thread.live.origins.values()) origin.retire()
  })
  return {port: opened.listener.address.port, thread, routes, instances}
}
