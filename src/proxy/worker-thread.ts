// The main thread's end of one worker: starts it, hands it tables piece by piece, and knows when it is gone.

import {Worker} from 'node:worker_threads'
import type {Certificate, ChallengeAnswer} from '../snapshot/certificate.ts'
import type {Instance, Pool, Snapshot} from '../snapshot/snapshot.ts'
import type {SpanChunk} from '../snapshot/spans.ts'
import type {AccessLogOptions} from './access-log.ts'
import {CHANGES_MAX, type Changes, countChanges} from './changes.ts'
import type {Edge} from './edge.ts'
import {CERTIFICATES_CHUNK, type FromWorker, type Listener, type ToWorker, type WorkerStart} from './messages.ts'
import {type Boards, changedParts, wholeTable, wireInstance, wirePool} from './pieces.ts'
import type {TicketKeys} from './tls/certificates.ts'

export type WorkerThread = {
  /** Revision that it serves; '' before the first. */
  revision(): string
  /**
   * Resolves when the worker serves the snapshot; rejects when it dies before. One transfer at a time. A worker that serves
   * what the changes are from is sent no more than these.
   */
  transfer(snapshot: Snapshot, changes?: Changes | null): Promise<void>
  /** Resolves with what was bound, or the address and the error code that kept it from being. */
  listen(listeners: readonly Listener[]): Promise<{listeners: readonly Listener[]} | {refused: Listener; code: string}>
  /** Resolves when the worker picks from these members, which makes `from` into `to`; rejects when it dies before. */
  setPool(pool: Pool, instances: readonly Instance[], step: {from: Snapshot; to: Snapshot}): Promise<void>
  /** Resolves when the worker uses the certificates in `order`, of which it does not have the `changed` ones yet. */
  setCertificates(changed: readonly Certificate[], order: readonly string[]): Promise<void>
  setChallenges(answers: readonly ChallengeAnswer[]): Promise<void>
  setPendingNames(names: readonly string[]): void
  setTicketKeys(keys: TicketKeys): void
  /** Each resolves when it holds; rejects when the worker dies before. */
  setEdge(edge: Edge): Promise<void>
  setAccess(access: AccessLogOptions | null): Promise<void>
  /** Share of the traces that begin here and are recorded; null: no request has spans. */
  setSampling(sample: number | null): void
  /** Opens the file of its access log again. */
  reopenLog(): void
  setAddresses(host: string, addresses: readonly string[], reason: string): void
  /** Resolves when the last request is answered, or after `withinMs`, or when it is gone. */
  drain(withinMs: number): Promise<void>
  /** Ends it, and waits for that for TERMINATE_MS at the most; whether it has ended. */
  stop(): Promise<boolean>
}

/** A thread that is stuck in the kernel does not end, and Node 26 now and then spins in its clean-up. */
const TERMINATE_MS = 5_000

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
  onSpans: (spans: SpanChunk, dropped: number) => void,
): WorkerThread {
  const worker = new Worker(ENTRY, {workerData: start})
  const sentSegments = {routes: 0, answers: 0, instances: 0, pools: 0, members: 0}
  let waiting: {resolve: (message: FromWorker) => void; reject: (error: Error) => void} | null = null
  let failure: Error | null = null
  let gone = false
  // What its table is made of; null while it is being changed.
  let serving: Snapshot | null = null
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
    if (message.kind === 'spans') {
      onSpans(message.spans, message.dropped)
      send({kind: 'spansTaken'})
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

  async function transferNow(snapshot: Snapshot, changes: Changes | null): Promise<void> {
    const isPatch = changes !== null && serving === changes.from && countChanges(changes) <= CHANGES_MAX
    serving = null
    for (const piece of isPatch ? changedParts(boards, changes) : wholeTable(boards, snapshot)) {
      // Slots may have added segments, which the worker must have before it is told of a slot in them.
      sendSegments()
      await ask(piece)
    }
    await ask({kind: 'commit'})
    serving = snapshot
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
    transfer: (snapshot, changes = null) => inTurn(() => transferNow(snapshot, changes)),
    listen: listeners =>
      inTurn(async () => {
        const answer = await ask({kind: 'listen', listeners})
        if (answer.kind === 'refused') return {refused: answer.listener, code: answer.code}
        return {listeners: answer.kind === 'listening' ? answer.listeners : []}
      }),
    setPool: (pool, instances, {from, to}) =>
      inTurn(async () => {
        const message = {
          kind: 'pool',
          pool: wirePool(boards, pool),
          instances: instances.map(instance => wireInstance(boards, instance)),
        } as const
        sendSegments()
        await ask(message)
        if (serving === from) serving = to
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
    setEdge: edge =>
      inTurn(async () => {
        await ask({kind: 'edge', edge})
      }),
    setAccess: access =>
      inTurn(async () => {
        await ask({kind: 'access', access})
      }),
    setPendingNames: names => send({kind: 'pendingNames', names}),
    setTicketKeys: keys => send({kind: 'ticketKeys', keys}),
    setSampling: sample => send({kind: 'sampling', sample}),
    reopenLog: () => send({kind: 'reopen'}),
    setAddresses: (host, addresses, reason) => send({kind: 'addresses', host, addresses, reason}),
    async drain(withinMs) {
      await inTurn(() => ask({kind: 'drain', withinMs})).catch(() => {})
    },
    stop() {
      const late = Promise.withResolvers<boolean>()
      const timer = setTimeout(late.resolve, TERMINATE_MS, false)
      return Promise.race([worker.terminate().then(() => true), late.promise]).finally(() => clearTimeout(timer))
    },
  }
}
