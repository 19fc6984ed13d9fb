import type {Socket} from 'node:net'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {blackholeOf} from '../helpers/blackhole.ts'
import {clientOf, exchange, getAndClose} from '../helpers/client.ts'
import {originOf} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'

test(
  'connect: an instance that does not accept in time is a 504, one that refuses a 502 at once',
  scoped(async scope => {
    const full = await blackholeOf(scope)
    const gone = await originOf(scope, () => {})
    await gone.close()
    const routes = {'x.localhost/full': full, 'x.localhost/gone': gone.url}
    const {port, plane} = await proxyOf(scope, routes, {timeouts: {connectMs: 600}})
    const began = performance.now()
    assert.match(
      await exchange(scope, port, getAndClose('/gone')),
      /^HTTP\/1\.1 502 [\s\S]*error=connection_refused\r\n/,
    )
    assert.ok(performance.now() - began < 2_500)
    const [text, tookMs] = await timed(() => exchange(scope, port, getAndClose('/full')))
    assert.match(text, /^HTTP\/1\.1 504 [\s\S]*error=connection_timeout\r\n/)
    assert.ok(tookMs > 500 && tookMs < 3_200, `took ${tookMs} ms`)
    await until('the books', () => plane.instanceStats(full).inFlight === 0)
  }),
)

test(
  'response: an instance that does not begin its answer in time is a 504, counted from the end of the request',
  scoped(async scope => {
    const silent = await originOf(scope, () => {})
    const {port} = await proxyOf(scope, {'x.localhost': silent.url}, {timeouts: {responseMs: 700}})
    const [text, tookMs] = await timed(() => exchange(scope, port, getAndClose('/')))
    assert.match(text, /^HTTP\/1\.1 504 [\s\S]*error=http_response_timeout\r\n/)
    assert.ok(tookMs > 600 && tookMs < 3_300, `took ${tookMs} ms`)
    // The request itself takes longer than that: it is the client who sends it, and the instance waits.
    const client = await clientOf(scope, port)
    client.send('POST / HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 20\r\n\r\n')
    const began = performance.now()
    for (let i = 0; i < 20; i++) {
      await new Promise(resolve => setTimeout(resolve, 60))
      assert.is(client.text(), '')
      client.send('a')
    }
    await client.until(/^HTTP\/1\.1 504 /)
    assert.ok(performance.now() - began > 1_700)
    await until('the instance to be left', () => silent.open() === 0)
  }),
)

test(
  'send: an instance that does not take the request is a 504',
  scoped(async scope => {
    const stuck = await originOf(scope, socket => void socket.pause())
    const {port, plane} = await proxyOf(
      scope,
      {'x.localhost': stuck.url},
      {timeouts: {sendMs: 800, responseMs: 30_000}},
    )
    const client = await clientOf(scope, port)
    client.send(`POST / HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 50000000\r\n\r\n${'a'.repeat(30_000_000)}`)
    assert.match((await client.ended(8_000)).text, /^HTTP\/1\.1 504 [\s\S]*error=connection_write_timeout\r\n/)
    client.destroy()
    await until('the books', () => plane.instanceStats(stuck.url).inFlight === 0)
  }),
)

for (const [name, head, piece] of [
  ['with a length', 'Content-Length: 100', 'x'],
  ['in chunks', 'Transfer-Encoding: chunked', '1\r\nx\r\n'],
  ['until the end', 'Connection: close', 'x'],
] as const) {
  test(
    `idle: an answer ${name} that trickles lives, one that stops is cut off and does not look whole`,
    scoped(async scope => {
      const origin = await originOf(scope, socket => {
        socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`)
        let count = 0
        const timer = setInterval(() => {
          socket.write(piece)
          if (++count === 8) clearInterval(timer)
        }, 300)
        socket.on('close', () => clearInterval(timer))
      })
      const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url}, {timeouts: {idleMs: 2_000}})
      const client = await clientOf(scope, port)
      client.send('GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
      const [{text}, tookMs] = await timed(() => client.ended())
      const body = text.slice(text.indexOf('\r\n\r\n') + 4)
      assert.is(body.match(/x/g)?.length, 8)
      assert.not.match(body, /0\r\n\r\n$/)
      assert.ok(tookMs > 4_100 && tookMs < 15_000, `took ${tookMs} ms`)
      await until('the books', () => origin.open() === 0 && plane.instanceStats(origin.url).inFlight === 0)
      assert.is(plane.workers()[0]?.restarts, 0)
    }),
  )
}

test(
  'an instance that closes before its answer is a 502, in the middle of it the connection of the client is cut',
  scoped(async scope => {
    const ways: Record<string, (socket: Socket) => void> = {
      '/before': socket => socket.destroy(),
      '/reset': socket => socket.resetAndDestroy(),
      '/head': socket => void socket.end('HTTP/1.1 200 OK\r\nContent-Le'),
      '/body': socket => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart'),
      '/chunk': socket => void socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\npart'),
    }
    const origin = await originOf(scope, (socket, text) => ways[text.split(' ')[1] ?? '']?.(socket))
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
    const answer = (path: string) => exchange(scope, port, getAndClose(path))
    assert.match(await answer('/before'), /^HTTP\/1\.1 502 [\s\S]*error=connection_terminated\r\n/)
    assert.match(await answer('/reset'), /^HTTP\/1\.1 502 [\s\S]*error=connection_terminated\r\n/)
    assert.match(await answer('/head'), /^HTTP\/1\.1 502 [\s\S]*error=http_response_incomplete\r\n/)
    assert.match(await answer('/body'), /^HTTP\/1\.1 200 [\s\S]*Content-Length: 9\r\n[\s\S]*\r\n\r\npart$/)
    assert.match(await answer('/chunk'), /^HTTP\/1\.1 200 [\s\S]*\r\n\r\n9\r\npart$/)
    await until('the books', () => plane.instanceStats(origin.url).inFlight === 0)
  }),
)

test.run()

// ---

async function timed<T>(work: () => Promise<T>): Promise<readonly [T, number]> {
  const began = performance.now()
  return [await work(), performance.now() - began]
}
