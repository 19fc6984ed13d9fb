// Buffers that are read into again and again: nobody may see bytes of somebody else's message, whoever is slow.

import {createHash} from 'node:crypto'
import {connect, createServer, type Server, type Socket} from 'node:net'
import type {Readable} from 'node:stream'
import {connect as connectTls} from 'node:tls'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import {COLLECTOR, type Holder, ReadBuffers, readingFor} from '../../src/proxy/http1/read-buffers.ts'
import {readInto} from '../../src/proxy/http1/read-into.ts'
import {authorityOf} from '../helpers/authority.ts'
import {hasOpenssl} from '../helpers/certificates.ts'
import {http2To} from '../helpers/http2-client.ts'
import {originOf} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'

/** More than the kernel takes on the way: some has to wait in the proxy. */
const BODY_BYTES = 32 << 20
const PIECE_BYTES = 65_536
const AT_ONCE = 3
const WAIT_MS = 20_000

/** What asks for /n, and gives the answer as it comes: with its head, or without. */
type Asker = {
  readonly isSecure: boolean
  readonly hasHead: boolean
  readonly ask: (scope: Scope, port: number, n: number) => Promise<Readable>
}

const ASKERS: Readonly<Record<string, Asker>> = {
  'HTTP/1.1': {
    isSecure: false,
    hasHead: true,
    async ask(scope, port, n) {
      const socket = connect(port, '127.0.0.1')
      scope.defer(() => void socket.destroy())
      socket.write(requestOf(n))
      return socket
    },
  },
  TLS: {
    isSecure: true,
    hasHead: true,
    async ask(scope, port, n) {
      const socket = connectTls({port, servername: 'x.localhost', rejectUnauthorized: false})
      scope.defer(() => void socket.destroy())
      socket.write(requestOf(n))
      return socket
    },
  },
  'HTTP/2': {
    isSecure: true,
    hasHead: false,
    ask: async (scope, port, n) => (await http2To(scope, port)).request({':path': `/${n}`}),
  },
}

for (const [name, {isSecure, hasHead, ask}] of Object.entries(ASKERS)) {
  const check = hasOpenssl || !isSecure ? test : test.skip
  check(
    `long answers to clients of ${name} that stop and go are those of each client, byte for byte`,
    scoped(async scope => {
      const senders: Sender[] = []
      const origin = await originOf(scope, (socket, text) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`)
        senders.push(sendBody(socket, /GET \/(\d+) /.exec(text)?.[1] ?? ''))
      })
      const options = isSecure ? {certificates: [authorityOf(scope).certificate(['x.localhost'])]} : {}
      const {port, httpsPort} = await proxyOf(scope, {'x.localhost': origin.url}, options)
      const readers = await Promise.all(numbers().map(n => ask(scope, isSecure ? httpsPort : port, n)))
      await until('the way to be full', () => senders.length === AT_ONCE && areStuck(senders), WAIT_MS)
      const digests = await Promise.all(readers.map(reader => readBody(reader, hasHead)))
      for (const n of numbers()) assert.is(digests[n], digestOf(`${n}`), `client ${n}`)
    }),
  )
}

test(
  'long requests to instances that stop and go are those of each client, byte for byte',
  scoped(async scope => {
    const receivers: Socket[] = []
    const server = createServer({pauseOnConnect: true}, socket => void receivers.push(socket.on('error', () => {})))
    const url = `http://127.0.0.1:${await portOf(server)}`
    scope.defer(() => void server.close())
    const {port} = await proxyOf(scope, {'x.localhost': url})
    const senders = numbers().map(n => {
      const socket = connect(port, '127.0.0.1')
      scope.defer(() => void socket.destroy())
      socket.write(`POST /${n} HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`)
      return sendBody(socket, `${n}`)
    })
    await until('the way to be full', () => receivers.length === AT_ONCE && areStuck(senders), WAIT_MS)
    const digests = await Promise.all(receivers.map(socket => readBody(socket, true)))
    assert.equal(new Set(digests), new Set(numbers().map(n => digestOf(`${n}`))))
    for (const socket of receivers) socket.destroy()
  }),
)

test(
  'a socket that a server has accepted reads into the buffers that it was given',
  scoped(async scope => {
    const readBuffers = new ReadBuffers()
    const reads: [text: string, isLent: boolean, isInBuffer: boolean][] = []
    const server = createServer(socket => {
      const connection = {
        thread: {readBuffers},
        heldBy: null as Holder | null,
        isInBody: () => reads.length === 1,
        read(bytes: Buffer, isLent: boolean) {
          reads.push([bytes.latin1Slice(), isLent, bytes.buffer === readBuffers.lent.buffer])
          socket.write('.')
          return true
        },
      }
      readInto(socket, readingFor(connection))
      socket.on('data', () => reads.push(['by data', false, false]))
      socket.on('end', () => socket.end('end'))
    })
    const socket = connect(await portOf(server), '127.0.0.1')
    scope.defer(() => void server.close())
    scope.defer(() => void socket.destroy())
    for (const text of ['head', 'body', 'head']) {
      socket.write(text)
      await new Promise<void>(resolve => socket.once('data', () => resolve()))
    }
    socket.end()
    assert.is(await new Promise(resolve => socket.once('data', data => resolve(`${data}`))), 'end')
    assert.equal(reads, [
      ['head', true, true],
      ['body', false, false],
      ['head', true, true],
    ])
  }),
)

test('a socket of another make is left as it is', () => {
  const socket = {_handle: {}} as unknown as Socket
  readInto(socket, {callback: () => true, buffer: () => Buffer.alloc(1)})
  assert.equal(Object.getOwnPropertySymbols(socket), [])
})

test('a buffer that somebody still holds is not given to the next', () => {
  const readBuffers = new ReadBuffers()
  const connection = {thread: {readBuffers}, heldBy: null as Holder | null, isInBody: () => true, read: () => true}
  const {buffer} = readingFor(connection)
  const first = buffer()
  assert.is(buffer(), first)
  connection.heldBy = COLLECTOR
  assert.is.not(buffer(), first)
  connection.isInBody = () => false
  assert.is(buffer(), readBuffers.lent)
  connection.heldBy = null
  connection.isInBody = () => true
  const third = buffer()
  connection.isInBody = () => false
  buffer()
  assert.is(readBuffers.take(), third)
})

test.run()

// ---

function numbers(): number[] {
  return Array.from({length: AT_ONCE}, (_, i) => i)
}

function portOf(server: Server): Promise<number> {
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(address !== null && typeof address === 'object' ? address.port : 0)
    })
  })
}

