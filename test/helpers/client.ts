// A client that writes exact bytes and tells exactly what came back.

import {connect, type Socket} from 'node:net'
import type {Scope} from '../../src/base/scope.ts'

export type Client = {
  readonly socket: Socket
  send(text: string | Buffer): void
  /** Everything received so far. */
  text(): string
  /** Resolves when what was received matches; rejects with it after the limit or when the connection ends first. */
  until(pattern: RegExp | string, limitMs?: number): Promise<string>
  /** Resolves with everything received when the other side has closed; 'reset' is true when it did not do so cleanly. */
  ended(limitMs?: number): Promise<{text: string; reset: boolean}>
  end(): void
  destroy(): void
}

export async function clientOf(scope: Scope, port: number, host = '127.0.0.1'): Promise<Client> {
  const socket = connect({port, host, allowHalfOpen: true})
  scope.defer(() => socket.destroy())
  let text = ''
  let isEnded = false
  let isReset = false
  const watchers = new Set<() => void>()
  const tell = () => {
    for (const watcher of [...watchers]) watcher()
  }
  socket.setEncoding('latin1')
  socket.on('data', data => {
    text += data
    tell()
  })
  socket.on('end', () => {
    isEnded = true
    tell()
  })
  socket.on('error', () => {
    isReset = true
  })
  socket.on('close', () => {
    isEnded = true
    tell()
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })

  function wait<T>(limitMs: number, what: string, look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const finish = () => {
        clearTimeout(timer)
        watchers.delete(check)
      }
      const timer = setTimeout(() => {
        finish()
        reject(new Error(`no ${what} within ${limitMs} ms; received ${JSON.stringify(text)}`))
      }, limitMs)
      const check = () => {
        const found = look()
        if (found !== undefined) {
          finish()
          resolve(found)
        } else if (isEnded) {
          finish()
          reject(new Error(`closed before ${what}; received ${JSON.stringify(text)}`))
        }
      }
      watchers.add(check)
      check()
    })
  }

  return {
    socket,
    send: data => void (typeof data === 'string' ? socket.write(data, 'latin1') : socket.write(data)),
    text: () => text,
    until: (pattern, limitMs = 5000) =>
      wait(limitMs, String(pattern), () => {
        const found = typeof pattern === 'string' ? text.includes(pattern) : pattern.test(text)
        return found ? text : undefined
      }),
    ended: (limitMs = 5000) => wait(limitMs, 'end', () => (isEnded ? {text, reset: isReset} : undefined)),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  }
}

/** Sends bytes on a connection of their own and returns all that comes back until the other side closes. */
export async function exchange(scope: Scope, port: number, bytes: string, limitMs = 5000): Promise<string> {
  const client = await clientOf(scope, port)
  client.send(bytes)
  const {text} = await client.ended(limitMs)
  return text
}

/** 'GET path' with a Host, asking to close, for tests that want one answer. */
export function getAndClose(path: string, host = 'x.localhost'): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
}
