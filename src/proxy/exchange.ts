// One request and its answer: a flat record, every field set once in the constructor, so that the functions around it see
// one shape. It keeps the route and the origin it was given, whatever is reloaded meanwhile.

// Not the global of this name, which is a getter of Node's that every use would go through.
import {performance} from 'node:perf_hooks'
import {CLIENT_GONE, countAnswer} from '../scoreboard/answers.ts'
import {ERRORS, IN_FLIGHT, LATENCIES, LATENCY_MEAN, LATENCY_SUM, REQUESTS} from '../scoreboard/segment.ts'
import type {Logged} from './access-log.ts'
import {settleCircuit} from './circuit.ts'
import type {MemberEntry, PoolEntry, RouteEntry} from './entries.ts'
import {blamesInstance, FAILURES, type FailureCode} from './failure.ts'
import type {ChunkScanner} from './http1/chunked.ts'
import type {ClientConnection} from './http1/client.ts'
import type {UpstreamConnection} from './http1/upstream.ts'
import type {RequestCopy} from './mirror.ts'
import type {Origin} from './origin.ts'
import {noteFailure} from './passive.ts'
import type {StickyCookie} from './sticky.ts'
import {beginAttempt, recordAttempt, recordRequest, type Trace} from './tracing/trace.ts'
import type {WaitQueue} from './wait-queue.ts'

/** Long enough for a restart of an instance, short enough for somebody who waits. */
const RETRY_AFTER_S = 5

/** How much the latest try counts in the moving mean of an instance. */
const MEAN_SHARE = 1 / 16

/** Who is answered, as those who forward an exchange see it: a client's connection, or a copy that throws answers away. */
export type Downstream = Pick<
  ClientConnection,
  | 'thread'
  | 'socket'
  | 'address'
  | 'isTrusted'
  | 'secured'
  | 'hostValue'
  | 'hsts'
  | 'trailers'
  | 'pending'
  | 'deadlineMs'
  | 'tunnel'
  | 'hasEnded'
  | 'write'
  | 'complete'
  | 'fail'
  | 'startPace'
  | 'pause'
  | 'resume'
  | 'detach'
  | 'isHolding'
  | 'hold'
  | 'ownPending'
>

/** Who asks, as those who read and route a request see it. */
export type Requester = Downstream &
  Pick<
    ClientConnection,
    | 'isService'
    | 'requests'
    | 'exchange'
    | 'host'
    | 'hostTable'
    | 'hostRoutes'
    | 'forwarding'
    | 'refusal'
    | 'isRedirected'
    | 'answer'
  >

/** Who asks the instance, as those who send a request and take its answer see it: a connection, or a stream of one. */
export type Upstream = Pick<
  UpstreamConnection,
  'address' | 'isOpen' | 'isHolding' | 'awaitAnswer' | 'awaitSending' | 'pause' | 'resume' | 'abort'
> & {readonly socket: {write(piece: Buffer): boolean}}

export class Exchange {
  readonly client: Downstream
  route: RouteEntry | null = null
  member: MemberEntry | null = null
  /** Why there is no member. */
  refusal: FailureCode = 'no-instance'
  /** Where the attempt is counted that is under way, and its origin. */
  attempted: MemberEntry | null = null
  origin: Origin | null = null
  upstream: Upstream | null = null

