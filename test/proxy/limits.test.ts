// Every field of `edge`: what it allows is served, one more is not, and what is not the client's fault is never its loss.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {blackholeOf} from '../helpers/blackhole.ts'
import {clientOf, exchange, getAndClose} from '../helpers/client.ts'
import {OK, originOf, originThatAnswers} from '../helpers/origin.ts'
import {proxyOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'

const GET = 'GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n'

for (const [name, edge] of [
  ['maxConnections', {maxConnections: 10}],
  ['perClient', {perClient: 10}],
] as const) {
  test(
    `${name} is exact over two workers: the eleventh gets a 503 and is closed, the place of one that leaves is free`,
    scoped(async scope => {
      const origin = await originThatAnswers(scope, OK)
      const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url}, {workers: 2, edge})
      const clients = await Promise.all(Array.from({length: 10}, () => clientOf(scope, port)))
      for (const client of clients) client.send(GET)
      await Promise.all(clients.map(client => client.until(/ok$/)))
      for (let i = 0; i < 5; i++) {
        const text = await exchange(scope, port, GET)
        assert.match(text, /^HTTP\/1\.1 503 [\s\S]*error=connection_limit_reached[\s\S]*\r\nConnection: close\r\n/)
      }
      clients[0]?.destroy()
      const isFree = async () => (await exchange(scope, port, getAndClose('/'))).startsWith('HTTP/1.1 200 ')
      await until('the place', isFree)
      await until('the place again', isFree)
      assert.is(plane.routeStats('x.localhost').requests, 12)
    }),
  )
}

test(
  'the last request that requestsPerConnection allows is answered with Connection: close',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {edge: {requestsPerConnection: 3}})
    const text = await exchange(scope, port, GET.repeat(5))
    assert.is(text.match(/ 200 OK/g)?.length, 3)
    assert.is(text.match(/Connection: close/g)?.length, 1)
    assert.match(text, /Connection: close\r\n\r\nok$/)
  }),
)

test(
  'a head that comes a byte at a time is cut off with a 408 when headerTimeout is over, counted from its first byte',
  scoped(async scope => {
    const {port} = await proxyOf(scope, {}, {edge: {headerTimeoutMs: 800}})
    const client = await clientOf(scope, port)
    const began = performance.now()
    const bytes = [...`GET / HTTP/1.1\r\nHost: x.localhost\r\nX: ${'a'.repeat(1000)}`]
    const timer = setInterval(() => client.send(bytes.shift() ?? 'a'), 20)
    scope.defer(() => clearInterval(timer))
    const {text, reset} = await client.ended()
    const tookMs = performance.now() - began
    assert.match(text, /^HTTP\/1\.1 408 Request Timeout\r\n[\s\S]*\r\nConnection: close\r\n/)
    assert.not.ok(reset)
    assert.ok(tookMs > 700 && tookMs < 3_400, `took ${tookMs} ms`)
    // It goes on sending: what it sends is dropped for a while and then the connection is gone.
    await until('the connection to be gone', () => client.socket.destroyed)
  }),
)

test(
  'a connection that sends nothing is closed after headerTimeout, an idle one after idleTimeout, without a word',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const edge = {headerTimeoutMs: 400, idleTimeoutMs: 1_000}
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {edge})
    const began = performance.now()
    const [mute, idle] = await Promise.all([clientOf(scope, port), clientOf(scope, port)])
    idle.send(GET)
    const texts = await Promise.all([
      mute.ended().then(({text}) => [text, performance.now() - began] as const),
      idle.ended().then(({text}) => [text, performance.now() - began] as const),
    ])
    const [[muteText, muteMs], [idleText, idleMs]] = texts
    assert.is(muteText, '')
    assert.match(idleText, /^HTTP.1.1 200 OK[\s\S]*ok$/)
    assert.ok(muteMs > 300 && muteMs < 2_900, `mute for ${muteMs} ms`)
    assert.ok(idleMs > 900 && idleMs < 3_700, `idle for ${idleMs} ms`)
  }),
)

