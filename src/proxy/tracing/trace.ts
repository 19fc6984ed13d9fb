// The trace of one request that is recorded: a server span for the request and a client span for each try at an instance.
// The instance is told the span of its own try, so what it records stands below that. Requests that are not recorded have
// none of this; they pay for the decision.

import type {MemberEntry} from '../entries.ts'
import type {Exchange, Requester} from '../exchange.ts'
import type {FailureCode} from '../failure.ts'
import {traceOf} from '../forwarding.ts'
import {addressOf} from '../hash-key.ts'
import type {RequestHead} from '../http1/request-head.ts'
import {newSpanId, newTraceId} from './ids.ts'
import {clientSpan, serverSpan} from './span.ts'
import type {SpanBuffer} from './span-buffer.ts'

export type Tracer = {
  /** Share of the traces that begin here, 0 to 1. */
  readonly sample: number
  readonly spans: SpanBuffer
}

export class Trace {
  readonly spans: SpanBuffer
  readonly traceId: string
  readonly spanId: string
  /** '' for the first span of its trace. */
  readonly parentId: string
  readonly flags: string
  /** The span that the head for the instance names. */
  attemptId = newSpanId()
  /** What performance.now() has to be added to: one epoch for all spans of the trace, since a clock may be set. */
  readonly epochMs = Date.now() - performance.now()
  /** Of a copy for a mirror there is no request to tell of. */
  readonly isCopy: boolean
  /** What the try under way has failed with; '' for nothing. */
  failure: FailureCode | '' = ''
  /** The address that has answered it; '' for none. */
  peer = ''

  // Of the request, because the record of the parser is used again.
  revision = ''
  scheme: 'http' | 'https' = 'http'
  host = ''
  path = ''
  client = ''

  constructor(spans: SpanBuffer, traceId: string, spanId: string, parentId: string, flags: string, isCopy: boolean) {
    this.spans = spans
    this.traceId = traceId
    this.spanId = spanId
    this.parentId = parentId
    this.flags = flags
    this.isCopy = isCopy
  }

  /** What the instance is told (W3C trace-context §3.2). */
  traceparent(): string {
    return `00-${this.traceId}-${this.attemptId}-${this.flags}`
  }
}

/** The trace of a request that is to be recorded: as its client has decided, else by chance; null for all others. */
export function beginTrace({sample, spans}: Tracer, client: Requester, head: RequestHead): Trace | null {
  const given = head.traceparent === '' ? null : traceOf(head.traceparent)
  const isRecorded = given === null ? Math.random() < sample : (Number.parseInt(given.flags, 16) & SAMPLED) !== 0
  if (!isRecorded) return null
  const trace =
    given === null
      ? new Trace(spans, newTraceId(), newSpanId(), '', ROOT_FLAGS, false)
      : new Trace(spans, given.id, newSpanId(), given.span, given.flags, false)
  trace.revision = client.thread.table.revision
  trace.scheme = client.secured === null ? 'http' : 'https'
  trace.host = head.authority === '' ? head.host : head.authority
  trace.path = head.target.slice(0, head.pathChars)
  trace.client = addressOf(client, head)
  return trace
}

/** That of a copy for a mirror: its tries are children of the same request, which may have ended before them. */
export function traceOfCopy(original: Trace): Trace {
  const {spans, traceId, spanId, parentId, flags, attemptId} = original
  const trace = new Trace(spans, traceId, spanId, parentId, flags, true)
  trace.attemptId = attemptId
  return trace
}

/** A try begins. The head was composed with the span of the first one: another try tells its instance another. */
export function beginAttempt(trace: Trace, exchange: Exchange): void {
  trace.failure = ''
  trace.peer = ''
  if (exchange.attempts === 1 && !trace.isCopy) return
  const told = trace.traceparent()
  trace.attemptId = newSpanId()
  const next = trace.traceparent()
  exchange.requestHead = exchange.requestHead.replace(told, next)
  exchange.replay = exchange.replay.replace(told, next)
}

/** A try is over. `status`: of the answer that has come of it, or of ours instead. */
export function recordAttempt(trace: Trace, exchange: Exchange, member: MemberEntry, status: number): void {
  const isOurs = trace.failure !== '' || exchange.failure !== ''
  trace.spans.add(clientSpan(trace, exchange, member, isOurs ? 0 : status))
}

/** The request is over. */
export function recordRequest(trace: Trace, exchange: Exchange): void {
  if (!trace.isCopy) trace.spans.add(serverSpan(trace, exchange))
}

// ---

const SAMPLED = 1
const ROOT_FLAGS = '01'
