// One request and its answer: a flat record, every field set once in the constructor, so that the functions around it see
// one shape. It keeps the route and the origin it was given, whatever is reloaded meanwhile.

import {ERRORS, IN_FLIGHT, REQUESTS} from '../scoreboard/segment.ts'
import type {FailureCode} from './failure.ts'
import type {ChunkScanner} from './http1/chunked.ts'
import type {ClientConnection} from './http1/client.ts'
import type {UpstreamConnection} from './http1/upstream.ts'
import type {RequestCopy} from './mirror.ts'
import type {Origin} from './origin.ts'
import type {StickyCookie} from './sticky.ts'
import type {MemberEntry, RouteEntry} from './table.ts'

/** Who is answered, as those who forward an exchange see it: a client's connection, or a copy that throws answers away. */
export type Downstream = Pick<
  ClientConnection,
  | 'thread'
  | 'socket'
  | 'address'
  | 'isTrusted'
  | 'hostValue'
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
>

export class Exchange {
  readonly client: Downstream
  route: RouteEntry | null = null
  member: MemberEntry | null = null
  origin: Origin | null = null
  upstream: UpstreamConnection | null = null

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

  // Of the answer.
  status = 0
  /** Code of the failure that the client was told of, as it stands in the failure table; '' for none. */
  failure: FailureCode | '' = ''
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

export function countAttempt(exchange: Exchange, origin: Origin): void {
  exchange.origin = origin
  add(origin.counters, origin.record + REQUESTS, 1)
  add(origin.counters, origin.record + IN_FLIGHT, 1)
}

/** The attempt at this origin is over; `isError` when the instance, not the client, is to blame. */
export function endAttempt(exchange: Exchange, isError: boolean): void {
  const origin = exchange.origin
  if (!origin) return
  exchange.origin = null
  add(origin.counters, origin.record + IN_FLIGHT, -1)
  if (isError) add(origin.counters, origin.record + ERRORS, 1)
}

/** Ends the exchange in the books, once; an answer of 500 and above counts as an error of the route. */
export function finishExchange(exchange: Exchange): void {
  if (exchange.isFinished) return
  exchange.isFinished = true
  if (exchange.copy !== null) exchange.copy.drop()
  endAttempt(exchange, exchange.status >= 500)
  const route = exchange.route
  if (!route) return
  add(route.counters, route.record + IN_FLIGHT, -1)
  if (exchange.status >= 500) add(route.counters, route.record + ERRORS, 1)
}

// ---

function add(counters: Float64Array, index: number, amount: number): void {
  counters[index] = (counters[index] as number) + amount
}
