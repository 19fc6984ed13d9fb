// A worker thread of the data plane: takes tables and addresses from the main thread, listens, and serves.

import type {Server} from 'node:net'
import {parentPort, workerData} from 'node:worker_threads'
import {createHostIndex} from '../router/host-index.ts'
import type {Certificate} from '../snapshot/certificate.ts'
import type {SpanChunk} from '../snapshot/spans.ts'
import type {AccessLogOptions} from './access-log.ts'
import {createChallenges} from './challenge.ts'
import {listen} from './listener.ts'
import {addSegment, unroutedIn} from './live-state.ts'
import type {FromWorker, Listener, ToWorker, WirePool, WorkerStart} from './messages.ts'
import {type OpenAccessLog, openAccessLog} from './open-access-log.ts'
import {patchTable, type TablePatch} from './patch.ts'
import {replaceMembers} from './regroup.ts'
import {buildTable, hasMember, isSameRoute, type Table, type TableBuilder} from './table.ts'
import {Thread} from './thread.ts'
import {TICK_MS} from './ticks.ts'
import {createSpanBuffer, type SpanBuffer} from './tracing/span-buffer.ts'
import {createWorkerGauges} from './worker-gauges.ts'

/** Idle connections to instances are looked through every so many ticks. */
const TRIM_TICKS = 10

const start = workerData as WorkerStart
const thread = new Thread(start, (certificate, why) => say({kind: 'unusable', certificate, why}))
const noteGauges = createWorkerGauges(thread)
const servers: Server[] = []
const received: Certificate[] = []
let builder: TableBuilder | TablePatch | null = null
/** Pools that get other members with the next table. */
let regrouped: readonly WirePool[] = []
/** Made when the first request may have spans. */
let spans: SpanBuffer | null = null
let ticks = 0
let isLeaving = false
/** Access logs whose lines went to the main thread, in the order in which it takes them. */
const sending: OpenAccessLog[] = []
let accessLog: OpenAccessLog | null = null
/** Access logs that others have taken the place of. */
let endings: Promise<unknown> = Promise.resolve()
setAccess(start.access)

setInterval(tick, TICK_MS)
parentPort?.on('message', (message: ToWorker) => void receive(message))
say({kind: 'started'})

// ---

function say(message: FromWorker): void {
  parentPort?.postMessage(message)
}

function saySpans(chunk: SpanChunk, dropped: number): void {
  const message: FromWorker = {kind: 'spans', spans: chunk, dropped}
  parentPort?.postMessage(message, [chunk.bytes.buffer, chunk.ends.buffer])
}

function trace(sample: number | null): void {
  thread.tracer = null
  if (sample === null) return
  spans ??= createSpanBuffer(saySpans)
  thread.tracer = {sample, spans}
}

async function receive(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'segment':
      addSegment(thread.live, message.board, message.buffer)
      if (message.board === 'answers') thread.unrouted = unroutedIn(thread.live) ?? thread.unrouted
      return
    case 'begin':
      builder = buildTable(thread.live, message.revision, message.forward)
      return say({kind: 'done'})
    case 'change':
      builder = patchTable(thread.live, thread.table, message)
      return say({kind: 'done'})
    case 'gone':
      if (builder && 'remove' in builder) builder.remove(message.gone)
      return say({kind: 'done'})
    case 'members':
      if (builder && 'regroup' in builder) builder.regroup(message.pools)
      regrouped = [...regrouped, ...message.pools]
      return say({kind: 'done'})
    case 'instances':
      builder?.addInstances(message.instances)
      return say({kind: 'done'})
    case 'pools':
      builder?.addPools(message.pools)
      return say({kind: 'done'})
    case 'routes':
      builder?.addRoutes(message.routes)
      return say({kind: 'done'})
    case 'services':
      builder?.addServices(message.services)
      return say({kind: 'done'})
    case 'hosts':
      builder?.addHosts(message.hosts)
      return say({kind: 'done'})
    case 'commit':
      if (builder) swap(builder.finish())
      regrouped.forEach(retireTunnels)
      regrouped = []
      builder = null
      return say({kind: 'done'})
    case 'listen':
      return open(message.listeners)
    case 'pool':
      replaceMembers(thread.live, thread.table, message.pool, message.instances)
      retireTunnels(message.pool)
      return say({kind: 'done'})
    case 'certificates':
      takeCertificates(message.changed, message.order)
      return say({kind: 'done'})
    case 'ticketKeys':
      thread.certificates.setTicketKeys(message.keys)
      return
    case 'pendingNames':
      thread.pendingNames = createHostIndex()
      for (const name of message.names) thread.pendingNames.set(name, true)
      for (const handshake of thread.handshakes) handshake.retry()
      return
    case 'challenges':
      thread.challenges = message.answers.length === 0 ? null : createChallenges(message.answers)
      return say({kind: 'done'})
    case 'addresses':
      return setAddresses(message.host, message.addresses, message.reason)
    case 'drain':
      return drain(message.withinMs)
    case 'reopen':
      return thread.access?.reopen()
    case 'logged':
      return sending.shift()?.taken()
    case 'edge':
      thread.setEdge(message.edge)
      return say({kind: 'done'})
    case 'access':
      setAccess(message.access)
      return say({kind: 'done'})
    case 'sampling':
      trace(message.sample)
      return
    case 'spansTaken':
      return spans?.taken()
  }
}

