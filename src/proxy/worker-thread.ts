// The main thread's end of one worker: starts it, hands it tables piece by piece, and knows when it is gone.

import {Worker} from 'node:worker_threads'
import type {Board} from '../scoreboard/board.ts'
import type {Certificate, ChallengeAnswer} from '../snapshot/certificate.ts'
import type {Instance, Pool, ServiceRoute, Snapshot} from '../snapshot/snapshot.ts'
import {
  type BoardName,
  CERTIFICATES_CHUNK,
  CHUNK,
  type FromWorker,
  type Listener,
  type ToWorker,
  type WireInstance,
  type WirePool,
  type WireRoute,
  type WireService,
  type WorkerStart,
} from './messages.ts'
import {serviceRouteId} from './service-route.ts'
import type {TicketKeys} from './tls/certificates.ts'

export type Boards = Readonly<Record<Exclude<BoardName, 'answers'>, Board>> & {
  /** In the slots of `routes`. */
  readonly answers: Pick<Board, 'segments'>
}

export type WorkerThread = {
  /** Revision that it serves; '' before the first. */
  revision(): string
  /** Resolves when the worker serves the snapshot; rejects when it dies before. One transfer at a time. */
  transfer(snapshot: Snapshot): Promise<void>
  /** Resolves with what was bound, or the address and the error code that kept it from being. */
  listen(listeners: readonly Listener[]): Promise<{listeners: readonly Listener[]} | {refused: Listener; code: string}>
  /** Resolves when the worker picks from these members; rejects when it dies before. */
  setPool(pool: Pool, instances: readonly Instance[]): Promise<void>
  /** Resolves when the worker uses the certificates in `order`, of which it does not have the `changed` ones yet. */
  setCertificates(changed: readonly Certificate[], order: readonly string[]): Promise<void>
  setChallenges(answers: readonly ChallengeAnswer[]): Promise<void>
  setPendingNames(names: readonly string[]): void
  setTicketKeys(keys: TicketKeys): void
  /** Opens the file of its access log again. */
  reopenLog(): void
  setAddresses(host: string, addresses: readonly string[], reason: string): void
  /** Resolves when the last request is answered, or after `withinMs`, or when it is gone. */
  drain(withinMs: number): Promise<void>
  stop(): Promise<void>
}

