// An instance that does just what a test tells it to, down to the byte.

import {createServer, type Server, type Socket} from 'node:net'
import type {Scope} from '../../src/base/scope.ts'

export type Origin = {
  readonly port: number
  readonly url: string
  /** Everything that came, connection by connection. */
  readonly received: string[]
  /** Connections that were accepted. */
  readonly accepted: () => number
  readonly open: () => number
  close(): Promise<void>
}

/** Serves each connection by `serve`, which is called with every piece that comes. */
export async function originOf(
  scope: Scope,
  serve: (socket: Socket, text: string, connection: number) => void,
  host = '127.0.0.1',
): Promise<Origin> {
  const received: string[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer(socket => {
    const connection = received.push('') - 1
    sockets.add(socket)
    socket.setEncoding('latin1')
    socket.on('data', data => {
      const text = String(data)
      received[connection] += text
      serve(socket, text, connection)
    })
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>(resolve => server.listen(0, host, resolve))
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const close = () =>
    new Promise<void>(resolve => {
      for (const socket of sockets) socket.destroy()
      server.close(() => resolve())
    })
  scope.defer(close)
  return {
    port,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    received,
    accepted: () => received.length,
    open: () => sockets.size,
    close,
  }
}

/** An instance that answers every complete request head with the same bytes, at once or so much later. */
export function originThatAnswers(
  scope: Scope,
  answer: string | ((head: string) => string),
  lateMs = 0,
): Promise<Origin> {
  const pending = new Map<number, string>()
  return originOf(scope, (socket, text, connection) => {
    let all = (pending.get(connection) ?? '') + text
    for (let end = all.indexOf('\r\n\r\n'); end >= 0; end = all.indexOf('\r\n\r\n')) {
      const head = all.slice(0, end + 4)
      const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
      if (all.length < end + 4 + length) break
      const bytes = typeof answer === 'string' ? answer : answer(all.slice(0, end + 4 + length))
      if (lateMs === 0) socket.write(bytes, 'latin1')
      else setTimeout(() => socket.destroyed || socket.write(bytes, 'latin1'), lateMs)
      all = all.slice(end + 4 + length)
    }
    pending.set(connection, all)
  })
}

/** 'ok' with its head. */
export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
