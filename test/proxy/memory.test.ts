import {createServer} from 'node:net'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import {clientOf} from '../helpers/client.ts'
import {planeProcess} from '../helpers/plane-process.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'

const MIB = 1 << 20
const ANSWER_BYTES = 200 * MIB
/** So many that what the heap grows by once, about 30 MiB, does not count. */
const CLIENTS = 32
/** For each connection: what waits for the client, what was read and not yet written, and what the collector leaves. */
const GROWTH_MAX = 4 * MIB

test(
  'slow clients of a fast instance hold no more than what may wait for each',
  scoped(async scope => {
    const instance = await fastInstance(scope)
    const plane = await planeProcess(scope, instance.url)
    const first = await clientOf(scope, plane.port)
    first.send('GET /small HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    await first.until(/ok$/)
    const before = await plane.memory()
    const slow = await Promise.all(Array.from({length: CLIENTS}, () => clientOf(scope, plane.port)))
    for (const client of slow) {
      client.send('GET /large HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
      await client.until('200 OK')
      client.socket.pause()
    }
    // Full is when the instance can write no more.
    let written = -1
    await until(
      'the instance to be held back',
      async () => {
        const then = written
        written = instance.written()
        await new Promise(resolve => setTimeout(resolve, 300))
        return then === written
      },
      20_000,
    )
    const after = await plane.memory()
    assert.is(after.clients, CLIENTS + 1)
    const growth = (after.rss - before.rss) / CLIENTS
    assert.ok(growth < GROWTH_MAX, `${(growth / MIB).toFixed(1)} MiB for each connection`)
    assert.ok(written < (ANSWER_BYTES * CLIENTS) / 2, 'the instance was never held back')
  }),
)

test(
  'a fast client of a slow instance holds no more than what may wait for it',
  scoped(async scope => {
    const stuck = createServer(socket => void socket.pause().on('error', () => {}))
    await new Promise<void>(resolve => stuck.listen(0, '127.0.0.1', resolve))
    scope.defer(() => void stuck.close())
    const {port} = stuck.address() as {port: number}
    const plane = await planeProcess(scope, `http://127.0.0.1:${port}`)
    const before = await plane.memory()
    const clients = await Promise.all(Array.from({length: CLIENTS}, () => clientOf(scope, plane.port)))
    const piece = Buffer.alloc(MIB, 97)
    for (const client of clients) {
      client.send(`POST / HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: ${ANSWER_BYTES}\r\n\r\n`)
      for (let i = 0; i < 50; i++) client.send(piece)
    }
    let waiting = -1
    await until('the clients to be held back', async () => {
      const then = waiting
      waiting = clients.reduce((sum, {socket}) => sum + socket.writableLength, 0)
      await new Promise(resolve => setTimeout(resolve, 300))
      return then === waiting
    })
    const after = await plane.memory()
    const growth = (after.rss - before.rss) / CLIENTS
    assert.ok(growth < GROWTH_MAX, `${(growth / MIB).toFixed(1)} MiB for each connection`)
    assert.ok(waiting > 0, 'the clients were never held back')
  }),
)

test.run()

// ---

async function fastInstance(scope: Scope): Promise<{url: string; written: () => number}> {
  const piece = Buffer.alloc(MIB, 98)
  let written = 0
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.on('data', data => {
      if (String(data).startsWith('GET /small')) {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        return
      }
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${ANSWER_BYTES}\r\n\r\n`)
      const fill = () => {
        let isFlowing = true
        while (isFlowing && written < ANSWER_BYTES * CLIENTS) {
          written += piece.length
          isFlowing = socket.write(piece)
        }
      }
      socket.on('drain', fill)
      fill()
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  scope.defer(() => void server.close())
  return {url: `http://127.0.0.1:${(server.address() as {port: number}).port}`, written: () => written}
}
