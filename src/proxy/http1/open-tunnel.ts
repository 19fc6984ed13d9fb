// A WebSocket's way through: http-proxy makes the handshake with the instance and joins the two sockets; we choose the
// instance, compose the head, check the agreement and end it. Nothing of the client reaches the instance before its 101
// (Envoy CVE-2026-73548), and neither connection is ever used for anything else again.

import type {IncomingMessage} from 'node:http'
import type {Socket} from 'node:net'
import httpProxy from 'http-proxy'
import {codeOf} from '../../base/errors.ts'
import {type Exchange, endAttempt} from '../exchange.ts'
import type {FailureCode} from '../failure.ts'
import {mayTryAgain} from '../retry.ts'
import {enter} from '../wait-queue.ts'
import {isAgreed} from './handshake.ts'
import {Tunnel} from './tunnel.ts'
import {relayAnswer, switchingHeaders} from './tunnel-answer.ts'
import {failureOfConnect, isUnreachable} from './upstream.ts'

/** Asks the instance for the upgrade that the client asked for. */
export function openTunnel(exchange: Exchange): void {
  const {client, member, route} = exchange
  // What comes behind an answer of ours may be a request or may be frames.
  exchange.isPersistent = false
  if (!member || !route || member.origin.addresses.length === 0) {
    client.fail(exchange, member ? 'name-unresolved' : exchange.refusal)
    return
  }
  if (member.origin.http2 !== null) {
    client.fail(exchange, 'upgrade-unsupported')
    return
  }
  if (!enter(exchange, member, openTunnel)) return
  const {origin} = exchange.member ?? member
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
      target:
        origin.port === 0
          ? {socketPath: address, host: 'localhost', port: 0}
          : `${origin.scheme}://${bare}:${origin.port}`,
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
  const code = failureOf(error)
  if (!mayTryAgain(tunnel.exchange, code)) {
    tunnel.refuse(code)
    return
  }
  tunnel.release()
  endAttempt(tunnel.exchange, true)
  openTunnel(tunnel.exchange)
}

function failureOf(error: unknown): FailureCode {
  const code = codeOf(error)
  if (code === 'HPE_HEADER_OVERFLOW') return 'response-head-too-large'
  if (code.startsWith('HPE_')) return 'response-invalid'
  return code === 'ECONNRESET' || code === 'EPIPE' ? 'send-failed' : failureOfConnect(error)
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
