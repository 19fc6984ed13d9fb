// Memory that a connection still has to write from is nobody else's until it has.

import {connect, createServer, type Socket} from 'node:net'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import {HeldBuffers} from '../../src/proxy/http1/held-buffers.ts'
import {ReadBuffers} from '../../src/proxy/http1/read-buffers.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'

/** More than the kernel takes on the way. */
const BYTES = 16 << 20

test(
  'buffers are given back when all has been written, and no sooner',
  scoped(async scope => {
    const {socket, peer} = await pairOf(scope)
    const {held, writeFrom, next} = holding(socket)
    const [first, second] = [Buffer.alloc(BYTES, 1), Buffer.alloc(BYTES, 2)]
    writeFrom(first)
    writeFrom(second)
    await received(peer, BYTES)
    await until('the first to be written', () => socket.writableLength <= BYTES)
    assert.is(socket.writableLength, BYTES, 'the second is still to be written')
    assert.not(next() === first)
    peer.resume()
    await until('both to be written', () => socket.writableLength === 0)
    assert.is(next(), second)
    assert.is(next(), first)
    held.add(first)
    assert.not(next() === first, 'nothing would tell when it is free')
  }),
)

test(
  'what waits behind the last write that tells is left to the collector',
  scoped(async scope => {
    const {socket, peer} = await pairOf(scope)
    const {held, writeFrom, next} = holding(socket)
    const [first, second] = [Buffer.alloc(BYTES, 1), Buffer.alloc(BYTES, 2)]
    writeFrom(first)
    socket.write(second)
    held.add(second)
    peer.resume()
    await until('both to be written', () => socket.writableLength === 0)
    const other = next()
    assert.not(other === first || other === second)
  }),
)

test(
  'a connection that is never done holds a bounded number of them',
  scoped(async scope => {
    const {socket, peer} = await pairOf(scope)
    const {held, next} = holding(socket)
    const all: readonly Buffer[] = Array.from({length: 100}, () => Buffer.alloc(1))
    held.write(Buffer.alloc(BYTES))
    for (const buffer of all) held.add(buffer)
    peer.resume()
    await until('all to be written', () => socket.writableLength === 0)
    let given = 0
    while (all.includes(next())) given++
    assert.ok(given > 0 && given <= 32, `${given}`)
  }),
)

test.run()

// ---

// The peer reads nothing until it is told to.
async function pairOf(scope: Scope): Promise<{socket: Socket; peer: Socket}> {
  const {promise, resolve} = Promise.withResolvers<Socket>()
  const server = createServer({pauseOnConnect: true}, resolve)
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  const address = server.address()
  const socket = connect(address !== null && typeof address === 'object' ? address.port : 0, '127.0.0.1')
  socket.on('error', () => {})
  const peer = await promise
  peer.on('error', () => {})
  scope.defer(() => {
    server.close()
    socket.destroy()
    peer.destroy()
  })
  return {socket, peer}
}

// Lets the peer read so much, and not much more.
function received(peer: Socket, bytes: number): Promise<void> {
  return new Promise(resolve => {
    const look = () => {
      if (peer.bytesRead < bytes) return
      peer.off('data', look).pause()
      resolve()
    }
    peer.on('data', look)
    peer.resume()
  })
}

function holding(socket: Socket) {
  const readBuffers = new ReadBuffers()
  const held = new HeldBuffers(socket, readBuffers)
  const writeFrom = (buffer: Buffer) => {
    held.write(buffer)
    held.add(buffer)
  }
  return {held, writeFrom, next: () => readBuffers.take()}
}
