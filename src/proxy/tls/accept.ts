// A connection to the https port until it is one: PROXY header, the client's first message, the certificate for the name in
// it, the handshake. One deadline for each step; a name whose first certificate is being ordered may take a while longer.

import type {Socket} from 'node:net'
import type {Server, TLSSocket} from 'node:tls'
import {ACCEPTED, TURNED_AWAY} from '../../scoreboard/gauges.ts'
import type {Certificate} from '../../snapshot/certificate.ts'
import {serveClient} from '../http1/client.ts'
import {readProxyHeader} from '../http1/proxy-protocol.ts'
import {serveSession} from '../http2/session.ts'
import {failureAnswer} from '../respond.ts'
import type {Thread} from '../thread.ts'
import type {Timed} from '../ticks.ts'
import {plainAddress} from '../trust.ts'
import {type ClientHello, HELLO_BYTES_MAX, readClientHello} from './client-hello.ts'

/** What the handshake has settled of a connection. */
export type Secured = {
  /** Asked for by SNI; null when the client named nobody. */
  readonly name: string | null
  readonly certificate: Certificate
  /** PEM that the client's certificate was asked for and checked by; '' when none was asked for. */
  readonly clientCa: string
  readonly hasClientCertificate: boolean
}

/** For the first certificate of a name. */
const PENDING_MS = 10_000
/** Connections of a worker that may wait for one. */
const PENDING_MAX = 1_000
/** RFC 8446 §6.2. */
const INTERNAL_ERROR = 80
const UNRECOGNIZED_NAME = 112
/** Before the hello: the longest PROXY header. */
const BYTES_MAX = HELLO_BYTES_MAX + 4096

type HandshakeSocket = Socket & {handshake: Handshake}

export class Handshake implements Timed {
  readonly thread: Thread
  readonly socket: Socket
  /** Of the peer, by which it is counted. */
  readonly peer: string
  /** Of the client that its PROXY header named, or the peer's. */
  address: string
  awaitsProxyHeader: boolean
  deadlineMs: number
  tickIndex = 0
  /** What has come, until OpenSSL has it. */
  bytes: Buffer | null = null
  /** Waits for the first certificate of its name. */
  waiting: ClientHello | null = null
  certificate: Certificate | null = null
  hello: ClientHello | null = null
  clientCa = ''

  constructor(thread: Thread, socket: Socket, peer: string) {
    this.thread = thread
    this.socket = socket
    this.peer = peer
    this.address = peer
    this.awaitsProxyHeader = thread.edge.proxyProtocol && thread.trust.isTrusted(peer)
    this.deadlineMs = thread.ticks.nowMs + thread.edge.headerTimeoutMs
  }

  /** Looks again for a certificate, when there are other ones or the name is not waited for any more. */
  retry(): void {
    const hello = this.waiting
    if (hello === null) return
    this.waiting = null
    choose(this, hello)
  }

  /** Has the client said anything yet? */
  hasBegun(): boolean {
    return this.bytes !== null || this.hello !== null
  }

  onDeadline(): void {
    const hello = this.waiting
    if (hello === null) {
      this.socket.destroy()
      return
    }
    this.waiting = null
    secure(this, hello, this.thread.certificates.fallback())
  }
}

/** Takes a new connection to the https port. Nobody can be told why when there are too many: it is closed. */
export function acceptSecure(thread: Thread, socket: Socket): void {
  const peer = plainAddress(socket.remoteAddress ?? '')
  socket.on('error', onError)
  if (!thread.doors.enter(peer)) {
    thread.gauges[TURNED_AWAY] = (thread.gauges[TURNED_AWAY] ?? 0) + 1
    socket.destroy()
    return
  }
  thread.gauges[ACCEPTED] = (thread.gauges[ACCEPTED] ?? 0) + 1
  const handshake = new Handshake(thread, socket, peer)
  ;(socket as HandshakeSocket).handshake = handshake
  thread.handshakes.add(handshake)
  thread.ticks.join(handshake)
  socket.on('data', onData)
  socket.on('end', onEnd)
  socket.on('close', onClose)
}

/** Goes on with a connection when its handshake is done; for every server that certificates are used through. */
export function onSecure(secured: TLSSocket): void {
  // The only way from a connection to the one below it; without it nobody knows whose it is.
  const handshake = (secured as TLSSocket & {_parent?: Partial<HandshakeSocket>})._parent?.handshake
  const {certificate, hello, thread, socket, clientCa} = handshake ?? {}
  if (!handshake || !certificate || !hello || !thread || !socket) {
    secured.destroy()
    return
  }
  socket.off('close', onClose)
  const settled: Secured = {
    name: hello.name,
    certificate,
    clientCa: clientCa ?? '',
    hasClientCertificate: secured.authorized,
  }
  const {peer, address} = handshake
  if (secured.alpnProtocol === 'h2') {
    serveSession(thread, secured, peer, address, settled)
  } else {
    secured.allowHalfOpen = true
    serveClient(thread, secured, peer, false, address, settled)
  }
  leave(handshake)
}

