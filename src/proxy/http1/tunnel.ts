// One upgraded connection from its request to its end: how long it may be silent, what it has moved, and who ends it.

import type {ClientRequest} from 'node:http'
import type {Socket} from 'node:net'
import {BYTES_IN, BYTES_OUT} from '../../scoreboard/segment.ts'
import {settleCircuit} from '../circuit.ts'
import type {RouteEntry} from '../entries.ts'
import {type Exchange, noteAnswer} from '../exchange.ts'
import type {FailureCode} from '../failure.ts'
import type {Origin} from '../origin.ts'
import {acceptOf} from './handshake.ts'

/** How often an open tunnel is looked at, to count its bytes and to measure its silence. */
const LOOK_MS = 5_000
/** When one side has said FIN, the other has this long between two signs of life. */
const HALF_CLOSED_MS = 10_000
/** When the instance has gone, what it sent last is still written, as long as the client takes it. */
const GONE_MS = 2_000

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
    this.accept = acceptOf(exchange.requestHead)
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
    noteAnswer(this.exchange)
    this.exchange.status = status
    this.exchange.hasAnswerBegun = true
    if (this.exchange.circuit !== null) settleCircuit(this.exchange, status >= 502 && status <= 504)
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
    this.exchange.bytesIn += bytesIn
    this.exchange.bytesOut += bytesOut
    for (const {counters, record} of [this.route, this.origin]) {
      counters[record + BYTES_IN] = (counters[record + BYTES_IN] ?? 0) + bytesIn
      counters[record + BYTES_OUT] = (counters[record + BYTES_OUT] ?? 0) + bytesOut
    }
  }
}
