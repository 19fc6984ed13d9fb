// How requests to an authority travel: within a deadline, trusting the given CA, reading no more than there can be. Every
// failure is an AcmeError.

import {Agent as HttpAgent, type IncomingHttpHeaders, request as requestHttp} from 'node:http'
import {Agent as HttpsAgent, request as requestHttps} from 'node:https'
import {type Clock, systemClock} from '../../../base/clock.ts'
import {parseRetryAfter} from '../../../base/retry-after.ts'
import {failureOf, problemOf} from './problem.ts'

export type Call = {
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export type Answer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** What JSON says, else text. */
  readonly body: unknown
}

export type Transport = {
  /** Resolves with an answer that is no error; `onHeaders` sees those of errors too. Throws AcmeError. */
  send(call: Call, onHeaders?: (headers: IncomingHttpHeaders) => void): Promise<Answer>
  close(): void
}

export type TransportOptions = {
  readonly userAgent: string
  /** PEM of those that sign the certificate of the authority's server; null: the system's. */
  readonly ca: string | null
  /** A directory on https does not lead to http. */
  readonly isSecure: boolean
  readonly deadlineMs?: number
  readonly clock?: Clock
}

const DEADLINE_MS = 15_000
/** A chain has a few KiB, an order for 100 names about 10. */
const BYTES_MAX = 1 << 20
/** Four orders at once, and what runs beside them; Let's Encrypt takes 20 nonces a second. */
const SOCKETS_MAX = 8

export function createTransport(options: TransportOptions): Transport {
  const {userAgent, ca, isSecure, deadlineMs = DEADLINE_MS, clock = systemClock} = options
  const agents = {
    'https:': new HttpsAgent({keepAlive: true, maxSockets: SOCKETS_MAX, ...(ca === null ? {} : {ca})}),
    'http:': new HttpAgent({keepAlive: true, maxSockets: SOCKETS_MAX}),
  }

  async function send(call: Call, onHeaders?: (headers: IncomingHttpHeaders) => void): Promise<Answer> {
    const where = `${call.method} ${call.url}`
    try {
      const {status, headers, text} = await exchange(call)
      onHeaders?.(headers)
      const body = bodyOf(text, headers)
      if (status < 400) return {status, headers, body}
      throw problemOf(status, body, {where, retryAfterMs: parseRetryAfter(headers['retry-after'], clock.now())})
    } catch (error) {
      throw failureOf(error, where)
    }
  }

  function exchange(call: Call): Promise<{status: number; headers: IncomingHttpHeaders; text: string}> {
    const url = new URL(call.url)
    if (url.protocol !== 'https:' && (isSecure || url.protocol !== 'http:'))
      throw new Error('the directory is on https, and leads elsewhere')
    const {promise, resolve, reject} = Promise.withResolvers<{
      status: number
      headers: IncomingHttpHeaders
      text: string
    }>()
    const isHttps = url.protocol === 'https:'
    const length = call.body === undefined ? {} : {'content-length': String(Buffer.byteLength(call.body))}
    const outgoing = (isHttps ? requestHttps : requestHttp)(url, {
      method: call.method,
      agent: agents[isHttps ? 'https:' : 'http:'],
      headers: {'user-agent': userAgent, ...call.headers, ...length},
    })
    const timer = setTimeout(
      () => outgoing.destroy(Object.assign(new Error(`no answer within ${deadlineMs} ms`), {code: 'ETIMEDOUT'})),
      deadlineMs,
    )
    outgoing.on('close', () => clearTimeout(timer))
    outgoing.on('error', reject)
    outgoing.on('response', response => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > BYTES_MAX) outgoing.destroy(new Error(`the answer is larger than ${BYTES_MAX} bytes`))
        else chunks.push(chunk)
      })
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString('utf8'),
        }),
      )
    })
    outgoing.end(call.body)
    return promise
  }

  return {
    send,
    close() {
      for (const agent of Object.values(agents)) agent.destroy()
    },
  }
}

// ---

// An error that says it is JSON and is not, is told by its status.
function bodyOf(text: string, headers: IncomingHttpHeaders): unknown {
  if (text === '' || !/\bjson\b/.test(headers['content-type'] ?? '')) return text
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