// Requests under way keep the table they began with. A tunnel may last for hours, so it is told when its route is no more.
function swap(table: Table): void {
  thread.table = table
  for (const {tunnel} of thread.clients) {
    if (tunnel && !isSameRoute(table, tunnel.route, tunnel.exchange.member)) tunnel.retire(thread.edge.tunnelDrainMs)
  }
}

// Pieces are kept until the last one says which certificates are in use.
function takeCertificates(changed: readonly Certificate[], order: readonly string[] | null): void {
  received.push(...changed)
  if (order === null) return
  thread.certificates.update(received.splice(0), order)
  // What clients have derived from the table, a redirect to https for instance, is decided anew.
  thread.table = {...thread.table}
  for (const handshake of thread.handshakes) handshake.retry()
}

function retireTunnels({key}: WirePool): void {
  const pool = thread.table.pools.get(key)
  for (const {tunnel} of thread.clients) {
    const member = tunnel?.route.pool?.key === key ? tunnel.exchange.member : null
    if (pool && member && !hasMember(pool, member)) tunnel?.retire(thread.edge.tunnelDrainMs)
  }
}

async function open(listeners: readonly Listener[]): Promise<void> {
  const bound: Listener[] = []
  for (const listener of listeners) {
    const opened = await listen(thread, listener)
    if (typeof opened === 'string') return say({kind: 'refused', listener, code: opened})
    servers.push(opened.server)
    if (listener.kind === 'https') thread.httpsPort = opened.listener.address.port
    bound.push(opened.listener)
  }
  say({kind: 'listening', listeners: bound})
}

function setAddresses(host: string, addresses: readonly string[], reason: string): void {
  thread.live.addresses.set(host, {addresses, reason})
  for (const origin of thread.live.origins.values()) {
    if (origin.host === host) origin.setAddresses(addresses, reason)
  }
}

function setAccess(options: WorkerStart['access']): void {
  if (accessLog !== null) endings = Promise.all([endings, accessLog.log.end()])
  accessLog = options === null ? null : openAccess(options)
  thread.access = accessLog?.log ?? null
}

function openAccess(options: AccessLogOptions): OpenAccessLog {
  const opened = openAccessLog(options, thread.gauges, lines => {
    sending.push(opened)
    say({kind: 'log', lines})
  })
  return opened
}

function tick(): void {
  thread.ticks.tick()
  thread.access?.tick()
  spans?.flush()
  noteGauges()
  if (++ticks % TRIM_TICKS !== 0) return
  for (const origin of thread.live.origins.values()) origin.trim(thread.ticks.nowMs)
}

function drain(withinMs: number): void {
  thread.isDraining = true
  for (const server of servers) server.close()
  for (const client of thread.clients) {
    if (client.exchange === null && client.pending === null) client.close()
    client.tunnel?.retire(withinMs)
  }
  for (const handshake of thread.handshakes) if (!handshake.hasBegun()) handshake.socket.destroy()
  for (const session of thread.sessions) session.close()
  if (thread.isEmpty()) {
    leave()
    return
  }
  thread.onEmpty = leave
  setTimeout(cutOff, withinMs)
}

// What is still under way ends here, and is written as such.
function cutOff(): void {
  for (const {socket} of thread.handshakes) socket.destroy()
  for (const client of thread.clients) client.socket.destroy()
  for (const {socket} of thread.sessions) socket.destroy()
  if (thread.isEmpty()) leave()
}

// The lines and spans of the last requests are written before anybody may end this thread.
function leave(): void {
  if (isLeaving) return
  isLeaving = true
  spans?.end()
  void Promise.all([endings, thread.access?.end()]).then(() => say({kind: 'drained'}))
}