test(
  'a head of headBytes and of as many fields as allowed is served, one byte or one field more is 431',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {edge: {headBytes: 8192, headers: 20}})
    const sized = (bytes: number) => {
      const head = 'GET / HTTP/1.1\r\nHost: x.localhost\r\nConnection: close\r\nX: \r\n\r\n'
      return head.replace('X: ', `X: ${'a'.repeat(bytes - head.length)}`)
    }
    assert.match(await exchange(scope, port, sized(8192)), /^HTTP\/1\.1 200 /)
    assert.match(await exchange(scope, port, sized(8193)), /^HTTP\/1\.1 431 [\s\S]*Connection: close/)
    // Without an end: cut off when it is known to be too large, not when it ends.
    assert.match(await exchange(scope, port, sized(8_192_000).slice(0, 200_000)), /^HTTP\/1\.1 431 /)
    const counted = (fields: number) => getAndClose('/').replace('\r\n\r\n', `\r\n${'A: b\r\n'.repeat(fields - 2)}\r\n`)
    assert.match(await exchange(scope, port, counted(20)), /^HTTP\/1\.1 200 /)
    assert.match(await exchange(scope, port, counted(21)), /^HTTP\/1\.1 431 [\s\S]*Connection: close/)
  }),
)

test(
  'a body below the least rate is cut off with a 408, one above it is taken however long it lasts',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url}, {edge: {bodyRateBytesPerS: 1_000}})
    const post = 'POST / HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 30000\r\nConnection: close\r\n\r\n'
    const [slow, steady] = await Promise.all([clientOf(scope, port), clientOf(scope, port)])
    slow.send(post)
    steady.send(post)
    const timer = setInterval(() => {
      if (!slow.socket.destroyed) slow.send('a'.repeat(50))
      if (!steady.socket.destroyed) steady.send('a'.repeat(400))
    }, 100)
    scope.defer(() => clearInterval(timer))
    const began = performance.now()
    const slowly = await slow.ended(12_000)
    assert.match(slowly.text, /^HTTP\/1\.1 408 Request Timeout\r\n/)
    assert.ok(performance.now() - began < 11_000)
    assert.match((await steady.ended(12_000)).text, /^HTTP\/1\.1 200 OK/)
    slow.destroy()
    await until('the books', () => plane.instanceStats(origin.url).inFlight === 0)
  }),
)

test(
  'a client that does not take its answer is cut off, and the instance with it',
  scoped(async scope => {
    const origin = await originOf(scope, socket => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n')
      const piece = 'a'.repeat(100_000)
      const fill = () => {
        while (socket.write(piece));
      }
      socket.on('drain', fill)
      fill()
    })
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    client.send(GET)
    await client.until('200 OK')
    client.socket.pause()
    await until('the cut', () => origin.open() === 0, 15_000)
    await until('the books', () => plane.routeStats('x.localhost').inFlight === 0)
    client.socket.resume()
    await client.ended()
    assert.ok(client.text().length < 100_000_000)
  }),
)

test(
  'a slow instance is never the loss of its client: while it does not answer, does not read, or trickles',
  scoped(async scope => {
    const late = await originOf(scope, socket => void setTimeout(() => socket.write(OK), 11_500))
    const trickling = await originOf(scope, socket => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n')
      let left = 12
      const timer = setInterval(() => {
        socket.write('x')
        if (--left === 0) clearInterval(timer)
      }, 1_000)
    })
    // Reads nothing for longer than two windows of the pace, then all.
    const stuck = await originOf(scope, (socket, text, connection) => {
      if (text.startsWith('POST')) {
        socket.pause()
        setTimeout(() => socket.resume(), 11_500)
      }
      if ((stuck.received[connection]?.length ?? 0) >= 20_000_000) socket.write(OK)
    })
    const routes = {
      'x.localhost/late': late.url,
      'x.localhost/trickling': trickling.url,
      'x.localhost/stuck': stuck.url,
    }
    const {port} = await proxyOf(scope, routes)
    const post = 'POST /stuck HTTP/1.1\r\nHost: x.localhost\r\nConnection: close\r\nContent-Length: 20000000\r\n\r\n'
    const texts = await Promise.all([
      exchange(scope, port, getAndClose('/late'), 20_000),
      exchange(scope, port, getAndClose('/trickling'), 20_000),
      exchange(scope, port, post + 'a'.repeat(20_000_000), 25_000),
    ])
    assert.match(texts[0], /ok$/)
    assert.match(texts[1], /\r\n\r\nx{12}$/)
    assert.match(texts[2], /ok$/)
  }),
)

