// What an instance answers to an upgrade: the head of its 101, or another answer, which is passed on and ends the
// connection, since nobody can tell whether the client has begun to speak the other protocol.

import type {IncomingHttpHeaders, IncomingMessage} from 'node:http'
import type {Exchange} from '../exchange.ts'
import {withHsts} from '../head-policy.ts'
import {stickyField} from '../sticky.ts'
import {applyPolicy} from './answer.ts'
import {listOf, withoutFields} from './field.ts'
import {PROTECTED} from './response-head.ts'
import type {Tunnel} from './tunnel.ts'

/** Concern one hop only; what the client is told of them is ours. */
const HOP = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'te', 'trailer', 'upgrade']

/** The fields of a 101 for the client. */
export function switchingHeaders(exchange: Exchange, answer: IncomingMessage): IncomingHttpHeaders {
  const headers: Record<string, string | string[]> = {Connection: 'Upgrade', Upgrade: 'websocket'}
  for (const line of fieldsOf(exchange, answer).split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon < 0) continue
    const name = line.slice(0, colon)
    const value = line.slice(colon + 1).trim()
    const before = headers[name]
    headers[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value]
  }
  return headers
}

/** Passes on an answer that is no upgrade, and closes. */
export function relayAnswer(tunnel: Tunnel, answer: IncomingMessage): void {
  const {exchange} = tunnel
  const {socket} = exchange.client
  const hasBody = answer.statusCode !== 204 && answer.statusCode !== 304
  const isChunked = hasBody && answer.headers['content-length'] === undefined
  tunnel.begin(answer.statusCode ?? 502)
  exchange.isPersistent = false
  const line = `HTTP/1.1 ${answer.statusCode} ${answer.statusMessage ?? ''}\r\n`
  const date = answer.headers.date === undefined ? exchange.client.thread.ticks.dateField : ''
  const framing = `${isChunked ? 'Transfer-Encoding: chunked\r\n' : ''}Connection: close\r\n\r\n`
  socket.write(line + fieldsOf(exchange, answer) + date + framing, 'latin1')
  answer.on('data', (piece: Buffer) => {
    if (isChunked) socket.write(`${piece.length.toString(16)}\r\n`, 'latin1')
    const isFlowing = socket.write(piece)
    if (isChunked) socket.write('\r\n', 'latin1')
    if (!isFlowing) answer.pause()
  })
  socket.on('drain', () => answer.resume())
  answer.on('end', () => {
    if (tunnel.isOver || !answer.complete) return
    if (isChunked) socket.write('0\r\n\r\n', 'latin1')
    tunnel.release()
    exchange.client.complete(exchange)
  })
  // It has broken off: never a clean end.
  answer.on('error', () => {})
  answer.on('close', () => {
    if (!tunnel.isOver) tunnel.end()
  })
}

// ---

function fieldsOf(exchange: Exchange, {rawHeaders, headers}: IncomingMessage): string {
  let fields = ''
  for (let i = 0; i < rawHeaders.length; i += 2) fields += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`
  const named = (listOf(headers.connection ?? '') ?? []).filter(option => !PROTECTED.has(option))
  const kept = withoutFields(fields, [...HOP, ...named])
  const policy = exchange.route?.head ?? null
  const edited = policy === null ? kept : applyPolicy(exchange, policy, kept)
  const {hsts} = exchange.client
  return (hsts === '' ? edited : withHsts(edited, hsts)) + stickyField(exchange)
}
