// A TLS client that says what it was shown, and speaks HTTP/1.1 by the byte.

import {isIP} from 'node:net'
import {type ConnectionOptions, connect, type TLSSocket} from 'node:tls'
import type {Scope} from '../../src/base/scope.ts'
import {PATIENCE_MS} from './until.ts'

export type Shown = {
  readonly socket: TLSSocket
  /** Common name of the certificate. */
  readonly name: string
  readonly isResumed: boolean
  /** The last ticket that came; what resumes is known after an answer. */
  session(): Buffer | undefined
  /** Sends a request and resolves with its whole answer, which closes unless `keeps`. */
  ask(request: string, keeps?: boolean): Promise<string>
}

/** Resolves when the handshake is done; rejects with the error that ended it, its code 'ENDED' for an end without one. */
export function secureTo(
  scope: Scope,
  port: number,
  options: ConnectionOptions & {readonly name?: string | null} = {},
): Promise<Shown> {
  const {name = 'x.localhost', ...rest} = options
  const servername = name === null || isIP(name) ? {} : {servername: name}
  const socket = connect({port, host: '127.0.0.1', rejectUnauthorized: false, ...servername, ...rest})
  scope.defer(() => void socket.destroy())
  let session: Buffer | undefined
  let text = ''
  let isEnded = false
  const {promise, resolve, reject} = Promise.withResolvers<Shown>()
  socket.on('session', ticket => {
    session = ticket
  })
  socket.on('error', reject)
  socket.on('close', () => {
    isEnded = true
    reject(Object.assign(new Error('closed before the handshake was done'), {code: 'ENDED'}))
  })
  socket.on('data', data => {
    text += data.toString('latin1')
  })
  const ask = (request: string, keeps = false) => {
    text = ''
    socket.write(request, 'latin1')
    return new Promise<string>((answered, failed) => {
      const timer = setTimeout(() => failed(new Error(`no answer; received ${JSON.stringify(text)}`)), PATIENCE_MS)
      const look = () => {
        const head = text.indexOf('\r\n\r\n') + 4
        const length = Number(/^content-length: *(\d+)\r$/im.exec(text)?.[1] ?? -1)
        if (isEnded || (keeps && head > 3 && length >= 0 && text.length >= head + length)) {
          clearTimeout(timer)
          answered(text)
        }
      }
      socket.on('data', look)
      socket.on('close', look)
      look()
    })
  }
  socket.on('secureConnect', () => {
    const {CN = ''} = socket.getPeerCertificate().subject ?? {}
    resolve({socket, name: String(CN), isResumed: socket.isSessionReused(), session: () => session, ask})
  })
  return promise
}

/** What keeps a handshake from being done: the alert's name or the error's code, lower-cased; '' when it is done. */
export async function refusalOf(attempt: Promise<Shown>): Promise<string> {
  try {
    await attempt
    return ''
  } catch (error) {
    const {code = '', message} = error as Error & {code?: string}
    return /alert ([\w ]+?)(?::|$)/i.exec(message)?.[1] ?? code
  }
}