test(
  'who waits for a 100 is not hurried while the instance is being connected',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const url = await blackholeOf(scope)
    const {port} = await proxyOf(scope, {'x.localhost': url, 'y.localhost': origin.url}, {timeouts: {connectMs: 8_000}})
    const expecting = 'Content-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n'
    const [text] = await Promise.all([
      exchange(scope, port, `POST / HTTP/1.1\r\nHost: x.localhost\r\n${expecting}`, 15_000),
      (async () => {
        const client = await clientOf(scope, port)
        client.send(`POST / HTTP/1.1\r\nHost: y.localhost\r\n${expecting}`)
        await client.until('HTTP/1.1 100 Continue\r\n\r\n')
        client.send('hello')
        await client.until(/200 OK[\s\S]*ok$/)
      })(),
    ])
    assert.match(text, /^HTTP\/1\.1 504 [\s\S]*error=connection_timeout/)
  }),
)

test(
  'an early answer arrives whole at a client that is still sending, and its connection ends',
  scoped(async scope => {
    const early = await originOf(scope, (socket, text) => {
      if (!text.startsWith('POST')) return
      socket.write(`HTTP/1.1 413 Content Too Large\r\nContent-Length: 60000\r\n\r\n${'e'.repeat(60_000)}`)
    })
    const {port} = await proxyOf(scope, {'x.localhost/early': early.url})
    for (const [path, pattern] of [
      ['/early', /^HTTP\/1\.1 413 [\s\S]*\r\nConnection: close\r\n[\s\S]*\ne{60000}$/],
      ['/nobody', /^HTTP\/1\.1 404 [\s\S]*\r\nConnection: close\r\n[\s\S]*URL\n$/],
    ] as const) {
      const client = await clientOf(scope, port)
      client.send(`POST ${path} HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 100000000\r\n\r\n`)
      const timer = setInterval(() => {
        if (!client.socket.destroyed) client.send('a'.repeat(1_000))
      }, 5)
      const {text, reset} = await client.ended()
      clearInterval(timer)
      assert.match(text, pattern)
      assert.not.ok(reset, path)
      client.destroy()
    }
  }),
)

test(
  'what a slow client has not yet taken of its last answer is not cut off when the connection has been idle for long enough',
  scoped(async scope => {
    const size = 20_000_000
    const origin = await originThatAnswers(
      scope,
      `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${'b'.repeat(size)}`,
    )
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url}, {edge: {idleTimeoutMs: 300}})
    for (const request of [GET, getAndClose('/')]) {
      const client = await clientOf(scope, port)
      client.socket.pause()
      client.send(request)
      await until('the request', () => plane.routeStats('x.localhost').inFlight === 1)
      // Takes no more than it must for the instance to be done: the rest waits in the kernel and in the proxy.
      client.socket.on('data', () => client.socket.pause())
      await until('the instance to be done', () => {
        client.socket.resume()
        return plane.routeStats('x.localhost').inFlight === 0
      })
      client.socket.pause()
      const began = performance.now()
      await until('a second', () => performance.now() - began > 1_000)
      const arrived = () => {
        client.socket.resume()
        return client.text().length > size && client.text().split('\r\n\r\n')[1]?.length === size
      }
      await until('all of it', arrived, 10_000)
      client.destroy()
    }
  }),
)

test.run()
