// A WebSocket's way through: http-proxy makes the handshake with the instance and joins the two sockets; we choose the
// instance, compose the head, check the agreement and end it. Nothing of the client reaches the instance before its 101
// (Envoy CVE-2026-73548), and neither connection is ever used for anything else again.

import {createHash} from 'node:crypto'
import type {ClientRequest, IncomingMessage} from 'node:http'
import type {Socket} from 'node:net'
import httpProxy from 'http-proxy'
import {codeOf} from '../../base/errors.ts'
import {BYTES_IN, BYTES_OUT} from '../../scoreboard/segment.ts'
import {countAttempt, type Exchange} from '../exchange.ts'
import type {FailureCode} from '../failure.ts'
import type {Origin} from '../origin.ts'
import type {RouteEntry} from '../table.ts'
import type {RequestHead} from './request-head.ts'
import {relayAnswer, switchingHeaders} from './tunnel-answer.ts'
import {failureOfConnect, isUnreachable} from './upstream.ts'

/** How often an open tunnel is looked at, to count its bytes and to measure its silence. */
const LOOK_MS = 5_000
/** When one side has said FIN, the other has this long between two signs of life. */
const HALF_CLOSED_MS = 10_000
/** When the instance has gone, what it sent last is still written, as long as the client takes it. */
const GONE_MS = 2_000
/** RFC 6455 §1.3. */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** RFC 6455 §4.1: a GET without a body, version 13, and one key of 16 bytes in base64. */
export function isHandshake(head: RequestHead): boolean {
  if (head.method !== 'GET' || head.minor !== 1 || head.contentLength > 0 || head.isChunked) return false
  const [version, ...otherVersions] = valuesOf(head.fields, 'sec-websocket-version')
  const [key, ...otherKeys] = valuesOf(head.fields, 'sec-websocket-key')
  if (otherVersions.length > 0 || otherKeys.length > 0) return false
  return version === '13' && /^[A-Za-z0-9+/]{22}==$/.test(key ?? '')
}

/** One upgraded connection, from its request to its end. */
export class Tunnel {
  readonly exchange: Exchange
  readonly route: RouteEntry
  readonly origin: Origin
  /** What an instance that has read the key answers. */
  readonly accept: string
  isOpen = false
  /** Neither side has a use for it any more: what http-proxy still tells is not heard. */
  isOver = false
  upstream: Socket | null = null
  request: ClientRequest | null = null
  /** Index of the address that is being tried. */
  tried = 0
  #movedMs = 0
  #moved = 0
  #countedIn = 0
  #countedOut = 0
  /** Its route has changed, or the worker is to end: it ends at this time; 0 for none. */
  #endsMs = 0

  constructor(exchange: Exchange, route: RouteEntry, origin: Origin) {
    this.exchange = exchange
    this.route = route
    this.origin = origin
    const [key = ''] = valuesOf(exchange.requestHead, 'sec-websocket-key')
    this.accept = createHash('sha1')
      .update(key + ACCEPT_GUID)
      .digest('base64')
  }

  /** The time to answer is over, or it is time to look whether both sides are silent. */
  onDeadline(): void {
    const {client, hasAnswerBegun} = this.exchange
    const now = client.thread.ticks.nowMs
    if (!hasAnswerBegun) {
      if (client.hasEnded) this.end()
      else this.refuse('response-timeout')
      return
    }
    this.#look()
    if (now - this.#movedMs >= this.#patienceMs() || (this.#endsMs !== 0 && now >= this.#endsMs)) this.end()
    else this.#arm()
  }

  /** It may go on for a while, then it is ended: its route has changed, or the worker is to end. */
  retire(withinMs: number): void {
    const endsMs = this.exchange.client.thread.ticks.nowMs + withinMs
    this.#endsMs = this.#endsMs === 0 ? endsMs : Math.min(this.#endsMs, endsMs)
    if (this.exchange.hasAnswerBegun) this.#arm()
  }

  /** The instance has answered: from now on silence is measured. */
  begin(status: number): void {
    this.exchange.status = status
    this.exchange.hasAnswerBegun = true
    this.#turn()
  }

  /** Joined: what moves from now on is counted. */
  open(upstream: Socket): void {
    const {socket} = this.exchange.client
    this.isOpen = true
    this.upstream = upstream
    this.#countedIn = socket.bytesRead - socket.readableLength
    this.#countedOut = socket.bytesWritten
    const turn = () => this.#turn()
    socket.on('end', turn)
    upstream.on('end', turn).on('close', turn)
    this.begin(101)
  }

  /** An answer of ours instead of the upgrade. */
  refuse(code: FailureCode): void {
    if (this.isOver) return
    if (this.isOpen) {
      this.end()
      return
    }
    const {exchange} = this
    this.release()
    exchange.isPersistent = false
    exchange.client.fail(exchange, code)
  }

  /** The client's connection is its own again, to be closed behind an answer; the instance's side ends. */
  release(): void {
    this.exchange.client.tunnel = null
    this.onClose()
  }

  /** Ends both sides. */
  end(): void {
    this.exchange.client.socket.destroy()
    this.onClose()
  }

  /** The client has gone: so does the instance's side, in whatever state it is. */
  onClose(): void {
    if (this.isOpen) this.#look()
    this.isOver = true
    this.upstream?.destroy()
    this.request?.destroy()
  }

  #patienceMs(): number {
    const {tunnelMs, idleMs} = this.route.timeouts
    if (!this.isOpen) return idleMs
    if (this.upstream?.destroyed) return GONE_MS
    const isHalfClosed = this.exchange.client.socket.readableEnded || this.upstream?.readableEnded
    return isHalfClosed ? Math.min(HALF_CLOSED_MS, tunnelMs) : tunnelMs
  }

