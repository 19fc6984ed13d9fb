// Instances that answer well most of the time, and that write down whom they have harmed before they do it: a failure that
// a client sees must be one of these.

import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {Socket} from 'node:net'
import type {Scope} from '../../../src/base/scope.ts'
import type {Random} from '../random.ts'
import {echoUpgrades} from './tunnel.ts'

/** What an instance does instead of answering well. */
const FAULTS = ['reset', 'close', 'stall', 'garbage', 'short', 'cut', 'early'] as const
/** Odd, and no harm: the client must get its answer all the same. */
const ODDITIES = ['extra', 'hints', 'trickle'] as const

export type Fault = (typeof FAULTS)[number]

/** Called with the nonce of a request before it is harmed. */
export type OnHarm = (nonce: string, fault: Fault) => void

/** Called with the nonce of a request, and what has become of it so far. */
export type OnStep = (nonce: string, step: string) => void

export type FaultOptions = {readonly faultShare: number; readonly oddShare: number}

/** An instance that tells by X-Origin which one it is, and by X-Nonce whom it answers. Returns its URL. */
export async function faultyInstance(
  scope: Scope,
  index: number,
  random: Random,
  onHarm: OnHarm,
  onStep: OnStep,
  options: FaultOptions,
): Promise<string> {
  const server = createServer({keepAliveTimeout: 0, requestTimeout: 0}, (request, response) => {
    const nonce = String(request.headers['x-nonce'])
    const socket = request.socket as typeof request.socket & {before?: string}
    onStep(nonce, socket.before === undefined ? 'arrived' : `arrived behind ${socket.before}`)
    socket.before = nonce
    request.on('end', () => onStep(nonce, 'read'))
    response.on('finish', () => onStep(nonce, 'answered'))
    response.on('close', () => onStep(nonce, 'closed'))
    if (random.chance(options.faultShare)) {
      const fault = random.pick(FAULTS)
      onHarm(nonce, fault)
      harm(fault, request, response, nonce, index)
      return
    }
    const oddity = random.chance(options.oddShare) ? random.pick(ODDITIES) : null
    if (oddity) onStep(nonce, oddity)
    answerWhole(request, response, nonce, index, oddity)
  })
  server.on('clientError', (_, socket) => socket.destroy())
  echoUpgrades(server, random, onHarm, options.faultShare)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  scope.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('no port')
  return `http://127.0.0.1:${bound.port}`
}

/** The bytes that belong to a nonce: nobody else's can be mistaken for them. */
export function bodyOf(nonce: string, size: number): string {
  return `${nonce},`.repeat(Math.ceil(size / (nonce.length + 1))).slice(0, size)
}

// ---

// Takes the body in, looks whether it is the one that was announced, and answers what was asked for.
function answerWhole(
  request: IncomingMessage,
  response: ServerResponse,
  nonce: string,
  index: number,
  oddity: (typeof ODDITIES)[number] | null,
): void {
  let received = ''
  request.setEncoding('latin1')
  request.on('data', piece => {
    received += piece
  })
  request.on('end', () => {
    const query = new URL(request.url ?? '/', 'http://x').searchParams
    const size = Number(query.get('size') ?? 0)
    const isRight = received === bodyOf(nonce, Number(query.get('upload') ?? 0))
    const head = {'X-Nonce': nonce, 'X-Origin': String(index), 'X-Upload': isRight ? 'right' : 'wrong'}
    if (oddity === 'hints') response.writeEarlyHints({link: '</a.css>; rel=preload'})
    if (query.get('kind') === '304') return void response.writeHead(304, {...head, ETag: `"${nonce}"`}).end()
    const isChunked = query.get('kind') === 'chunked'
    response.writeHead(200, isChunked ? head : {...head, 'Content-Length': size})
    if (request.method === 'HEAD') return void response.end()
    const body = bodyOf(nonce, size)
    if (oddity === 'trickle') return trickle(response, body)
    // Node gives an answer its socket when the one before it has ended, which a trickled one does after its last byte.
    if (oddity === 'extra' && !isChunked && size < 1000 && response.socket)
      return extra(response, body, response.socket)
    response.end(body, 'latin1')
  })
}

function trickle(response: ServerResponse, body: string): void {
  const step = Math.max(1, Math.ceil(body.length / 5))
  const write = (at: number) => {
    if (at >= body.length || response.destroyed) return void response.end()
    response.write(body.slice(at, at + step), 'latin1')
    setTimeout(write, 3, at + step)
  }
  write(0)
}

// Behind the answer, in the same packet, one that nobody asked for. Whoever uses the connection again gets it.
function extra(response: ServerResponse, body: string, socket: Socket): void {
  response.write(body, 'latin1')
  socket.end('HTTP/1.1 200 OK\r\nX-Nonce: poison\r\nContent-Length: 6\r\n\r\npoison')
}

function harm(fault: Fault, request: IncomingMessage, response: ServerResponse, nonce: string, index: number): void {
  const socket = request.socket
  switch (fault) {
    case 'reset':
      socket.resetAndDestroy()
      return
    case 'close':
      socket.destroy()
      return
    case 'stall':
      request.resume()
      return
    case 'garbage':
      socket.end('\x16\x03\x01 this is not HTTP\r\n\r\n')
      return
    case 'short':
      response.writeHead(200, {'X-Nonce': nonce, 'X-Origin': String(index), 'Content-Length': 1000})
      response.write(bodyOf(nonce, 10))
      setTimeout(() => socket.destroy(), 2)
      return
    case 'cut':
      response.writeHead(200, {'X-Nonce': nonce, 'X-Origin': String(index)})
      response.write(bodyOf(nonce, 10))
      setTimeout(() => socket.destroy(), 2)
      return
    case 'early':
      response
        .writeHead(413, {'X-Nonce': nonce, 'X-Origin': String(index), 'Content-Length': 0, Connection: 'close'})
        .end()
  }
}
