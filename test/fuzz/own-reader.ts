// Our side, without sockets: reads a stream of requests, or one answer, by the very functions and in the very order of
// proxy/http1/{client,request-body,response}.ts. What it says was accepted is what an instance, or a client, would get.

import type {FailureCode} from '../../src/proxy/failure.ts'
import {CR, endOfHead, LF} from '../../src/proxy/http1/bytes.ts'
import {ChunkScanner, INVALID, MORE} from '../../src/proxy/http1/chunked.ts'
import {parseRequestHead, RequestHead} from '../../src/proxy/http1/request-head.ts'
import {judgePartialHead} from '../../src/proxy/http1/request-line.ts'
import {fieldsOf, parseResponseHead, ResponseHead, reasonOf} from '../../src/proxy/http1/response-head.ts'
import {normalizeHost} from '../../src/router/host.ts'
import {decidePath} from '../../src/router/path.ts'

/** As in the settings' defaults, and the constants of proxy/http1/response.ts. */
export const REQUEST_HEAD_BYTES = 32_768
export const REQUEST_FIELDS = 100
export const RESPONSE_HEAD_BYTES = 65_536
export const RESPONSE_FIELDS = 200

export type OwnMessage = {
  /** Of the message in the bytes, behind skipped empty lines. */
  readonly start: number
  readonly headEnd: number
  end: number
  readonly method: string
  /** As parsed, before the path is decided. */
  readonly target: string
  /** As forwarded. */
  readonly decided: string
  readonly host: string
  readonly authority: string
  readonly contentLength: number
  readonly isChunked: boolean
  readonly isKeptAlive: boolean
  /** Answered by us, and not forwarded. */
  readonly local: FailureCode | 'options' | 'upgrade' | null
  readonly fields: string
  /** Decoded. */
  body: string
  /** A chunked body as passed on. */
  coded: string
  /** Trailer lines behind it. */
  trailers: string
}

export type OwnRequests = {
  /** Complete, and valid as far as the connection goes on behind them. */
  readonly messages: readonly OwnMessage[]
  /** Where reading ended, and why: refused, closed by the last message, or waiting for more of a head or of a body. */
  readonly stop: FailureCode | 'closed' | 'end' | 'more-head' | 'more-body'
  readonly at: number
}

/** At most `most` requests from the bytes of one connection. */
export function readRequests(bytes: Buffer, most = 1000): OwnRequests {
  const messages: OwnMessage[] = []
  let at = 0
  while (messages.length < most) {
    if (at >= bytes.length) return {messages, stop: 'end', at}
    const start = at + skipEmptyLines(bytes, at)
    const headEnd = endOfHead(bytes, start)
    if (headEnd < 0) return {messages, stop: judgeStart(bytes, start), at: start}
    if (headEnd - start > REQUEST_HEAD_BYTES) return {messages, stop: 'head-too-large', at: start}
    const problem = parseRequestHead(bytes, start, headEnd, REQUEST_FIELDS, NOTHING_TAKEN, head)
    if (problem) return {messages, stop: problem, at: start}
    const decided = decide(head)
    const isDecided = typeof decided === 'object'
    const message: OwnMessage = {
      start,
      headEnd,
      end: headEnd,
      method: head.method,
      target: head.target,
      decided: isDecided ? decided.target : '',
      host: head.host,
      authority: head.authority,
      contentLength: head.contentLength,
      isChunked: head.isChunked,
      // Who is refused is not listened to any further.
      isKeptAlive: head.isPersistent && isDecided,
      local: !isDecided ? decided : head.target === '*' ? 'options' : head.upgrade === 'websocket' ? 'upgrade' : null,
      fields: head.fields,
      body: '',
      coded: '',
      trailers: '',
    }
    message.end = readBody(bytes, headEnd, head.isChunked, Math.max(head.contentLength, 0), message)
    // A request that is refused for its head has been refused before its body came.
    if (message.end === INVALID) return {messages, stop: isDecided ? 'bad-chunk' : decided, at: start}
    if (message.end === MORE) return {messages, stop: isDecided ? 'more-body' : decided, at: start}
    messages.push(message)
    at = message.end
    if (!message.isKeptAlive) return {messages, stop: 'closed', at}
  }
  return {messages, stop: 'end', at}
}

export type OwnResponse = {
  readonly status: number
  readonly minor: number
  readonly reason: string
  readonly fields: string
  readonly isKeptAlive: boolean
  readonly headEnd: number
  /** Behind the body; the end of the bytes when only the end of the connection ends it. */
  readonly end: number
  readonly isUntilClose: boolean
  readonly body: string
  readonly coded: string
  readonly trailers: string
}

