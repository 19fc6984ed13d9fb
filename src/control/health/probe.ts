// One check of one instance: a connection of its own, as clients would get it, at most one request, and of the answer no
// more than its head. A connection per probe costs a third of what node:http does; a kept one would be cheaper still, and
// would not find out that nobody accepts any more. A TLS session is resumed: see session.ts.

import {connect, type Socket} from 'node:net'
import {type ConnectionOptions, connect as connectTls, type TLSSocket} from 'node:tls'
import type {Clock} from '../../base/clock.ts'
import {codeOf, messageOf} from '../../base/errors.ts'
import {formatDuration} from '../../base/units.ts'
import {readAnswer} from './answer.ts'
import {askByHttp2} from './http2.ts'
import type {KeptSession} from './session.ts'

export type Question = {
  /** Tried in this order until one accepts. */
  readonly addresses: readonly string[]
  readonly port: number
  /** null: without TLS. */
  readonly tls: ConnectionOptions | null
  /** Resumed, and kept up to date; of these rules for TLS and no others. */
  readonly session: KeptSession
  /** The whole request as latin1; '': an open connection is the answer. */
  readonly request: string
  /** Asked by HTTP/2, which an instance behind TLS has to choose. */
  readonly isHttp2: boolean
  /** Statuses that are well, as closed ranges. */
  readonly expect: readonly (readonly [number, number])[]
  /** For all of it. */
  readonly timeoutMs: number
}

export type Outcome =
  | {readonly kind: 'well'}
  | {readonly kind: 'unwell'; readonly why: string}
  /** It could not be asked, for a reason of this machine's own: that says nothing about the instance. */
  | {readonly kind: 'unasked'; readonly why: string}

/** Of a body that nobody reads; an instance that sends more is cut off. */
const BODY_MAX = 64 * 1024

/**
 * Asks once. `onOutcome` is called at most once, `onClose` exactly once and last, when nothing is open any more; neither
 * before this returns. The returned function ends the probe without an outcome. Throws when the rules for TLS are such
 * that no connection can be begun.
 */
export function probe(
  question: Question,
  clock: Clock,
  onOutcome: (outcome: Outcome) => void,
  onClose: () => void,
): () => void {
  const running = new Probe(question, clock, onOutcome, onClose)
  return () => running.cancel()
}

// ---

type ProbeSocket = Socket & {probe: Probe}

class Probe {
  readonly question: Question
  readonly clock: Clock
  readonly onOutcome: (outcome: Outcome) => void
  readonly onClose: () => void
  socket: Socket
  tried = 1
  isOpen = false
  isJudged = false
  error: Error | null = null
  /** What has come of the heads, then nothing. */
  text = ''
  bodyBytes = 0
  dueMs: number
  cancelDeadline: () => void

  constructor(question: Question, clock: Clock, onOutcome: (outcome: Outcome) => void, onClose: () => void) {
    this.question = question
    this.clock = clock
    this.onOutcome = onOutcome
    this.onClose = onClose
    this.socket = this.dial(question.addresses[0] ?? '')
    this.dueMs = clock.now() + question.timeoutMs
    this.cancelDeadline = clock.after(question.timeoutMs, () => this.onDeadline())
  }

  dial(address: string): Socket {
    const {port, tls} = this.question
    const plain = connect({host: address, port, noDelay: true})
    const socket = (tls === null ? plain : this.secure(plain, tls)) as ProbeSocket
    socket.probe = this
    socket.on(tls === null ? 'connect' : 'secureConnect', onConnect)
    socket.on('data', onData)
    socket.on('error', onError)
    socket.on('close', onClose)
    return socket
  }

  secure(plain: Socket, tls: ConnectionOptions): Socket {
    const session = this.question.session.resumable(this.clock.now())
    const socket = connectTls({...tls, socket: plain, ...(session === null ? {} : {session})})
    socket.on('secureConnect', onProof)
    socket.on('session', onSession)
    return socket
  }

  judge(outcome: Outcome): void {
    if (this.isJudged) return
    this.isJudged = true
    this.text = ''
    if (outcome.kind !== 'well') this.question.session.forget()
    this.onOutcome(outcome)
  }

  /** Without an outcome from now on. */
  cancel(): void {
    this.isJudged = true
    this.socket.destroy()
  }

