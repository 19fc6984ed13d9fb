// One origin in one worker: the addresses of its name, its idle connections and its counters. It outlives tables, so that
// a reload keeps what did not change.

import {isIP} from 'node:net'
import {type ConnectionOptions, createSecureContext, type SecureContext} from 'node:tls'
import {DOWN, DRAINED, GATE} from '../scoreboard/member.ts'
import {loadOf, recordOf} from '../scoreboard/segment.ts'
import type {Keepalive, UpstreamTls} from '../snapshot/snapshot.ts'
import type {MemberEntry} from './entries.ts'
import type {UpstreamConnection} from './http1/upstream.ts'
import {Sessions} from './http2-upstream/sessions.ts'
import type {WireInstance} from './messages.ts'

/** Idle connections at any moment: more than are kept, but only as long as a burst lasts. */
const IDLE_MAX = 1024
/** The surplus above those that are kept is closed after this. */
const SURPLUS_MS = 2_000

/** What a worker knows of the instances of one segment of the scoreboard. */
export type InstanceBooks = {
  /** This worker's lane. */
  readonly counters: Float64Array
  readonly loads: Int32Array
  /** How many workers there are. */
  readonly lanes: number
  /** Of this worker: how often names got addresses or lost them. */
  readonly resolutions: Int32Array
}

export class Origin {
  readonly key: string
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
  readonly tls: UpstreamTls | null
  readonly keepalive: Keepalive
  /** As in a URL or a Host field: without the port that is the scheme's own. */
  readonly authority: string
  readonly counters: Float64Array
  readonly record: number
  /** Idle connections that stay open: this worker's part of those that the instance is to have. */
  readonly idleKept: number
  /** Who is this origin, in all pools of the table in use. */
  members: readonly MemberEntry[] = []
  /** Requests under way in all workers together, and where they are counted for this origin. */
  readonly loads: Int32Array
  readonly load: number
  /** Counts, in this worker, the names that got addresses or lost them. */
  readonly resolutions: Int32Array
  /** Newest last: the connection that was used last is warm and least likely to have been closed. */
  readonly idle: UpstreamConnection[] = []
  /** Its connections when it speaks HTTP/2; null: it speaks HTTP/1.1. */
  readonly http2: Sessions | null
  /** In the order they are to be tried. Empty: the name does not resolve and the instance is down. */
  addresses: readonly string[]
  reason = ''
  /** What lets the next TLS connection be resumed instead of begun. */
  tlsSession: Buffer | undefined = undefined
  #secureContext: SecureContext | undefined = undefined
  /** No table names it any more: connections close when their request is done. */
  isRetired = false

  constructor(instance: WireInstance, books: InstanceBooks) {
    this.counters = books.counters
    this.record = recordOf(instance.slot)
    this.loads = books.loads
    this.load = loadOf(instance.slot)
    this.resolutions = books.resolutions
    this.key = instance.key
    this.scheme = instance.scheme
    this.host = instance.host
    this.port = instance.port
    this.tls = instance.tls
    this.keepalive = instance.keepalive
    this.idleKept = Math.ceil(instance.keepalive.idle / books.lanes)
    this.http2 = instance.protocol === 'http2' ? new Sessions(this) : null
    const bare = instance.host.includes(':') ? `[${instance.host}]` : instance.host
    this.authority = instance.port === (instance.scheme === 'https' ? 443 : 80) ? bare : `${bare}:${instance.port}`
    this.addresses = isIP(instance.host) !== 0 || instance.port === 0 ? [instance.host] : []
  }

  /** Options of a TLS connection: the certificate is checked unless the route says otherwise. */
  tlsOptions(): ConnectionOptions {
    const tls = this.tls
    if (tls === null) return {}
    this.#secureContext ??= createSecureContext({
      ...(tls.ca === '' ? {} : {ca: tls.ca}),
      ...(tls.cert === '' ? {} : {cert: tls.cert, key: tls.key}),
    })
    return {
      secureContext: this.#secureContext,
      // Without a name to check (an address, RFC 9110 §4.3.4) the certificate must name the address itself.
      host: tls.serverName === '' ? this.host : tls.serverName,
      servername: tls.serverName,
      rejectUnauthorized: !tls.insecure,
      ALPNProtocols: [this.http2 === null ? 'http/1.1' : 'h2'],
      ...(this.tlsSession ? {session: this.tlsSession} : {}),
    }
  }

  setAddresses(addresses: readonly string[], reason: string): void {
    this.addresses = addresses
    this.reason = reason
    this.resolutions[0] = (this.resolutions[0] ?? 0) + 1
  }

  /** Puts the address that answered first, so that the next connection does not try the others again. */
  prefer(address: string): void {
    if (this.addresses[0] === address) return
    this.addresses = [address, ...this.addresses.filter(other => other !== address)]
  }

  keep(connection: UpstreamConnection): void {
    const isTooMany = this.idleKept === 0 || this.idle.length >= Math.max(IDLE_MAX, this.idleKept)
    if (this.isRetired || isTooMany) connection.close()
    else this.idle.push(connection)
  }

  forget(connection: UpstreamConnection): void {
    const at = this.idle.lastIndexOf(connection)
    if (at >= 0) this.idle.splice(at, 1)
  }

  /** The connection that was used last, unless the instance may be about to close it. */
  takeIdle(nowMs: number): UpstreamConnection | undefined {
    for (let last = this.idle.pop(); last; last = this.idle.pop()) {
      if (nowMs - last.idleSinceMs < last.idleMs) return last
      last.close()
    }
    return undefined
  }

  /** Closes what has been idle for too long, or will not be asked again, and what a burst has left; called now and then. */
  trim(nowMs: number): void {
    if (this.http2 !== null) this.http2.trim(this.#isAtRest() ? 0 : this.keepalive.timeoutMs)
    if (this.idle.length === 0) return
    if (this.#isAtRest()) {
      this.#closeIdle()
      return
    }
    const surplus = this.idle.length - this.idleKept
    const stale = this.idle.filter((connection, index) => {
      const idleMs = nowMs - connection.idleSinceMs
      return idleMs >= connection.idleMs || (index < surplus && idleMs >= SURPLUS_MS)
    })
    for (const connection of stale) {
      this.forget(connection)
      connection.close()
    }
  }

  retire(): void {
    this.isRetired = true
    this.http2?.trim(0)
    this.#closeIdle()
  }

  // Nobody of that name gets requests: drained, found down, or marked as down.
  #isAtRest(): boolean {
    const {members} = this
    return (
      members.length > 0 &&
      members.every(({isDown, states, at}) => isDown || ((states[at + GATE] ?? 0) & (DOWN | DRAINED)) !== 0)
    )
  }

  #closeIdle(): void {
    for (const connection of this.idle.splice(0)) connection.close()
  }
}
