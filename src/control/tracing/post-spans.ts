// One batch of spans to a collector, by OTLP/HTTP in JSON (opentelemetry.io/docs/specs/otlp, "OTLP/HTTP"): what came of it,
// and whether it may be sent again.

import {type Agent, type IncomingMessage, request as requestHttp} from 'node:http'
import {request as requestHttps} from 'node:https'
import type {Clock} from '../../base/clock.ts'
import {messageOf} from '../../base/errors.ts'
import {parseRetryAfter} from '../../base/retry-after.ts'

export type Collector = {
  readonly url: string
  readonly timeoutMs: number
  /** Throws an Error that says which header cannot be read. */
  readHeaders(): Promise<Readonly<Record<string, string>>>
}

export type Delivery =
  /** Taken, but for so many spans that the collector did not want. */
  | {readonly kind: 'taken'; readonly rejected: number; readonly why: string}
  /** Not now; `afterMs` when the collector has said when. */
  | {readonly kind: 'later'; readonly afterMs: number | null; readonly why: string}
  | {readonly kind: 'refused'; readonly why: string}

/** Of an answer, which says little. */
const ANSWER_MAX = 64 << 10

/** Never rejects. Redirects are not followed: nobody has permitted where they lead. */
export async function postSpans(
  collector: Collector,
  body: Buffer,
  {agent, signal, clock, userAgent}: {agent: Agent; signal: AbortSignal; clock: Clock; userAgent: string},
): Promise<Delivery> {
  try {
    const headers = {
      ...(await collector.readHeaders()),
      'content-type': 'application/json',
      'content-length': String(body.length),
      'user-agent': userAgent,
    }
    const limit = AbortSignal.any([signal, AbortSignal.timeout(collector.timeoutMs)])
    const {response, text} = await exchange(collector.url, {method: 'POST', headers, agent, signal: limit}, body)
    const status = response.statusCode ?? 0
    if (status >= 200 && status < 300) return {kind: 'taken', ...partialOf(text)}
    const why = `it answered ${status}`
    if (!TRANSIENT.has(status)) return {kind: 'refused', why}
    return {kind: 'later', afterMs: parseRetryAfter(response.headers['retry-after'], clock.now()), why}
  } catch (error) {
    const isLate = error instanceof Error && error.name === 'AbortError' && !signal.aborted
    return {kind: 'later', afterMs: null, why: isLate ? 'no answer in time' : messageOf(error)}
  }
}

// ---

/** The statuses after which a batch may be sent again; every other one is an answer for good. */
const TRANSIENT: ReadonlySet<number> = new Set([429, 502, 503, 504])

function exchange(
  url: string,
  options: {method: string; headers: Record<string, string>; agent: Agent; signal: AbortSignal},
  body: Buffer,
): Promise<{response: IncomingMessage; text: string}> {
  const {promise, resolve, reject} = Promise.withResolvers<{response: IncomingMessage; text: string}>()
  const call = url.startsWith('https:') ? requestHttps(url, options) : requestHttp(url, options)
  call.on('error', reject)
  call.on('response', response => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (piece: string) => {
      text += piece
      if (text.length > ANSWER_MAX) response.destroy(new Error(`it answers more than ${ANSWER_MAX} bytes`))
    })
    response.on('error', reject)
    response.on('end', () => resolve({response, text}))
  })
  call.end(body)
  return promise
}

// ExportTracePartialSuccess; what cannot be read says nothing, since the status has said that all is well.
function partialOf(text: string): {rejected: number; why: string} {
  try {
    const {partialSuccess} = JSON.parse(text) as {partialSuccess?: {rejectedSpans?: unknown; errorMessage?: unknown}}
    const rejected = Number(partialSuccess?.rejectedSpans ?? 0)
    return {
      rejected: Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0,
      why: String(partialSuccess?.errorMessage ?? ''),
    }
  } catch {
    return {rejected: 0, why: ''}
  }
}
