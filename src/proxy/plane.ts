// The data plane as the control plane sees it: N worker threads that serve the same snapshot on the same addresses. A
// worker that dies is replaced while the others serve; what it had under way is lost, what it counted is not.

import {isDeepStrictEqual} from 'node:util'
import {type Address, formatAddress} from '../base/address.ts'
import type {Clock} from '../base/clock.ts'
import type {Log} from '../base/log.ts'
import {withPool} from '../router/with-pool.ts'
import type {Certificate, ChallengeAnswer} from '../snapshot/certificate.ts'
import type {DataPlane, Listeners, Resolved, WorkerStats} from '../snapshot/data-plane.ts'
import type {Snapshot} from '../snapshot/snapshot.ts'
import type {SpanChunk} from '../snapshot/spans.ts'
import type {AccessLogOptions} from './access-log.ts'
import {assertFree, listenError} from './assert-free.ts'
import {type Changes, changesBetween} from './changes.ts'
import type {Edge} from './edge.ts'
import {CAN_SHARE} from './listener.ts'
import type {Listener} from './messages.ts'
import {createSharedMemory} from './shared-memory.ts'
import {createTicketKeys} from './ticket-keys.ts'
import {startWorker, type WorkerThread} from './worker-thread.ts'

export type PlaneOptions = {
  readonly workers: number
  /** null: no listener. */
  readonly http: Address | null
  /** null or left out: https is not served. */
  readonly https?: Address | null
  /** Where services are asked for by their slugs; null or left out: nowhere. */
  readonly service?: Address | null
  readonly edge: Edge
  readonly clock: Clock
  readonly log: Log
  /** Called when a worker has died or has come back. */
  readonly onWorkers?: () => void
  readonly access?: AccessLogOptions | null
  /** Gets lines of the access log that are for stdout; `taken` asks for the next ones. */
  readonly onLines?: (lines: string, taken: () => void) => void
  /** Gets spans, and how many more a worker had no room for. */
  readonly onSpans?: (spans: SpanChunk, dropped: number) => void
}

/** The first replacement comes at once, the next ones after 100 ms, 200 ms, … at most this. */
const BACK_OFF_MAX_MS = 10_000
/** A worker that has served for this long has recovered: the back-off begins anew. */
const RECOVERED_MS = 60_000
/** Beyond the time that a drain was given, before a worker is ended all the same. */
const DRAIN_GRACE_MS = 500

type Seat = {
  readonly index: number
  thread: WorkerThread
  state: WorkerStats['state']
  restarts: number
  /** Deaths since it last served for RECOVERED_MS. */
  failures: number
  startedMs: number
}

/** A data plane whose bounds and access log may become others while it serves. */
export type Plane = DataPlane & {
  /** Resolves when every worker goes by it. */
  setEdge(next: Edge): Promise<void>
  setAccess(next: AccessLogOptions | null): Promise<void>
}