  // Time in which this thread stood still is not the instance's: it gets as long again to be heard.
  onDeadline(): void {
    const lateMs = this.clock.now() - this.dueMs
    if (lateMs > STALL_MS && !this.isJudged) {
      this.dueMs = this.clock.now() + Math.min(lateMs, this.question.timeoutMs)
      this.cancelDeadline = this.clock.after(this.dueMs - this.clock.now(), () => this.onDeadline())
      return
    }
    const within = `within ${formatDuration(this.question.timeoutMs)}`
    this.judge({kind: 'unwell', why: this.isOpen ? `no answer ${within}` : `no connection ${within}`})
    this.socket.destroy()
  }
}

/** A timer may be this late on a busy machine. */
const STALL_MS = 50

function onProof(this: TLSSocket): void {
  const {question, clock} = (this as Socket as ProbeSocket).probe
  if (!this.isSessionReused()) question.session.proved(clock.now())
}

function onSession(this: Socket, session: Buffer): void {
  const {question, isJudged} = (this as ProbeSocket).probe
  if (!isJudged) question.session.keep(session)
}

function onConnect(this: Socket): void {
  const running = (this as ProbeSocket).probe
  running.isOpen = true
  if (running.question.request !== '' && running.question.isHttp2) {
    askHttp2(running, this)
    return
  }
  if (running.question.request !== '') {
    this.write(running.question.request, 'latin1')
    return
  }
  running.judge({kind: 'well'})
  this.destroy()
}

function askHttp2(running: Probe, socket: Socket): void {
  const {request, expect, tls} = running.question
  socket.off('data', onData)
  if (tls !== null && (socket as TLSSocket).alpnProtocol !== 'h2') {
    running.judge({kind: 'unwell', why: 'TLS: the instance does not choose h2'})
    socket.destroy()
    return
  }
  askByHttp2(socket, request, {
    onStatus: status => running.judge(isWithin(status, expect) ? {kind: 'well'} : unexpected(status, expect)),
    onFailure: why => running.judge({kind: 'unwell', why}),
  })
}

function onData(this: Socket, data: Buffer): void {
  const running = (this as ProbeSocket).probe
  if (running.isJudged) {
    running.bodyBytes += data.length
    if (running.bodyBytes > BODY_MAX) this.destroy()
    return
  }
  running.text += data.latin1Slice()
  const answer = readAnswer(running.text)
  if (answer.kind === 'partial') return
  if (answer.kind === 'invalid') {
    running.judge({kind: 'unwell', why: answer.why})
    this.destroy()
    return
  }
  const {status, isWhole} = answer
  running.judge(
    isWithin(status, running.question.expect) ? {kind: 'well'} : unexpected(status, running.question.expect),
  )
  // An instance that is asked to close does so itself; cut off in its answer it would complain.
  if (isWhole) this.destroy()
}

function onError(this: Socket, error: Error): void {
  ;(this as ProbeSocket).probe.error = error
}

function onClose(this: Socket): void {
  const running = (this as ProbeSocket).probe
  const {question, error} = running
  const next = question.addresses[running.tried]
  if (!running.isJudged && !running.isOpen && next !== undefined && UNREACHABLE.has(codeOf(error))) {
    running.tried++
    running.error = null
    running.socket = running.dial(next)
    return
  }
  running.cancelDeadline()
  if (!running.isJudged) running.judge(outcomeOf(running))
  running.onClose()
}

function outcomeOf({error, text}: Probe): Outcome {
  if (error === null)
    return {kind: 'unwell', why: text === '' ? 'closed without an answer' : 'closed within its answer'}
  const code = codeOf(error)
  if (OURS.has(code)) return {kind: 'unasked', why: messageOf(error)}
  return {kind: 'unwell', why: WORDS[code] ?? tlsWords(error) ?? messageOf(error)}
}

// The message of OpenSSL names its source files; its reason is for people.
function tlsWords(error: Error): string | null {
  return 'reason' in error && typeof error.reason === 'string' && 'library' in error ? `TLS: ${error.reason}` : null
}

function isWithin(status: number, ranges: Question['expect']): boolean {
  return ranges.some(([from, to]) => status >= from && status <= to)
}

function unexpected(status: number, ranges: Question['expect']): Outcome {
  const wanted = ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',')
  return {kind: 'unwell', why: `status ${status}, expected ${wanted}`}
}

/** Nobody is at the address; another one of the same name may do. The data plane moves on for the same reasons. */
const UNREACHABLE = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'ETIMEDOUT', 'ECONNRESET'])
/** Descriptors or memory of this machine have run out. */
const OURS = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'])
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'no connection',
  ERR_HTTP2_ERROR: 'the answer is not HTTP/2',
}
