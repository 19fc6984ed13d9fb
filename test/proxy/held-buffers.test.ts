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
    peer.resume()
    await until('the first to be written', () => socket.writableLength <= BYTES)
    assert.not(next() === first, 'the second is still to be written')
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

function holding(socket: Socket) {
  const readBuffers = new ReadBuffers()
  const held = new HeldBuffers(socket, readBuffers)
  const writeFrom = (buffer: Buffer) => {
    held.write(buffer)
    held.add(buffer)
  }
  return {held, writeFrom, next: () => readBuffers.take()}
}
