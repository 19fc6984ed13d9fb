// WebSockets by hand: a handshake, and then bytes. What frames mean is between client and instance, so tests echo bytes.

import {createHash} from 'node:crypto'
import type {Socket} from 'node:net'
import type {Scope} from '../../src/base/scope.ts'
import {type Client, clientOf} from './client.ts'
import {type Origin, originOf} from './origin.ts'

/** Of RFC 6455 §1.3, and what it must be answered with. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
export const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

/** The head of a handshake; `fields` are lines without their CRLF. */
export function handshake(path = '/', fields: readonly string[] = []): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    'Host: x.localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${KEY}`,
    ...fields,
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** The answer that agrees to a handshake. */
export function agreement(head: string, fields: readonly string[] = []): string {
  const key = /^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? ''
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    ...fields,
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** An instance that answers every head by `answer`, and gives what comes behind an agreement to `serve`. */
export function webSocketOrigin(
  scope: Scope,
  options: {
    readonly answer?: (head: string) => string
    readonly serve?: (socket: Socket, text: string) => void
  } = {},
): Promise<Origin> {
  const heads = new WeakMap<Socket, string>()
  const open = new WeakSet<Socket>()
  const serve = options.serve ?? ((socket, text) => void socket.write(text, 'latin1'))
  return originOf(scope, (socket, text) => {
    if (open.has(socket)) {
      serve(socket, text)
      return
    }
    const all = (heads.get(socket) ?? '') + text
    heads.set(socket, all)
    const end = all.indexOf('\r\n\r\n')
    if (end < 0) return
    open.add(socket)
    socket.write((options.answer ?? agreement)(all.slice(0, end + 4)), 'latin1')
    if (end + 4 < all.length) serve(socket, all.slice(end + 4))
  })
}

/** A client behind its handshake, with the socket open. */
export async function webSocketOf(scope: Scope, port: number, path = '/'): Promise<Client> {
  const client = await clientOf(scope, port)
  client.send(handshake(path))
  await client.until(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\n/)
  return client
}
