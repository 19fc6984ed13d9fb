// Clients that hold on to what they do not use: slow heads, slow bodies, slow readers, silence. And very many of them.

import {readFileSync} from 'node:fs'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import {type Client, clientOf, exchange} from '../helpers/client.ts'
import {get, post, statusOf} from '../helpers/inputs.ts'
import {OK, originOf} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'

const CLOSE = get('Connection: close')

test(
  '70 · the time for a head is counted from its beginning, however steadily its bytes come',
  scoped(async scope => {
    const origin = await originOf(scope, socket => void socket.write(OK))
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {edge: {headerTimeoutMs: 400}})
    const began = performance.now()
    const client = await clientOf(scope, port)
    trickle(scope, client, `GET / HTTP/1.1\r\nHost: x.localhost\r\nA: ${'a'.repeat(1000)}`)
    const {text} = await client.ended(8_000)
    assert.is(statusOf(text), 408)
    assert.match(text, /\r\nConnection: close\r\n/)
    assert.ok(performance.now() - began < 2500)
    assert.is(origin.accepted(), 0)
    assert.is(statusOf(await exchange(scope, port, CLOSE)), 200)
  }),
)

test(
  '70 · the same for the second head of a connection',
  scoped(async scope => {
    const origin = await originOf(scope, socket => void socket.write(OK))
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {edge: {headerTimeoutMs: 300}})
    const client = await clientOf(scope, port)
    client.send(get())
    await client.until(/ok$/)
    trickle(scope, client, `GET / HTTP/1.1\r\nHost: x.localhost\r\nA: ${'a'.repeat(1000)}`)
    const {text} = await client.ended(8_000)
    assert.match(text, /ok[\s\S]*HTTP\/1\.1 408 /)
    assert.is(origin.received[0]?.split('\r\n\r\n').length, 2)
  }),
)

test(
  '71 · a connection on which nothing comes is closed without a word',
  scoped(async scope => {
    const origin = await originOf(scope, socket => void socket.write(OK))
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {edge: {headerTimeoutMs: 300, idleTimeoutMs: 300}})
    const silent = await clientOf(scope, port)
    assert.is((await silent.ended(8_000)).text, '')
    const idle = await clientOf(scope, port)
    idle.send(get())
    await idle.until(/ok$/)
    assert.match((await idle.ended(8_000)).text, /ok$/)
  }),
)

test(
  '71 · a body that trickles in below the least rate is 408 and closes',
  scoped(async scope => {
    const origin = await originOf(scope, () => {})
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    client.send(post(['Content-Length: 5000'], 'a'))
    trickle(scope, client, 'b'.repeat(4000))
    const {text} = await client.ended(15_000)
    assert.is(statusOf(text), 408)
    await until('the end of the request at the instance', () => origin.open() === 0)
  }),
)

test(
  '71 · a client that does not take its answer is cut off, and so is the instance’s part in it',
  scoped(async scope => {
    const block = Buffer.alloc(1 << 20, 'x')
    const origin = await originOf(scope, socket => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n')
      const more = () => {
        while (socket.writable && socket.write(block));
      }
      socket.on('drain', more)
      more()
    })
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    client.socket.pause()
    client.send(get())
    await until('the request', () => origin.accepted() === 1)
    await until('the end of the answer', () => origin.open() === 0, 20_000)
    await until('the books', () => plane.routeStats('x.localhost').inFlight === 0)
  }),
)

test(
  '71 · a slow instance is no slow client',
  scoped(async scope => {
    const origin = await originOf(scope, socket => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      let left = 11
      const timer = setInterval(() => {
        socket.write(left > 0 ? '1\r\nx\r\n' : '0\r\n\r\n')
        if (left-- === 0) clearInterval(timer)
      }, 500)
      scope.defer(() => clearInterval(timer))
    })
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    assert.match(await exchange(scope, port, CLOSE, 15_000), /(?:1\r\nx\r\n){11}0\r\n\r\n$/)
  }),
)

test(
  '72 · two thousand idle connections, or what the system allows, stand in nobody’s way',
  scoped(async scope => {
    const origin = await originOf(scope, socket => void socket.write(OK))
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
    const limit = Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1024)
    // Both ends of every connection are in this process.
    const count = Math.min(2000, Math.floor((limit - 200) / 2))
    const clients: Client[] = []
    for (let from = 0; from < count; from += 100) {
      const some = Math.min(100, count - from)
      clients.push(...(await Promise.all(Array.from({length: some}, () => clientOf(scope, port)))))
    }
    for (const client of clients) client.send(get())
    await until('all answers', () => clients.every(client => client.text().endsWith('ok')), 20_000)
    assert.is(statusOf(await exchange(scope, port, CLOSE)), 200)
    assert.is(plane.routeStats('x.localhost').requests, count + 1)
    assert.ok(origin.open() <= 1024)
  }),
)

test.run()

// One byte every 20 ms, until the connection ends.
function trickle(scope: Scope, client: Client, text: string): void {
  let at = 0
  const timer = setInterval(() => {
    if (at < text.length && client.socket.writable) client.send(text[at++] ?? '')
    else clearInterval(timer)
  }, 20)
  scope.defer(() => clearInterval(timer))
}