  // A sign of life, after which it may be judged by another measure.
  #turn(): void {
    this.#movedMs = this.exchange.client.thread.ticks.nowMs
    this.#arm()
  }

  #arm(): void {
    const {client} = this.exchange
    const nextMs = client.thread.ticks.nowMs + Math.min(LOOK_MS, this.#patienceMs() / 4)
    client.deadlineMs = this.#endsMs === 0 ? nextMs : Math.min(nextMs, this.#endsMs)
  }

  #look(): void {
    const {socket, thread} = this.exchange.client
    const moved = socket.bytesRead + socket.bytesWritten - socket.writableLength
    if (moved !== this.#moved) this.#movedMs = thread.ticks.nowMs
    this.#moved = moved
    if (!this.isOpen) return
    const bytesIn = socket.bytesRead - this.#countedIn
    const bytesOut = socket.bytesWritten - this.#countedOut
    this.#countedIn += bytesIn
    this.#countedOut += bytesOut
    for (const {counters, record} of [this.route, this.origin]) {
      counters[record + BYTES_IN] = (counters[record + BYTES_IN] ?? 0) + bytesIn
      counters[record + BYTES_OUT] = (counters[record + BYTES_OUT] ?? 0) + bytesOut
    }
  }
}

/** Asks the instance for the upgrade that the client asked for. */
export function openTunnel(exchange: Exchange): void {
  const {client, member, route} = exchange
  const origin = member?.origin
  if (!origin || !route || origin.addresses.length === 0) {
    exchange.isPersistent = false
    client.fail(exchange, origin ? 'name-unresolved' : 'no-instance')
    return
  }
  countAttempt(exchange, origin)
  const tunnel = new Tunnel(exchange, route, origin)
  client.tunnel = tunnel
  client.deadlineMs = client.thread.ticks.nowMs + route.timeouts.connectMs + route.timeouts.responseMs
  ask(tunnel, origin.addresses)
}

// ---

function ask(tunnel: Tunnel, addresses: readonly string[]): void {
  const {exchange, origin, route} = tunnel
  const {socket} = exchange.client
  const address = addresses[tunnel.tried] ?? ''
  const bare = address.includes(':') ? `[${address}]` : address
  const {method, url, headers} = readHead(exchange.requestHead)
  const request = {method, url, headers, httpVersion: '1.1', connection: socket, socket, tunnel, addresses}
  proxy.ws(
    request as unknown as IncomingMessage,
    socket,
    Buffer.alloc(0),
    {
      target: `${origin.scheme}://${bare}:${origin.port}`,
      toProxy: true,
      connectTimeout: route.timeouts.connectMs,
      ...(origin.scheme === 'https' ? {ssl: origin.tlsOptions(), secure: !origin.tls?.insecure} : {}),
    },
    () => tunnel.end(),
  )
}

type Asking = {readonly url: string; readonly tunnel: Tunnel; readonly addresses: readonly string[]}

