// HTTP/2 clients: Node's own, and one that writes frames by hand.

import {type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders} from 'node:http2'
import {connect as connectTls, type TLSSocket} from 'node:tls'
import type {Scope} from '../../src/base/scope.ts'

export type Http2Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly trailers: Readonly<Record<string, unknown>>
  /** Statuses of 1xx that came before. */
  readonly interim: readonly number[]
  readonly body: string
  /** Code of the RST_STREAM that ended it; 0: it ended well. */
  readonly code: number
}

/** Connects to the port, and names x.localhost in the handshake unless said otherwise. */
export async function http2To(scope: Scope, port: number, name = 'x.localhost'): Promise<ClientHttp2Session> {
  const session = connect(`https://${name}`, {
    createConnection: () =>
      connectTls({port, host: '127.0.0.1', servername: name, ALPNProtocols: ['h2'], rejectUnauthorized: false}),
  })
  session.on('error', () => {})
  scope.defer(() => session.destroy())
  await new Promise<void>((resolve, reject) => {
    session.once('remoteSettings', () => resolve())
    session.once('close', () => reject(new Error('the connection was closed')))
  })
  return session
}

/** Sends a request and resolves with what comes of it, whatever that is. */
export function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders = {},
  body?: Buffer | string,
): Promise<Http2Answer> {
  const stream = session.request({':path': '/', ...headers}, {endStream: body === undefined})
  if (body !== undefined) stream.end(body)
  return answerTo(stream)
}

export function answerTo(stream: ClientHttp2Stream): Promise<Http2Answer> {
  let headers: Record<string, unknown> = {}
  let trailers: Record<string, unknown> = {}
  const interim: number[] = []
  let body = ''
  stream.on('headers', got => interim.push(Number(got[':status'])))
  stream.on('response', got => {
    headers = got
  })
  stream.on('trailers', got => {
    trailers = got
  })
  stream.on('data', (data: Buffer) => {
    body += data.toString('latin1')
  })
  stream.on('error', () => {})
  return new Promise(resolve => {
    stream.on('close', () =>
      resolve({status: Number(headers[':status'] ?? 0), headers, trailers, interim, body, code: stream.rstCode}),
    )
  })
}

export const DATA = 0
export const HEADERS = 1
export const RST_STREAM = 3
export const SETTINGS = 4
export const PING = 6
export const GOAWAY = 7
export const CONTINUATION = 9
export const END_STREAM = 1
export const END_HEADERS = 4

export type FrameClient = {
  readonly socket: TLSSocket
  frame(type: number, flags: number, stream: number, payload: Buffer): void
  /** Types and payloads of the frames that came, as [type, stream, payload]. */
  frames(): readonly (readonly [type: number, stream: number, payload: Buffer])[]
  isClosed(): boolean
}

/** Says the preface and empty SETTINGS; the rest is up to the test. */
export async function framesTo(scope: Scope, port: number): Promise<FrameClient> {
  const options = {port, host: '127.0.0.1', servername: 'x.localhost', ALPNProtocols: ['h2'], rejectUnauthorized: false}
  const socket = connectTls(options)
  scope.defer(() => void socket.destroy())
  let bytes = Buffer.alloc(0)
  let isClosed = false
  socket.on('data', data => {
    bytes = Buffer.concat([bytes, Buffer.from(data)])
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    isClosed = true
  })
  await new Promise(resolve => socket.once('secureConnect', resolve))
  const frame = (type: number, flags: number, stream: number, payload: Buffer) => {
    const head = Buffer.alloc(9)
    head.writeUIntBE(payload.length, 0, 3)
    head[3] = type
    head[4] = flags
    head.writeUInt32BE(stream, 5)
    socket.write(Buffer.concat([head, payload]))
  }
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  frame(SETTINGS, 0, 0, Buffer.alloc(0))
  return {
    socket,
    frame,
    frames() {
      const frames: [number, number, Buffer][] = []
      for (let at = 0; at + 9 <= bytes.length; ) {
        const length = bytes.readUIntBE(at, 3)
        if (at + 9 + length > bytes.length) break
        frames.push([bytes[at + 3] ?? 0, bytes.readUInt32BE(at + 5), bytes.subarray(at + 9, at + 9 + length)])
        at += 9 + length
      }
      return frames
    },
    isClosed: () => isClosed,
  }
}

/** Fields as HPACK literals that are not indexed (RFC 7541 §6.2.2). */
export function hpack(fields: readonly (readonly [string, string])[]): Buffer {
  const text = (value: string) => Buffer.concat([lengthOf(value.length), Buffer.from(value, 'latin1')])
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]))
}

// ---

function lengthOf(length: number): Buffer {
  if (length < 127) return Buffer.from([length])
  const bytes = [127]
  let rest = length - 127
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128)
  bytes.push(rest)
  return Buffer.from(bytes)
}