/** A handshake has failed: Node closes its connection. */
export function onSecureError(_error: Error, secured: TLSSocket): void {
  secured.destroy()
}

/** Makes `server` take connections for the workers' clients. */
export function serveSecured(server: Server): void {
  server.on('secureConnection', onSecure)
  server.on('tlsClientError', onSecureError)
}

// ---

function onData(this: Socket, data: Buffer): void {
  const {handshake} = this as HandshakeSocket
  handshake.bytes = handshake.bytes === null ? data : Buffer.concat([handshake.bytes, data])
  if (handshake.awaitsProxyHeader && !takeProxyHeader(handshake, handshake.bytes)) return
  const {bytes} = handshake
  if (bytes === null) return
  const hello = readClientHello(bytes)
  if (hello === 'more') {
    if (bytes.length > BYTES_MAX) this.destroy()
    return
  }
  this.off('data', onData)
  this.pause()
  if (hello === 'invalid') refuseBytes(handshake, bytes)
  else choose(handshake, hello)
}

function onEnd(this: Socket): void {
  this.destroy()
}

function onError(): void {
  // 'close' follows and does the work.
}

function onClose(this: Socket): void {
  const {handshake} = this as HandshakeSocket
  handshake.thread.doors.leave(handshake.peer)
  leave(handshake)
}

function leave(handshake: Handshake): void {
  const {thread} = handshake
  thread.ticks.leave(handshake)
  thread.handshakes.delete(handshake)
  thread.tellWhenEmpty()
}

// False when the header has not arrived whole, or is none: a peer that must send one and does not is not talked to.
function takeProxyHeader(handshake: Handshake, bytes: Buffer): boolean {
  const header = readProxyHeader(bytes)
  if (header === 'more') return false
  if (header === 'invalid') {
    handshake.socket.destroy()
    return false
  }
  handshake.awaitsProxyHeader = false
  handshake.bytes = header.end === bytes.length ? null : bytes.subarray(header.end)
  if (header.address !== '') handshake.address = plainAddress(header.address)
  return true
}

// Whoever speaks plain HTTP here is told so in the only language that he understands.
function refuseBytes({socket, thread}: Handshake, bytes: Buffer): void {
  if (/^[A-Z]{3,10} /.test(bytes.latin1Slice(0, Math.min(bytes.length, 11)))) {
    socket.end(failureAnswer('not-tls', thread.ticks.dateField, false, true), 'latin1')
    socket.destroySoon()
  } else {
    socket.destroy()
  }
}

function choose(handshake: Handshake, hello: ClientHello): void {
  const {certificates, handshakes, pendingNames} = handshake.thread
  const name = hello.name ?? plainAddress(handshake.socket.localAddress ?? '')
  const found = certificates.find(name)
  if (found === null && hello.name !== null && pendingNames.find(hello.name) && waitingIn(handshakes) < PENDING_MAX) {
    handshake.waiting = hello
    handshake.deadlineMs = handshake.thread.ticks.nowMs + PENDING_MS
    return
  }
  secure(handshake, hello, found ?? certificates.fallback())
}

function waitingIn(handshakes: ReadonlySet<Handshake>): number {
  let count = 0
  for (const {waiting} of handshakes) if (waiting !== null) count++
  return count
}

function secure(handshake: Handshake, hello: ClientHello, certificate: Certificate | null): void {
  const {bytes, socket, thread} = handshake
  if (certificate === null) {
    alert(socket, UNRECOGNIZED_NAME)
    return
  }
  const clientCa = hello.name === null ? '' : (thread.table.hosts.find(hello.name)?.clientCa ?? '')
  const server = thread.certificates.serverFor(certificate, clientCa, hello.ticketName)
  if (server === null || bytes === null) {
    alert(socket, INTERNAL_ERROR)
    return
  }
  handshake.hello = hello
  handshake.certificate = certificate
  handshake.clientCa = clientCa
  handshake.bytes = null
  handshake.deadlineMs = thread.ticks.nowMs + thread.edge.headerTimeoutMs
  socket.off('end', onEnd)
  // Whoever goes away in the middle of a handshake is gone; behind it a client of HTTP/1.1 may say FIN and wait.
  socket.allowHalfOpen = false
  socket.unshift(bytes)
  server.emit('connection', socket)
}

// RFC 8446 §6: fatal, in a record of its own.
function alert(socket: Socket, description: number): void {
  socket.end(Buffer.from([21, 3, 3, 0, 2, 2, description]))
  socket.destroySoon()
}