function requestOf(n: number): string {
  return `GET /${n} HTTP/1.1\r\nHost: x.localhost\r\n\r\n`
}

// Another in each place, so that bytes of another body, or of another place, are seen.
function pieceOf(name: string, at: number): Buffer {
  const piece = Buffer.alloc(PIECE_BYTES, `${name} `)
  for (let i = 0; i < PIECE_BYTES; i += 64) piece.writeUInt32LE(at + i, i)
  return piece
}

function digestOf(name: string): string {
  const hash = createHash('sha256')
  for (let at = 0; at < BODY_BYTES; at += PIECE_BYTES) hash.update(pieceOf(name, at))
  return hash.digest('hex')
}

type Sender = {sent: number; seen: number; looks: number}

function sendBody(socket: Socket, name: string): Sender {
  const sender = {sent: 0, seen: 0, looks: 0}
  const send = () => {
    while (sender.sent < BODY_BYTES) {
      const isFlowing = socket.write(pieceOf(name, sender.sent))
      sender.sent += PIECE_BYTES
      if (!isFlowing) return
    }
  }
  socket.on('drain', send)
  send()
  return sender
}

// Has nobody sent more in so many looks?
function areStuck(senders: Sender[]): boolean {
  for (const sender of senders) {
    sender.looks = sender.sent === sender.seen ? sender.looks + 1 : 0
    sender.seen = sender.sent
  }
  return senders.every(({sent, looks}) => looks > 20 && sent < BODY_BYTES)
}

// Stops behind every read for a turn: what is sent has to wait for it.
function readBody(socket: Readable, hasHead: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256')
    let head = ''
    let got = hasHead ? -1 : 0
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`closed behind ${got} bytes`)))
    socket.on('data', (data: Buffer) => {
      let body = data
      if (got < 0) {
        head += data.latin1Slice()
        const end = head.indexOf('\r\n\r\n') + 4
        if (end < 4) return
        body = Buffer.from(head.slice(end), 'latin1')
        got = 0
      }
      hash.update(body)
      got += body.length
      if (got >= BODY_BYTES) resolve(hash.digest('hex'))
      socket.pause()
      setImmediate(() => setImmediate(() => socket.resume()))
    })
    socket.resume()
  })
}
