// A WebSocket's way through: http-proxy makes the handshake with the instance and joins the two sockets; we choose the
// instance, compose the head, check the agreement and end it. Nothing of the client reaches the instance before its 101
// (Envoy CVE-2026-73548), and neither connection is ever used for anything else again.

import {createHash} from 'node:crypto'
import type {ClientRequest, IncomingMessage} from 'node:http'
import type {Socket} from 'node:net'
import httpProxy from 'http-proxy'
import {countAttempt, type Exchange} from '../exchange.ts'
import type {FailureCode} from '../failure.ts'
import {failureAnswer} from '../respond.ts'
import type {RouteEntry} from '../table.ts'
import {hasField} from './field.ts'
import type {RequestHead} from './request-head.ts'
import {failureOfConnect} from './upstream.ts'

/** RFC 6455 §1.3. */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** RFC 6455 §4.1: a GET without a body, version 13, and a key of 16 bytes in base64. */
export function isHandshake(head: RequestHead): boolean {
  if (head.method !== 'GET' || head.minor !== 1 || head.contentLength > 0 || head.isChunked) return false
  if (!hasField(head.fields, 'sec-websocket-key')) return false
  return (
    fieldValue(head.fields, 'sec-websocket-version') === '13' && KEY.test(fieldValue(head.fields, 'sec-websocket-key'))
  )
}

const KEY = /^[A-Za-z0-9+/]{22}==$/

/** One upgraded connection, from its request to its end. */
export class Tunnel {
  readonly exchange: Exchange
  readonly route: RouteEntry
  isOpen = false
  upstream: Socket | null = null
  request: ClientRequest | null = null
  /** Bytes moved when the time of silence began. */
  #movedBytes = 0
  /** Its route has changed: it ends when this is over. */
  #endsMs = 0

  constructor(exchange: Exchange, route: RouteEntry) {
    this.exchange = exchange
    this.route = route
  }

  /** The silence of both sides is over, or the time to answer. */
  onDeadline(): void {
    const {client} = this.exchange
    const now = client.thread.ticks.nowMs
    if (!this.isOpen) {
      this.refuse('response-timeout')
      return
    }
    const moved = client.socket.bytesRead + client.socket.bytesWritten
    if (moved === this.#movedBytes || (this.#endsMs !== 0 && now >= this.#endsMs)) {
      this.end()
      return
    }
    this.#movedBytes = moved
    this.#arm()
  }

  /** The route it belongs to is no longer the one it began with: it may go on for a while, then it is ended. */
  retire(withinMs: number): void {
    if (this.#endsMs !== 0) return
    this.#endsMs = this.exchange.client.thread.ticks.nowMs + withinMs
    this.#arm()
  }

  open(upstream: Socket): void {
    this.isOpen = true
    this.upstream = upstream
    this.exchange.status = 101
    this.exchange.hasAnswerBegun = true
    this.#arm()
  }

  /** An answer of ours instead of the upgrade. */
  refuse(code: FailureCode): void {
    const {client} = this.exchange
    if (this.exchange.hasAnswerBegun) {
      this.end()
      return
    }
    this.exchange.hasAnswerBegun = true
    this.exchange.status = Number(/^HTTP\/1.1 (\d+)/.exec(failureAnswer(code, '', false, true))?.[1])
    client.socket.write(failureAnswer(code, client.thread.ticks.dateField, false, true), 'latin1')
    client.socket.destroySoon()
    this.request?.destroy()
  }

  /** Ends both sides. */
  end(): void {
    this.exchange.client.socket.destroy()
    this.onClose()
  }

  /** The client has gone: so does the instance's side, in whatever state it is. */
  onClose(): void {
    this.upstream?.destroy()
    this.request?.destroy()
  }

  #arm(): void {
    const {client} = this.exchange
    const silent = client.thread.ticks.nowMs + this.route.timeouts.tunnelMs
    client.deadlineMs = this.#endsMs === 0 ? silent : Math.min(silent, this.#endsMs)
  }
}

