// The access log of one worker: a line for every exchange that has ended, whatever became of it. What the line says of the
// request is taken when it begins, because the record of the parser is used again; what it says of the answer, at the end.
// Copies for mirrors are not written: nobody has asked for them.

import type {Exchange, Requester} from './exchange.ts'
import type {FailureCode} from './failure.ts'
import {addressOf} from './hash-key.ts'
import type {RequestHead} from './http1/request-head.ts'
import type {LineBuffer} from './line-buffer.ts'
import {type AccessFormat, formatLine, type Line} from './log-line.ts'

export type AccessLogOptions = {
  /** Path of a file, or null for stdout. */
  readonly path: string | null
  readonly format: AccessFormat
}

/** What is kept of a request until its line is written. */
export type Logged = {
  readonly revision: string
  /** The client as a trusted proxy names it, or its address. */
  readonly client: string
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly target: string
  readonly fields: string
  readonly requestId: string
  /** The instance is told an id of the request, or of its trace, that is ours. */
  readonly isNamedAnew: boolean
}

export type AccessLog = {
  begin(client: Requester, head: RequestHead): Logged
  write(exchange: Exchange, logged: Logged): void
  /** Of bytes that could not be read as a request. */
  writeRefusal(client: Pick<Requester, 'thread' | 'address'>, code: FailureCode, status: number): void
  /** Every tick: what was said since the last one is written, and the time looked up. */
  tick(): void
  reopen(): void
  /** Resolves when everything has been written, or cannot be. */
  end(): Promise<void>
}

export function createAccessLog(format: AccessFormat, lines: LineBuffer): AccessLog {
  let epochMs = epoch()
  const line: Line = emptyLine()

  function add(endedMs: number): void {
    line.at = epochMs + endedMs
    lines.add(formatLine(format, line))
  }

  return {
    begin: (client, head) => ({
      revision: client.thread.table.revision,
      isNamedAnew: client.thread.table.forward.requestId || client.thread.table.forward.traceparent,
      client: addressOf(client, head),
      scheme: client.secured === null ? 'http' : 'https',
      host: head.authority === '' ? head.host : head.authority,
      target: head.target,
      fields: head.fields,
      requestId: head.requestId,
    }),
    write(exchange, logged) {
      takeRequest(line, exchange, logged)
      takeFields(line, logged.fields)
      // What we have written for the instance is what stands in its own log.
      if (logged.isNamedAnew) takeFields(line, exchange.requestHead)
      if (exchange.trace !== null) line.traceId = exchange.trace.traceId
      line.status = exchange.status === 0 ? 499 : exchange.status
      line.error = exchange.failure === '' && exchange.isAbandoned && exchange.status !== 101 ? GONE : exchange.failure
      line.attempts = exchange.attempts
      line.durationMs = exchange.endedMs - exchange.beganMs
      line.firstByteMs = exchange.answeredMs === 0 ? -1 : exchange.answeredMs - exchange.beganMs
      line.bytesIn = exchange.bytesIn
      line.bytesOut = Math.max(0, exchange.bytesOut)
      add(exchange.endedMs)
    },
    writeRefusal(client, code, status) {
      Object.assign(line, emptyLine(), {revision: client.thread.table.revision, client: client.address})
      line.status = status
      line.error = code
      add(performance.now())
    },
    tick() {
      epochMs = epoch()
      lines.flush()
    },
    reopen: () => lines.reopen(),
    end: () => lines.end(),
  }
}

// ---

/** Why there is no whole answer: the client has gone. Stands where the code of a failure would. */
const GONE = 'client-gone'

// What performance.now() has to be added to. Taken anew with every tick, because the clock of the machine may be set.
function epoch(): number {
  return Date.now() - performance.now()
}

function emptyLine(): Line {
  return {
    at: 0,
    revision: '',
    place: null,
    instance: '',
    client: '',
    method: '',
    host: '',
    target: '',
    scheme: 'http',
    minor: 1,
    status: 0,
    error: '',
    attempts: 0,
    durationMs: 0,
    firstByteMs: -1,
    bytesIn: 0,
    bytesOut: 0,
    requestId: '',
    traceId: '',
    userAgent: '',
    referer: '',
  }
}

function takeRequest(line: Line, exchange: Exchange, logged: Logged): void {
  line.revision = logged.revision
  line.place = exchange.route
  line.instance = exchange.member?.id ?? ''
  line.client = logged.client
  line.method = exchange.method
  line.host = logged.host
  line.target = logged.target
  line.scheme = logged.scheme
  line.minor = exchange.minor
  line.requestId = logged.requestId
  line.traceId = ''
  line.userAgent = ''
  line.referer = ''
}

// One walk over the lines of a head; which names matter is told by their lengths first.
function takeFields(line: Line, text: string): void {
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\r\n', start)
    if (end < 0) return
    const colon = text.indexOf(':', start)
    switch (colon - start) {
      case 7:
        line.referer ||= fieldNamed('referer', text, start, colon, end)
        break
      case 10:
        line.userAgent ||= fieldNamed('user-agent', text, start, colon, end)
        break
      case 11:
        line.traceId = traceIn(fieldNamed('traceparent', text, start, colon, end)) || line.traceId
        break
      case 12:
        line.requestId = fieldNamed('x-request-id', text, start, colon, end) || line.requestId
        break
    }
    start = end + 2
  }
}

function fieldNamed(name: string, text: string, start: number, colon: number, end: number): string {
  return text.slice(start, colon).toLowerCase() === name ? text.slice(colon + 1, end).trim() : ''
}

// '00-<trace>-<span>-01'
function traceIn(value: string): string {
  return value.split('-', 2)[1] ?? ''
}