export function createDataPlane(options: PlaneOptions): Plane {
  const {http, https = null, service = null, clock, log} = options
  let {edge, access = null} = options
  const count = CAN_SHARE ? options.workers : 1
  const memory = createSharedMemory(count, clock)
  const {doors, doorsSeed, gauges, boards} = memory
  const addresses = new Map<string, Resolved>()
  const ticketKeys = createTicketKeys(clock, keys => {
    for (const {thread} of seats) thread.setTicketKeys(keys)
  })
  const seats: Seat[] = []
  let snapshot: Snapshot | null = null
  let certificates: readonly Certificate[] = []
  let challenges: readonly ChallengeAnswer[] = []
  let pendingNames: readonly string[] = []
  let sampling: number | null = null
  let bound: readonly Listener[] | null = null
  let isEnding = false

  function start(index: number, onEnd: (error: Error | null) => void): WorkerThread {
    const {onLines = (_: string, taken: () => void) => taken(), onSpans = () => {}} = options
    const thread = startWorker(
      {lane: index, lanes: count, edge, doors, doorsSeed, ticketKeys: ticketKeys.current(), gauges, access},
      boards,
      onEnd,
      (certificate, why) => log.error('a certificate cannot be used', {certificate, why, worker: index}),
      onLines,
      onSpans,
    )
    thread.setPendingNames(pendingNames)
    thread.setSampling(sampling)
    return thread
  }

  function seat(index: number): Seat {
    const created: Seat = {
      index,
      thread: start(index, error => onExit(created, error)),
      state: 'starting',
      restarts: 0,
      failures: 0,
      startedMs: clock.now(),
    }
    return created
  }

  function onExit(dead: Seat, error: Error | null): void {
    dead.state = 'dead'
    memory.forgetWorker(dead.index)
    if (isEnding) return
    if (clock.now() - dead.startedMs > RECOVERED_MS) dead.failures = 0
    const waitMs = dead.failures === 0 ? 0 : Math.min(BACK_OFF_MAX_MS, 100 * 2 ** (dead.failures - 1))
    dead.failures++
    log.error('a worker died and is replaced', {worker: dead.index, why: error?.message, stack: error?.stack, waitMs})
    options.onWorkers?.()
    clock.after(waitMs, () => void replace(dead))
  }

  async function replace(dead: Seat): Promise<void> {
    if (isEnding) return
    dead.restarts++
    dead.startedMs = clock.now()
    dead.state = 'starting'
    dead.thread = start(dead.index, error => onExit(dead, error))
    const thread = dead.thread
    try {
      for (const [host, known] of addresses) thread.setAddresses(host, known.addresses, known.reason)
      // The snapshot may change while it is sent; the newer one is then in the queue behind it.
      if (snapshot) await thread.transfer(snapshot)
      await thread.setCertificates(certificates, idsOf(certificates))
      await thread.setChallenges(challenges)
      if (bound) await thread.listen(bound)
      if (dead.thread === thread) dead.state = 'serving'
      log.info('a worker was replaced', {worker: dead.index, restarts: dead.restarts})
      options.onWorkers?.()
    } catch {
      // It died again; its exit has been seen and has asked for the next one.
    }
  }

  function take(next: Snapshot): Changes | null {
    const changes = snapshot && changesBetween(snapshot, next)
    snapshot = next
    memory.follow(next, changes)
    return changes
  }

  return {
    async start() {
      for (let index = 0; index < count; index++) seats.push(seat(index))
      const order = idsOf(certificates)
      for (const {thread} of seats) {
        // A worker that dies meanwhile gets them with its replacement.
        if (order.length > 0) void thread.setCertificates(certificates, order).catch(() => {})
        if (challenges.length > 0) void thread.setChallenges(challenges).catch(() => {})
      }
    },
    async apply(next) {
      const changes = take(next)
      // A worker that dies meanwhile gets the snapshot with its replacement.
      await Promise.all(seats.map(({thread}) => thread.transfer(next, changes).catch(() => {})))
    },
    async setCertificates(next) {
      const before = new Map(certificates.map(certificate => [certificate.id, certificate]))
      const changed = next.filter(certificate => !isDeepStrictEqual(certificate, before.get(certificate.id)))
      certificates = next
      await Promise.all(seats.map(({thread}) => thread.setCertificates(changed, idsOf(next)).catch(() => {})))
    },
    setPendingNames(names) {
      pendingNames = names
      for (const {thread} of seats) thread.setPendingNames(names)
    },
    setSampling(sample) {
      sampling = sample
      for (const {thread} of seats) thread.setSampling(sample)
    },
    async setChallenges(answers) {
      challenges = answers
      await Promise.all(seats.map(({thread}) => thread.setChallenges(answers).catch(() => {})))
    },
    async setPool(pool, instances) {
      const before = snapshot?.pools.find(({key}) => key === pool.key)
      if (snapshot === null || !before) return
      const from = snapshot
      const to = withPool(from, pool, instances)
      take(to)
      await Promise.all(seats.map(({thread}) => thread.setPool(pool, instances, {from, to}).catch(() => {})))
    },
    async setEdge(next) {
      edge = next
      await Promise.all(seats.map(({thread}) => thread.setEdge(next).catch(() => {})))
    },
    async setAccess(next) {
      access = next
      await Promise.all(seats.map(({thread}) => thread.setAccess(next).catch(() => {})))
    },
    async listen() {
      const wanted: Listener[] = []
      if (http !== null) wanted.push({kind: 'http', address: http})
      if (https !== null) wanted.push({kind: 'https', address: https})
      if (service !== null) wanted.push({kind: 'service', address: service})
      for (const listener of wanted) await assertFree(listener)
      let agreed: readonly Listener[] = wanted
      for (const {thread} of seats) {
        const opened = await thread.listen(agreed)
        if ('refused' in opened) throw listenError(opened.refused, opened.code)
        agreed = opened.listeners
      }
      bound = agreed
      for (const served of seats) served.state = 'serving'
      return listenersOf(agreed)
    },
    setAddresses(host, list, reason) {
      addresses.set(host, {addresses: list, reason})
      for (const {thread} of seats) thread.setAddresses(host, list, reason)
    },
    addressesOf: host => addresses.get(host) ?? null,
    ...memory.facts,
    workers: () =>
      seats.map(({index, state, restarts, thread}) => ({index, state, restarts, revision: thread.revision()})),
    reopenLogs() {
      for (const {thread} of seats) thread.reopenLog()
    },
    async drain(withinMs) {
      isEnding = true
      ticketKeys.close()
      const ended = await Promise.all(
        seats.map(async ({thread, index}) => {
          await Promise.race([thread.drain(withinMs), elapsed(clock, withinMs + DRAIN_GRACE_MS)])
          const hasEnded = await thread.stop()
          if (!hasEnded) log.error('a worker does not end and is left behind', {worker: index})
          return hasEnded
        }),
      )
      return ended.every(Boolean)
    },
  }
}

// ---

function listenersOf(listeners: readonly Listener[]): Listeners {
  const of = (kind: Listener['kind']) =>
    listeners.filter(listener => listener.kind === kind).map(({address}) => formatAddress(address))
  return {http: of('http'), https: of('https'), service: of('service')}
}

function idsOf(certificates: readonly Certificate[]): string[] {
  return certificates.map(({id}) => id)
}

function elapsed(clock: Clock, ms: number): Promise<void> {
  return new Promise(resolve => clock.after(ms, resolve))
}