const proxy = httpProxy.createProxyServer({xfwd: false})
// Every error of a client's socket is told here too, and thrown when nobody listens: a reset would end the worker. The
// 'close' that follows does the work.
proxy.on('error', () => {})
proxy.on('proxyReqWs', (outgoing, incoming) => {
  const {tunnel, url, addresses} = incoming as unknown as Asking
  tunnel.request = outgoing
  // http-proxy takes a path apart and joins it again, and loses the '?' of an empty query.
  outgoing.path = url
  outgoing.setHeader('Connection', 'Upgrade')
  outgoing.setHeader('Upgrade', 'websocket')
  // Heard before http-proxy hears it, which would answer 101 whatever the instance agreed to, and would pass on other
  // answers without back-pressure and without telling a broken one from a whole one.
  const emit = outgoing.emit.bind(outgoing)
  outgoing.emit = (event: string, ...values: unknown[]) => {
    switch (event) {
      case 'upgrade':
        return takeUpgrade(tunnel, values[0] as IncomingMessage, values[1] as Socket, () => emit(event, ...values))
      case 'response':
        takeAnswer(tunnel, values[0] as IncomingMessage)
        return true
      case 'error':
        takeError(tunnel, values[0], addresses)
        return true
      default:
        return emit(event, ...values)
    }
  }
})

function takeUpgrade(tunnel: Tunnel, answer: IncomingMessage, upstream: Socket, join: () => boolean): boolean {
  const {client} = tunnel.exchange
  if (tunnel.isOver || client.hasEnded || !isAgreed(answer, tunnel.accept)) {
    upstream.on('error', () => {}).destroy()
    if (client.hasEnded) tunnel.end()
    else tunnel.refuse('upgrade-failed')
    return true
  }
  if (tunnel.tried > 0) tunnel.origin.prefer(upstream.remoteAddress ?? '')
  answer.headers = switchingHeaders(tunnel.exchange, answer)
  client.detach()
  const joined = join()
  tunnel.open(upstream)
  return joined
}

// Node tells a 101 that names no protocol as an answer.
function takeAnswer(tunnel: Tunnel, answer: IncomingMessage): void {
  if (tunnel.isOver) return
  if ((answer.statusCode ?? 0) < 200) tunnel.refuse('upgrade-failed')
  else relayAnswer(tunnel, answer)
}

function takeError(tunnel: Tunnel, error: unknown, addresses: readonly string[]): void {
  if (tunnel.isOver) return
  if (tunnel.exchange.hasAnswerBegun) {
    tunnel.end()
    return
  }
  // As for other requests: a dead address is passed over, an answer that cannot be trusted is not.
  if (tunnel.tried + 1 < addresses.length && isUnreachable(error)) {
    tunnel.tried++
    ask(tunnel, addresses)
    return
  }
  tunnel.refuse(failureOf(error))
}

function failureOf(error: unknown): FailureCode {
  const code = codeOf(error)
  if (code === 'HPE_HEADER_OVERFLOW') return 'response-head-too-large'
  if (code.startsWith('HPE_')) return 'response-invalid'
  return code === 'ECONNRESET' || code === 'EPIPE' ? 'send-failed' : failureOfConnect(error)
}

// RFC 6455 §4.1: the instance says what it switches to, and proves that it has read the key.
function isAgreed({statusCode, headers}: IncomingMessage, accept: string): boolean {
  return (
    statusCode === 101 &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(headers.connection ?? '') &&
    headers['sec-websocket-accept'] === accept
  )
}

// The head that we composed, as http-proxy takes it: names as the client wrote them, lines of one name together.
function readHead(head: string): {method: string; url: string; headers: Record<string, string | string[]>} {
  const [line = '', ...fields] = head.slice(0, -4).split('\r\n')
  const [method = '', url = ''] = line.split(' ')
  const headers: Record<string, string | string[]> = {connection: 'Upgrade', upgrade: 'websocket'}
  const names = new Map<string, string>()
  for (const field of fields) {
    const colon = field.indexOf(':')
    const written = field.slice(0, colon)
    const key = written.toLowerCase()
    if (key === 'connection' || key === 'te') continue
    const value = field.slice(colon + 1).trim()
    const name = names.get(key) ?? written
    const before = headers[name]
    names.set(key, name)
    headers[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value]
  }
  return {method, url, headers}
}

function valuesOf(fields: string, name: string): string[] {
  return fields.split('\r\n').flatMap(line => {
    const colon = line.indexOf(':')
    return colon === name.length && line.slice(0, colon).toLowerCase() === name ? [line.slice(colon + 1).trim()] : []
  })
}