/** The first answer in the bytes of a connection: interim ones count as answers here. */
export function readResponse(bytes: Buffer, method: string): OwnResponse | 'refused' | 'more-head' | 'more-body' {
  const headEnd = endOfHead(bytes, 0)
  if (headEnd < 0) return bytes.length > RESPONSE_HEAD_BYTES ? 'refused' : 'more-head'
  if (parseResponseHead(bytes, headEnd, RESPONSE_FIELDS, answer) !== null) return 'refused'
  const {status, minor, contentLength, isChunked} = answer
  if (status === 101) return 'refused'
  const isBare = method === 'HEAD' || status < 200 || status === 204 || status === 304
  const isUntilClose = !isBare && !isChunked && contentLength < 0
  const body = {body: '', coded: '', trailers: ''}
  const length = isBare ? 0 : isUntilClose ? bytes.length - headEnd : Math.max(contentLength, 0)
  const end = readBody(bytes, headEnd, isChunked && !isBare, length, body)
  if (end === INVALID) return 'refused'
  if (end === MORE) return 'more-body'
  return {
    status,
    minor,
    reason: reasonOf(answer, bytes),
    fields: fieldsOf(answer, bytes),
    headEnd,
    end,
    isUntilClose,
    isKeptAlive: answer.isPersistent && !isUntilClose,
    ...body,
  }
}

/** The ranges that a scanner passes on, from bytes that come in pieces cut at `cuts`; null when it refuses them. */
export function scanPieces(
  bytes: Buffer,
  from: number,
  isDecoding: boolean,
  cuts: readonly number[],
): {end: number; passed: string; trailers: string} | null {
  const scanner = new ChunkScanner(isDecoding)
  let passed = ''
  let at = from
  for (const cut of [...cuts, bytes.length]) {
    if (cut <= at) continue
    // A piece of its own, as a read would bring it: positions in it begin at 0.
    const piece = Buffer.from(bytes.subarray(at, cut))
    const end = scanner.scan(piece, 0, piece.length)
    if (end === INVALID) return null
    for (let i = 0; i < scanner.ranges.length; i += 2)
      passed += piece.latin1Slice(scanner.ranges[i], scanner.ranges[i + 1])
    if (end >= 0) return {end: at + end, passed, trailers: scanner.trailers}
    at = cut
  }
  return {end: MORE, passed, trailers: ''}
}

// ---

const NOTHING_TAKEN = {requestId: false, traceparent: false, via: false}
const head = new RequestHead()
const answer = new ResponseHead()

function skipEmptyLines(bytes: Buffer, from: number): number {
  let skipped = 0
  while (skipped < 4 && bytes[from + skipped] === CR && bytes[from + skipped + 1] === LF) skipped += 2
  return skipped
}

function judgeStart(bytes: Buffer, start: number): OwnRequests['stop'] {
  const rest = bytes.subarray(start)
  const problem = judgePartialHead(rest)
  if (problem) return problem
  return rest.length > REQUEST_HEAD_BYTES ? 'head-too-large' : 'more-head'
}

// As `route` in client.ts does, for a host that has a route for everything.
function decide(head: RequestHead): FailureCode | {target: string} {
  if (head.target === '*') return normalizeHost(head.host) === '' ? 'bad-host' : {target: '*'}
  if (normalizeHost(head.authority === '' ? head.host : head.authority) === '') return 'bad-host'
  if (head.authority !== '' && head.host !== '' && head.host.toLowerCase() !== head.authority.toLowerCase())
    return 'bad-host'
  if (!head.isUndecided) return {target: head.target}
  const decided = decidePath(head.target.slice(0, head.pathChars))
  return decided === null ? 'bad-path' : {target: decided + head.target.slice(head.pathChars)}
}

function readBody(
  bytes: Buffer,
  from: number,
  isChunked: boolean,
  length: number,
  into: {body: string; coded: string; trailers: string},
): number {
  if (!isChunked) {
    if (bytes.length - from < length) return MORE
    into.body = bytes.latin1Slice(from, from + length)
    return from + length
  }
  const decoded = scanPieces(bytes, from, true, [])
  const coded = scanPieces(bytes, from, false, [])
  if (decoded === null || coded === null) {
    if (decoded !== coded) throw new Error('the two modes of ChunkScanner disagree on validity')
    return INVALID
  }
  if (decoded.end !== coded.end) throw new Error('the two modes of ChunkScanner disagree on the end')
  into.body = decoded.passed
  into.coded = coded.passed
  into.trailers = coded.trailers
  return decoded.end
}
