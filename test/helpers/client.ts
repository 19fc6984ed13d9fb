// A client that writes exact bytes and tells exactly what came back.

import {connect, type Socket} from 'node:net'
import type {Scope} from '../../src/base/scope.ts'
import {PATIENCE_MS} from './until.ts'

export type Client = {
  readonly socket: Socket
  send(text: string | Buffer): void
  /** Everything received so far. */
  text(): string
  /**
   * Resolves when what was received (from the character `from` on) matches, with that text; rejects with it after the
   * limit or when the connection ends first.
   */
  until(pattern: RegExp | string, limitMs?: number, from?: number): Promise<string>
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
    until: (pattern, limitMs = PATIENCE_MS, from = 0) =>
      wait(limitMs, String(pattern), () => {
        const part = text.slice(from)
        const found = typeof pattern === 'string' ? part.includes(pattern) : pattern.test(part)
        return found ? part : undefined
      }),
    ended: (limitMs = PATIENCE_MS) => wait(limitMs, 'end', () => (isEnded ? {text, reset: isReset} : undefined)),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  }
}

/** Sends bytes on a connection of their own and returns all that comes back until the other side closes. */
export async function exchange(scope: Scope, port: number, bytes: string, limitMs = PATIENCE_MS): Promise<string> {
  const client = await clientOf(scope, port)
  client.send(bytes)
  const {text} = await client.ended(limitMs)
  return text
}

/** 'GET path' with a Host, asking to close, for tests that want one answer. */
export function getAndClose(path: string, host = 'x.localhost'): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
}

export type Answer = {
  /** 0: no whole head of a final answer. */
  readonly status: number
  readonly head: string
  /** Without its coding. */
  readonly body: string
  /** Did the body end where the head said it would? Only the end of the connection says so where there is no length. */
  readonly isComplete: boolean
  /** What came behind the end. */
  readonly rest: string
}

/** The first final answer in what a client received, taken apart. */
export function answerOf(text: string, method = 'GET'): Answer {
  const headEnd = text.indexOf('\r\n\r\n') + 4
  if (headEnd < 4) return {status: 0, head: '', body: '', isComplete: false, rest: text}
  const head = text.slice(0, headEnd)
  const rest = text.slice(headEnd)
  const status = Number(/^HTTP\/1\.[01] (\d{3})[ \r]/.exec(head)?.[1] ?? 0)
  if (status >= 100 && status < 200) return answerOf(rest, method)
  const bare = {status, head, body: '', isComplete: true, rest}
  if (method === 'HEAD' || status === 204 || status === 304) return bare
  if (/^transfer-encoding: *chunked\r$/im.test(head)) return {...bare, ...chunksOf(rest)}
  const length = Number(/^content-length: *(\d+)\r$/im.exec(head)?.[1] ?? rest.length)
  return {...bare, body: rest.slice(0, length), isComplete: rest.length >= length, rest: rest.slice(length)}
}

function chunksOf(text: string): {body: string; isComplete: boolean; rest: string} {
  let body = ''
  let at = 0
  for (;;) {
    const [line, digits = ''] = /^([0-9a-f]+)\r\n/i.exec(text.slice(at)) ?? []
    const size = Number.parseInt(digits, 16)
    if (line === undefined) return {body, isComplete: false, rest: ''}
    const dataEnd = at + line.length + size
    body += text.slice(at + line.length, dataEnd)
    if (text.slice(dataEnd, dataEnd + 2) !== '\r\n') return {body, isComplete: false, rest: ''}
    at = dataEnd + 2
    if (size === 0) return {body, isComplete: true, rest: text.slice(at)}
  }
}