/** Asks the instance for the upgrade that the client asked for. */
export function openTunnel(exchange: Exchange): void {
  const {client, member, route} = exchange
  const origin = member?.origin
  const address = origin?.addresses[0]
  if (!origin || !route || address === undefined) {
    client.fail(exchange, origin ? 'name-unresolved' : 'no-instance')
    return
  }
  countAttempt(exchange, origin)
  const tunnel = new Tunnel(exchange, route)
  const early = client.pending ?? Buffer.alloc(0)
  client.pending = null
  client.detach(tunnel)
  client.deadlineMs = client.thread.ticks.nowMs + route.timeouts.connectMs + route.timeouts.responseMs
  const {method, url, headers} = readHead(exchange.requestHead)
  const request = {
    method,
    url,
    headers,
    rawHeaders: [],
    httpVersion: '1.1',
    connection: client.socket,
    socket: client.socket,
  }
  const bare = address.includes(':') ? `[${address}]` : address
  proxy.ws(
    Object.assign(request, {tunnel}) as unknown as IncomingMessage,
    client.socket,
    early,
    {
      target: `${origin.scheme}://${bare}:${origin.port}`,
      toProxy: true,
      connectTimeout: route.timeouts.connectMs,
      ...(origin.scheme === 'https' ? {ssl: origin.tlsOptions(), secure: !origin.tls?.insecure} : {}),
    },
    error => tunnel.refuse(failureOfConnect(error)),
  )
}

// ---

const proxy = httpProxy.createProxyServer({xfwd: false})
proxy.on('proxyReqWs', (outgoing, incoming) => {
  const tunnel = (incoming as IncomingMessage & {tunnel: Tunnel}).tunnel
  tunnel.request = outgoing
  // Runs before http-proxy's own listener: what is not an agreement never becomes a tunnel.
  outgoing.on('upgrade', (answer, upstream) => {
    if (!isAgreed(answer, incoming)) {
      upstream.destroy()
      tunnel.refuse('upgrade-failed')
      return
    }
    tunnel.open(upstream as Socket)
  })
  outgoing.on('response', answer => {
    tunnel.exchange.hasAnswerBegun = true
    tunnel.exchange.status = answer.statusCode ?? 0
    // An answer that breaks off has no end that http-proxy waits for.
    answer.on('close', () => tunnel.exchange.client.socket.destroySoon())
  })
})

// RFC 6455 §4.1: the instance proves that it has read the key.
function isAgreed(answer: IncomingMessage, incoming: IncomingMessage): boolean {
  const key = String(incoming.headers['sec-websocket-key'] ?? '')
  const accept = createHash('sha1')
    .update(key + ACCEPT_GUID)
    .digest('base64')
  return (
    answer.statusCode === 101 &&
    answer.headers.upgrade?.toLowerCase() === 'websocket' &&
    answer.headers['sec-websocket-accept'] === accept
  )
}

function readHead(head: string): {method: string; url: string; headers: Record<string, string | string[]>} {
  const [line = '', ...fields] = head.slice(0, -4).split('\r\n')
  const [method = '', url = ''] = line.split(' ')
  const headers: Record<string, string | string[]> = Object.create(null)
  for (const field of fields) {
    const colon = field.indexOf(':')
    const name = field.slice(0, colon).toLowerCase()
    const value = field.slice(colon + 1).trim()
    const before = headers[name]
    headers[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value]
  }
  headers['connection'] = 'Upgrade'
  headers['upgrade'] = 'websocket'
  return {method, url, headers}
}

function fieldValue(fields: string, name: string): string {
  const match = new RegExp(`(?:^|\\r\\n)${name}:[ \\t]*([^\\r]*?)[ \\t]*\\r\\n`, 'i').exec(fields)
  return match?.[1] ?? ''
}