/** Runs the worker's file: '.ts' from source, '.js' as built. */
const ENTRY = new URL(`./worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

/**
 * Starts a worker; `onExit` is called once when it ends, with the error if there was one, `onUnusable` with each
 * certificate that was asked for in vain.
 */
export function startWorker(
  start: WorkerStart,
  boards: Boards,
  onExit: (error: Error | null) => void,
  onUnusable: (certificate: string, why: string) => void,
  onLines: (lines: string, taken: () => void) => void,
): WorkerThread {
  const worker = new Worker(ENTRY, {workerData: start})
  const sentSegments = {routes: 0, answers: 0, instances: 0, pools: 0, members: 0}
  let waiting: {resolve: (message: FromWorker) => void; reject: (error: Error) => void} | null = null
  let failure: Error | null = null
  let gone = false
  let revision = ''
  let transfers: Promise<void> = Promise.resolve()

  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'started') return
    if (message.kind === 'unusable') {
      onUnusable(message.certificate, message.why)
      return
    }
    if (message.kind === 'log') {
      onLines(message.lines, () => send({kind: 'logged'}))
      return
    }
    const {resolve} = waiting ?? {}
    waiting = null
    resolve?.(message)
  })
  worker.on('error', error => {
    failure = error instanceof Error ? error : new Error(String(error))
  })
  worker.on('exit', () => {
    gone = true
    waiting?.reject(failure ?? new Error('the worker ended'))
    waiting = null
    onExit(failure)
  })

  function send(message: ToWorker): void {
    worker.postMessage(message)
  }

  // One question at a time: the answer to each piece is the leave to send the next, so that the worker's loop turns between.
  function ask(message: ToWorker): Promise<FromWorker> {
    if (gone) return Promise.reject(failure ?? new Error('the worker ended'))
    return new Promise((resolve, reject) => {
      waiting = {resolve, reject}
      send(message)
    })
  }

  async function transferNow(snapshot: Snapshot): Promise<void> {
    // Slots first: they may add segments, which the worker must have before it is told of a slot in them.
    const instances = (from: number) =>
      snapshot.instances.slice(from, from + CHUNK).map(instance => wireInstance(boards, instance))
    const routes = (from: number) => snapshot.routes.slice(from, from + CHUNK).map(route => wireRoute(boards, route))
    sendSegments()
    await ask({kind: 'begin', revision: snapshot.revision, forward: snapshot.forward})
    for (let from = 0; from < snapshot.instances.length; from += CHUNK) {
      const chunk = instances(from)
      sendSegments()
      await ask({kind: 'instances', instances: chunk})
    }
    for (let from = 0; from < snapshot.pools.length; from += CHUNK) {
      const chunk = snapshot.pools.slice(from, from + CHUNK).map(pool => wirePool(boards, pool))
      sendSegments()
      await ask({kind: 'pools', pools: chunk})
    }
    for (let from = 0; from < snapshot.routes.length; from += CHUNK) {
      const chunk = routes(from)
      sendSegments()
      await ask({kind: 'routes', routes: chunk})
    }
    for (let from = 0; from < snapshot.services.length; from += CHUNK) {
      const chunk = snapshot.services.slice(from, from + CHUNK).map(service => wireService(boards, service))
      sendSegments()
      await ask({kind: 'services', services: chunk})
    }
    for (let from = 0; from < snapshot.hosts.length; from += CHUNK) {
      await ask({kind: 'hosts', hosts: snapshot.hosts.slice(from, from + CHUNK)})
    }
    await ask({kind: 'commit'})
    revision = snapshot.revision
  }

  function sendSegments(): void {
    for (const board of ['routes', 'answers', 'instances', 'pools', 'members'] as const) {
      const segments = boards[board].segments()
      for (const buffer of segments.slice(sentSegments[board])) send({kind: 'segment', board, buffer})
      sentSegments[board] = segments.length
    }
  }

  // Whatever went before, well or not, is over when the next begins.
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = transfers.then(work)
    transfers = mine.then(
      () => {},
      () => {},
    )
    return mine
  }

  return {
    revision: () => revision,
    transfer: snapshot => inTurn(() => transferNow(snapshot)),
    listen: listeners =>
      inTurn(async () => {
        const answer = await ask({kind: 'listen', listeners})
        if (answer.kind === 'refused') return {refused: answer.listener, code: answer.code}
        return {listeners: answer.kind === 'listening' ? answer.listeners : []}
      }),
    setPool: (pool, instances) =>
      inTurn(async () => {
        const message = {
          kind: 'pool',
          pool: wirePool(boards, pool),
          instances: instances.map(instance => wireInstance(boards, instance)),
        } as const
        sendSegments()
        await ask(message)
      }),
    setCertificates: (changed, order) =>
      inTurn(async () => {
        for (let from = 0; from < changed.length; from += CERTIFICATES_CHUNK) {
          await ask({kind: 'certificates', changed: changed.slice(from, from + CERTIFICATES_CHUNK), order: null})
        }
        await ask({kind: 'certificates', changed: [], order})
      }),
    setChallenges: answers =>
      inTurn(async () => {
        await ask({kind: 'challenges', answers})
      }),
    setPendingNames: names => send({kind: 'pendingNames', names}),
    setTicketKeys: keys => send({kind: 'ticketKeys', keys}),
    reopenLog: () => send({kind: 'reopen'}),
    setAddresses: (host, addresses, reason) => send({kind: 'addresses', host, addresses, reason}),
    async drain(withinMs) {
      await inTurn(() => ask({kind: 'drain', withinMs})).catch(() => {})
    },
    async stop() {
      await worker.terminate()
    },
  }
}

// ---

function wireRoute(boards: Boards, {source: _, ...route}: Snapshot['routes'][number]): WireRoute {
  return {...route, slot: boards.routes.slotOf(route.id)}
}

function wireService(boards: Boards, service: ServiceRoute): WireService {
  const {slug, pool, stripSlug, timeouts} = service
  return {slug, pool, stripSlug, timeouts, slot: boards.routes.slotOf(serviceRouteId(service))}
}

function wirePool(boards: Boards, pool: Snapshot['pools'][number]): WirePool {
  return {
    ...pool,
    members: pool.members.map(member => ({...member, slot: boards.members.slotOf(member.key)})),
    slot:
      pool.members.length > 1 || pool.circuit !== null || pool.queue !== null ? boards.pools.slotOf(pool.key) : null,
  }
}

function wireInstance(boards: Boards, instance: Snapshot['instances'][number]): WireInstance {
  return {...instance, slot: boards.instances.slotOf(instance.key)}
}