  // Of the request.
  readonly method: string
  readonly minor: number
  /** Head for the instance, whole. */
  requestHead = ''
  /** Bytes of the request body that are still to come; -1 for chunked. */
  bodyLeft: number
  chunks: ChunkScanner | null = null
  isRequestDone: boolean
  expectsContinue: boolean
  takesTrailers = false
  /** A call of gRPC, by HTTP/2. */
  isGrpc = false
  /** Has any byte of the request been given to a connection? */
  isSent = false
  /** The whole request as one text, so that it can be sent again; '' when it cannot. */
  replay = ''
  /** 1 when the connection that was idle had been closed and a new one is tried. */
  tries = 0
  /** Extra tries that the route's `retry` allowed. */
  retries = 0
  /** Members that were tried in vain, when there were any. */
  tried: MemberEntry[] | null = null
  /** The cookie that keeps clients of the pool at their members, and the member that this client's names. */
  sticky: StickyCookie | null = null
  stuckTo: MemberEntry | null = null
  /** A copy for the mirror, as long as the request is not sent whole. */
  copy: RequestCopy | null = null
  /** Where it waits for a place at an instance. */
  queue: WaitQueue | null = null
  /** The pool whose circuit is told how this ends, and whether this is its probe. */
  circuit: PoolEntry | null = null
  isProbe = false
  /** Tries at instances. */
  attempts = 0
  /** What the access log keeps of the request; null: it writes nothing. */
  logged: Logged | null = null
  /** What its spans have in common; null: it has none. */
  trace: Trace | null = null

  // Times of performance.now(); 0 is not yet.
  readonly beganMs = performance.now()
  /** The try under way. */
  attemptMs = 0
  /** The head of the answer. */
  answeredMs = 0
  endedMs = 0
  /** Of the bodies, as they came and went. */
  bytesIn = 0
  bytesOut = 0

  // Of the answer.
  status = 0
  /** Code of the failure that the client was told of, as it stands in the failure table; '' for none. */
  failure: FailureCode | '' = ''
  /** When to come again, in seconds, for an answer of 503. */
  retryAfterS = RETRY_AFTER_S
  /** The client has gone away: how it ends says nothing of the instance. */
  isAbandoned = false
  hasAnswerBegun = false
  /** Will the client's connection stay open after this answer? */
  isPersistent: boolean
  isFinished = false

  constructor(
    client: Downstream,
    method: string,
    minor: number,
    bodyLeft: number,
    isPersistent: boolean,
    expectsContinue: boolean,
  ) {
    this.client = client
    this.method = method
    this.minor = minor
    this.bodyLeft = bodyLeft
    this.isRequestDone = bodyLeft === 0
    this.isPersistent = isPersistent
    this.expectsContinue = expectsContinue
  }
}

export function countRequest(exchange: Exchange, route: RouteEntry): void {
  exchange.route = route
  add(route.counters, route.record + REQUESTS, 1)
  add(route.counters, route.record + IN_FLIGHT, 1)
}

/** Takes a place at the member's instance, of all workers together; false when as many requests are under way as may be. */
export function countAttempt(exchange: Exchange, member: MemberEntry): boolean {
  const {origin, maxInFlight} = member
  if (maxInFlight === 0) Atomics.add(origin.loads, origin.load, 1)
  else if (!takePlace(origin, maxInFlight)) return false
  // The first try of a request that need not wait begins with it.
  exchange.attemptMs = exchange.attempts === 0 && exchange.queue === null ? exchange.beganMs : performance.now()
  exchange.attempts++
  // An answer that was dropped for another try was none.
  exchange.answeredMs = 0
  exchange.member = member
  exchange.attempted = member
  exchange.origin = origin
  add(origin.counters, origin.record + REQUESTS, 1)
  add(origin.counters, origin.record + IN_FLIGHT, 1)
  if (exchange.trace !== null) beginAttempt(exchange.trace, exchange)
  return true
}

/** The head of an answer has come, which is what the latency of an instance is measured by: its body may go on for hours. */
export function noteAnswer(exchange: Exchange): void {
  const {origin} = exchange
  exchange.answeredMs = performance.now()
  if (exchange.trace !== null) exchange.trace.peer = exchange.upstream?.address ?? ''
  if (origin === null) return
  const {counters, record} = origin
  const ms = exchange.answeredMs - exchange.attemptMs
  const mean = counters[record + LATENCY_MEAN] as number
  const count = counters[record + LATENCIES] as number
  counters[record + LATENCY_MEAN] = count === 0 ? ms : mean + (ms - mean) * MEAN_SHARE
  counters[record + LATENCIES] = count + 1
  counters[record + LATENCY_SUM] = (counters[record + LATENCY_SUM] as number) + ms
}

