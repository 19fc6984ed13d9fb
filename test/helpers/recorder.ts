// An instance that reads requests by a second, independent set of rules: what it takes is what any strict server would
// take, and whatever it would have to guess about is a violation. It is the judge of what was really forwarded.

import type {Socket} from 'node:net'
import type {Scope} from '../../src/base/scope.ts'
import {OK, type Origin, originOf} from './origin.ts'

export type Recorder = Origin & {
  /** Complete requests in the order in which they were complete, byte for byte. */
  readonly requests: readonly string[]
  /** What was received that no strict server would take, or could take in two ways. */
  readonly violations: string[]
}

/** Answers every complete request with 'ok', or with what `answer` makes of it. */
export async function recorderOf(scope: Scope, answer: (request: string) => string = okTo): Promise<Recorder> {
  const requests: string[] = []
  const violations: string[] = []
  const pending = new WeakMap<Socket, string>()
  const origin = await originOf(scope, (socket, text) => {
    let rest = (pending.get(socket) ?? '') + text
    for (let end = endOfRequest(rest); end !== 0; end = endOfRequest(rest)) {
      if (typeof end === 'string') {
        violations.push(`${end}: ${JSON.stringify(rest.slice(0, 500))}`)
        socket.destroy()
        return
      }
      const request = rest.slice(0, end)
      rest = rest.slice(end)
      requests.push(request)
      socket.write(answer(request), 'latin1')
    }
    pending.set(socket, rest)
  })
  return {...origin, requests, violations}
}

/** Length of the request that `text` begins with, 0 while it is not complete, or what is wrong with it. */
export function endOfRequest(text: string): number | string {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return text.length > 200_000 ? 'a head without an end' : 0
  const [requestLine = '', ...lines] = text.slice(0, headEnd).split('\r\n')
  if (!/^[A-Z-]{1,32} (?:\/[!-"$-~]*|\*) HTTP\/1\.1$/.test(requestLine)) return 'request line'
  const fields = new Map<string, string>()
  for (const line of lines) {
    const [, name = '', value = ''] = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t -~\x80-\xff]*)$/.exec(line) ?? []
    const key = name.toLowerCase().replace(/[_.]/g, '-')
    if (key === '') return 'field line'
    if (fields.has(key) && SINGLE.has(key)) return `two ${key}`
    if (NEVER.has(key) && !(key === 'connection' && value === 'TE')) return `${key} was forwarded`
    if (key === 'te' && value !== 'trailers') return `TE: ${value} was forwarded`
    fields.set(key, value.trim())
  }
  if (!/^[A-Za-z0-9._-]+(?::\d+)?$|^\[[0-9A-Fa-f:.]+\](?::\d+)?$/.test(fields.get('host') ?? '')) return 'host'
  const length = fields.get('content-length')
  const coding = fields.get('transfer-encoding')
  if (length !== undefined && coding !== undefined) return 'both lengths'
  if (coding !== undefined) return coding === 'chunked' ? endOfChunks(text, headEnd + 4) : 'transfer coding'
  if (length !== undefined && !/^(?:0|[1-9]\d{0,15})$/.test(length)) return 'content length'
  const end = headEnd + 4 + Number(length ?? 0)
  return text.length < end ? 0 : end
}

// ---

function okTo(request: string): string {
  return request.startsWith('HEAD ') ? OK.slice(0, -2) : OK
}

const SINGLE = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-real-ip',
])
// What concerns one hop only, or speaks for a proxy, has no business behind one.
const NEVER = new Set(['connection', 'keep-alive', 'upgrade', 'proxy', 'proxy-connection', 'http2-settings', 'expect'])

// Chunks without extensions, and no trailer: none of the requests of the tests that come here may keep one.
function endOfChunks(text: string, from: number): number | string {
  let at = from
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd < 0) return /^[0-9A-Fa-f]{0,16}\r?$/.test(text.slice(at)) ? 0 : 'chunk size'
    const digits = text.slice(at, lineEnd)
    if (!/^[0-9A-Fa-f]{1,16}$/.test(digits)) return 'chunk size'
    const size = Number.parseInt(digits, 16)
    const dataEnd = lineEnd + 2 + size
    if (text.length < dataEnd + 2) return 0
    if (text.slice(dataEnd, dataEnd + 2) !== '\r\n') return size === 0 ? 'trailer' : 'chunk end'
    at = dataEnd + 2
    if (size === 0) return at
  }
}
