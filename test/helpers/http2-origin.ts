// An instance that speaks HTTP/2, on Node's own server, and the messages that gRPC frames.

import {
  createSecureServer,
  createServer,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type {Scope} from '../../src/base/scope.ts'
import type {Pair} from './certificates.ts'

export type Http2Origin = {
  readonly url: string
  readonly port: number
  /** Fields of the requests, in the order in which they came. */
  readonly requests: readonly IncomingHttpHeaders[]
  /** Connections that were made, and those that are open. */
  readonly accepted: () => number
  readonly sessions: ReadonlySet<ServerHttp2Session>
  close(): Promise<void>
}

/** Serves each request by `serve`; over TLS with a certificate. */
export async function http2OriginOf(
  scope: Scope,
  serve: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  {pair, ...options}: SecureServerOptions & {pair?: Pair} = {},
): Promise<Http2Origin> {
  const server = pair === undefined ? createServer(options) : createSecureServer({...options, ...pair})
  const sessions = new Set<ServerHttp2Session>()
  const requests: IncomingHttpHeaders[] = []
  let accepted = 0
  server.on('session', session => {
    accepted++
    sessions.add(session)
    session.on('error', () => {})
    session.on('close', () => sessions.delete(session))
  })
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => {})
    requests.push(headers)
    serve(stream, headers)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const close = () =>
    new Promise<void>(resolve => {
      for (const session of sessions) session.destroy()
      server.close(() => resolve())
    })
  scope.defer(close)
  const url = `${pair === undefined ? 'http' : 'https'}://127.0.0.1:${port}`
  return {url, port, requests, accepted: () => accepted, sessions, close}
}

/** Answers with the status and the body, when the request is whole. */
export function answering(status: number, body = ''): (stream: ServerHttp2Stream) => void {
  return stream => {
    stream.resume()
    stream.on('end', () => {
      if (stream.destroyed) return
      stream.respond({':status': status}, {endStream: body === ''})
      if (body !== '') stream.end(body)
    })
  }
}

/** A message as gRPC frames it: not compressed, its length, its bytes. */
export function framed(text: string): Buffer {
  const bytes = Buffer.from(text)
  const head = Buffer.alloc(5)
  head.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([head, bytes])
}

/** Calls back with each message that has come whole. */
export function onMessage(
  stream: {on(event: 'data', listener: (data: Buffer) => void): unknown},
  take: (text: string) => void,
): void {
  let bytes = Buffer.alloc(0)
  stream.on('data', data => {
    bytes = Buffer.concat([bytes, data])
    while (bytes.length >= 5) {
      const length = bytes.readUInt32BE(1)
      if (bytes.length < 5 + length) return
      const text = bytes.toString('utf8', 5, 5 + length)
      bytes = bytes.subarray(5 + length)
      take(text)
    }
  })
}