/**
 * The attempt at this origin is over; `isError` when the instance, not the client, is to blame. `status` is that of its
 * answer; 0: it gave none.
 */
export function endAttempt(exchange: Exchange, isError: boolean, status = exchange.status): void {
  const member = exchange.attempted
  if (member === null) return
  const {origin, pool} = member
  exchange.attempted = null
  exchange.origin = null
  if (exchange.trace !== null) recordAttempt(exchange.trace, exchange, member, status)
  // First, so that nobody who waits is given the place of one that is ejected for this.
  if (isError) {
    add(origin.counters, origin.record + ERRORS, 1)
    if (pool.passive !== null && isFailure(exchange.failure, status)) noteFailure(pool, member)
  }
  add(origin.counters, origin.record + IN_FLIGHT, -1)
  Atomics.sub(origin.loads, origin.load, 1)
  if (pool.waiting !== null) pool.waiting.wake()
}

/** Ends the exchange in the books, once; an answer of 500 and above counts as an error of the route. */
export function finishExchange(exchange: Exchange): void {
  if (exchange.isFinished) return
  exchange.isFinished = true
  if (exchange.copy !== null) exchange.copy.drop()
  if (exchange.queue !== null) exchange.queue.leave(exchange)
  if (exchange.circuit !== null) settleCircuit(exchange, outcomeOf(exchange))
  endAttempt(exchange, exchange.status >= 500 && !exchange.isAbandoned)
  if (exchange.endedMs === 0) exchange.endedMs = performance.now()
  const {route, client} = exchange
  const {answers, answersAt} = route ?? client.thread.unrouted
  const ms = (exchange.status === 101 ? exchange.answeredMs : exchange.endedMs) - exchange.beganMs
  countAnswer(answers, answersAt, exchange.method, statusOf(exchange), ms)
  if (exchange.logged !== null) client.thread.access?.write(exchange, exchange.logged)
  if (exchange.trace !== null) recordRequest(exchange.trace, exchange)
  if (!route) return
  add(route.counters, route.record + IN_FLIGHT, -1)
  if (exchange.status >= 500) add(route.counters, route.record + ERRORS, 1)
}

/** In the books too: bytes that were answered, and were no request. */
export function countRefusal(client: Pick<Downstream, 'thread' | 'address'>, code: FailureCode): void {
  const {access, unrouted} = client.thread
  const {status} = FAILURES[code]
  countAnswer(unrouted.answers, unrouted.answersAt, '', status, 0)
  if (access !== null) access.writeRefusal(client, code, status)
}

/** What the client was answered, or that it did not wait for it. */
export function statusOf({status}: Exchange): number {
  return status === 0 ? CLIENT_GONE : status
}

// ---

// Exact: a worker that adds first and looks then could take a place, for a moment, from one that is let in.
function takePlace({loads, load}: Origin, maxInFlight: number): boolean {
  for (let taken = Atomics.load(loads, load); taken < maxInFlight; ) {
    const found = Atomics.compareExchange(loads, load, taken, taken + 1)
    if (found === taken) return true
    taken = found
  }
  return false
}

// What counts against an instance: that it could not be reached, was too slow, answered nonsense or broke off, and 502, 503
// and 504 from itself, but no 500, which any client may be able to bring about. As Envoy's consecutive_gateway_failure, and
// 'error timeout invalid_header http_502 http_503 http_504' of nginx's proxy_next_upstream. No status yet: another try follows.
function isFailure(failure: FailureCode | '', status: number): boolean {
  return failure === '' ? status === 0 || (status >= 502 && status <= 504) : blamesInstance(failure)
}

// null: it says nothing of the instances.
function outcomeOf(exchange: Exchange): boolean | null {
  if (exchange.isAbandoned || (exchange.failure !== '' && !blamesInstance(exchange.failure))) return null
  return isFailure(exchange.failure, exchange.status)
}

function add(counters: Float64Array, index: number, amount: number): void {
  counters[index] = (counters[index] as number) + amount
}
