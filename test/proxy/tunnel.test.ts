import {connect, type Socket} from 'node:net'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import {clientOf, exchange, getAndClose} from '../helpers/client.ts'
import {OK, originOf, originThatAnswers} from '../helpers/origin.ts'
import {proxyOf, snapshotOf} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'
import {ACCEPT, agreement, handshake, KEY, webSocketOf, webSocketOrigin} from '../helpers/websocket.ts'

test(
  'bytes pass both ways, and those that come with the handshake or with the 101 are not lost',
  scoped(async scope => {
    const origin = await webSocketOrigin(scope, {answer: head => `${agreement(head)}hello `})
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    client.send(`${handshake()}early `)
    await client.until(/hello early $/)
    for (const word of ['one ', 'two ', '\x00\xff ']) {
      client.send(word)
      await client.until(word)
    }
    assert.match(client.text(), /^HTTP\/1\.1 101 Switching Protocols\r\n[\s\S]*\r\n\r\nhello early one two \x00\xff $/)
    assert.is(plane.routeStats('x.localhost').inFlight, 1)
    client.end()
    await client.ended()
    await until('both sides to end', () => origin.open() === 0 && isCalm(plane, origin.url))
  }),
)

test(
  'a megabyte each way arrives whole while both sides are slow in turn',
  scoped(async scope => {
    const origin = await webSocketOrigin(scope)
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await webSocketOf(scope, port)
    const from = client.text().length
    const sent = Array.from({length: 1 << 17}, (_, i) => String(i).padStart(8, '.')).join('')
    client.socket.pause()
    client.send(sent)
    await until('the instance to be full', () => (origin.received[0]?.length ?? 0) > 100_000)
    client.socket.resume()
    await until('the echo', () => client.text().length === from + sent.length, 10_000)
    assert.ok(client.text().slice(from) === sent)
    client.destroy()
    await until('the books', () => isCalm(plane, origin.url))
    const {bytesIn, bytesOut} = plane.routeStats('x.localhost')
    assert.equal([bytesIn, bytesOut], [sent.length, sent.length])
    assert.equal(plane.instanceStats(origin.url).bytesIn, sent.length)
  }),
)

test(
  'nothing of the client reaches the instance before its 101',
  scoped(async scope => {
    const held: Socket[] = []
    const origin = await originOf(scope, socket => void held.push(socket))
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    client.send(`${handshake()}GET /smuggled HTTP/1.1\r\nHost: x.localhost\r\n\r\n`)
    await until('the handshake', () => origin.received[0]?.endsWith('\r\n\r\n'))
    client.send('more')
    // Another request goes all the way meanwhile: what would have been passed on has been.
    await exchange(scope, port, 'GET / HTTP/1.1\r\nHost: nobody\r\nConnection: close\r\n\r\n')
    assert.not.match(origin.received[0] ?? '', /smuggled|more/)
    held[0]?.write(agreement(origin.received[0] ?? ''))
    await until('the bytes', () => origin.received[0]?.endsWith('more'))
    assert.match(origin.received[0] ?? '', /GET \/smuggled HTTP\/1\.1\r\nHost: x\.localhost\r\n\r\nmore$/)
  }),
)

test(
  'the handshake goes out as sent, with who asked added and what concerns one hop removed',
  scoped(async scope => {
    const origin = await webSocketOrigin(scope)
    const {port} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await clientOf(scope, port)
    const fields = [
      'X-Hop: gone',
      'Keep-Alive: 5',
      'cOOkie: a=1',
      'X-Two: 1',
      'X-Two: 2',
      'Sec-WebSocket-Protocol: chat',
    ]
    client.send(handshake('/a', ['Connection: X-Hop', 'X-Forwarded-For: 6.6.6.6', 'TE: trailers', ...fields]))
    await client.until('101')
    const lines = (origin.received[0] ?? '').split('\r\n').filter(line => line !== '')
    assert.equal(lines.toSorted(), [
      'Connection: Upgrade',
      'GET /a HTTP/1.1',
      'Host: x.localhost',
      `Sec-WebSocket-Key: ${KEY}`,
      'Sec-WebSocket-Protocol: chat',
      'Sec-WebSocket-Version: 13',
      'Upgrade: websocket',
      'X-Forwarded-For: 127.0.0.1',
      'X-Forwarded-Host: x.localhost',
      'X-Forwarded-Proto: http',
      'X-Real-IP: 127.0.0.1',
      'X-Two: 1',
      'X-Two: 2',
      'cOOkie: a=1',
    ])
  }),
)

const PATHS = ['/a//b/', '//a', '/%2F/%2f', '/a?', '/a?b?c=//d&?', '/?x', '/a;b=c', '/~!$&()*+,=:@', '/a/%20b']
for (const path of PATHS) {
  test(
    `the path ${path} reaches the instance byte for byte`,
    scoped(async scope => {
      const origin = await webSocketOrigin(scope)
      const {port} = await proxyOf(scope, {'x.localhost': origin.url})
      await webSocketOf(scope, port, path)
      assert.is(origin.received[0]?.split('\r\n')[0], `GET ${path} HTTP/1.1`)
    }),
  )
}

test(
  'the base path of the target and the rewrite of the route are applied, and its header edits both ways',
  scoped(async scope => {
    const origin = await webSocketOrigin(scope, {
      answer: head => agreement(head, ['Server: x', 'Set-Cookie: a', 'Set-Cookie: b']),
    })
    const none = {drop: [], append: '', ifMissing: []}
    const {port} = await proxyOf(
      scope,
      {'x.localhost/app': `${origin.url}/base`},
      {
        head: {
          rewrite: {cut: 4, put: '/v2'},
          host: {kind: 'literal', value: 'inner'},
          request: {...none, drop: ['cookie'], append: 'X-Added: 1\r\n'},
          response: {...none, drop: ['server'], append: 'X-Out: 1\r\n'},
        },
      },
    )
    const client = await clientOf(scope, port)
    client.send(handshake('/app/chat?q', ['Cookie: a=1']))
    const answer = await client.until(/\r\n\r\n/)
    assert.match(origin.received[0] ?? '', /^GET \/base\/v2\/chat\?q HTTP\/1\.1\r\n/)
    assert.match(origin.received[0] ?? '', /\r\nHost: inner\r\n/)
    assert.match(origin.received[0] ?? '', /\r\nX-Added: 1\r\n/)
    assert.not.match(origin.received[0] ?? '', /cookie/i)
    assert.match(answer, /\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n/)
    assert.match(answer, /\r\nX-Out: 1\r\n/)
    assert.not.match(answer, /Server/)
  }),
)

const INVALID: readonly (readonly [string, string])[] = [
  ['another version', handshake().replace('Version: 13', 'Version: 777')],
  ['no version', handshake().replace('Sec-WebSocket-Version: 13\r\n', '')],
  ['no key', handshake().replace(`Sec-WebSocket-Key: ${KEY}\r\n`, '')],
  ['a key of another length', handshake().replace(KEY, 'c2hvcnQ=')],
  ['two keys', handshake('/', [`Sec-WebSocket-Key: ${KEY}`])],
  ['another method', handshake().replace('GET', 'POST')],
  ['a body', `${handshake('/', ['Content-Length: 4'])}body`],
  ['a chunked body', `${handshake('/', ['Transfer-Encoding: chunked'])}0\r\n\r\n`],
  ['HTTP/1.0', handshake().replace('HTTP/1.1', 'HTTP/1.0')],
]
for (const [name, bytes] of INVALID) {
  test(
    `a handshake with ${name} is 400, and what comes behind it is dropped`,
    scoped(async scope => {
      const origin = await webSocketOrigin(scope)
      const {port} = await proxyOf(scope, {'x.localhost': origin.url})
      const text = await exchange(scope, port, bytes + getAndClose('/smuggled'))
      assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/)
      assert.match(text, /\r\nConnection: close\r\n/)
      assert.is(text.match(/HTTP\/1\.1/g)?.length, 1)
      assert.is(origin.accepted(), 0)
    }),
  )
}

for (const upgrade of ['h2c', 'foo', 'websocket, h2c', 'TLS/1.2']) {
  test(
    `an upgrade to ${upgrade} is not forwarded, the request is`,
    scoped(async scope => {
      const origin = await originThatAnswers(scope, OK)
      const {port} = await proxyOf(scope, {'x.localhost': origin.url})
      const text = await exchange(
        scope,
        port,
        `GET / HTTP/1.1\r\nHost: x.localhost\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: ${upgrade}\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n`,
      )
      assert.match(text, /^HTTP\/1\.1 200 OK\r\n/)
      assert.not.match(origin.received[0] ?? '', /upgrade|http2-settings|connection/i)
    }),
  )
}

const DISAGREEMENTS: readonly (readonly [string, (head: string) => string])[] = [
  ['another Accept', head => agreement(head).replace(ACCEPT, 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=')],
  ['no Accept', head => agreement(head).replace(`Sec-WebSocket-Accept: ${ACCEPT}\r\n`, '')],
  ['another protocol', head => agreement(head).replace('Upgrade: websocket', 'Upgrade: h2c')],
  ['no Upgrade', head => agreement(head).replace('Upgrade: websocket\r\n', '')],
  ['no Connection', head => agreement(head).replace('Connection: Upgrade\r\n', '')],
]
for (const [name, answer] of DISAGREEMENTS) {
  test(
    `a 101 with ${name} is 502, and what the client sends behind its handshake is dropped`,
    scoped(async scope => {
      const origin = await webSocketOrigin(scope, {answer})
      const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
      const text = await exchange(scope, port, `${handshake()}GET /smuggled HTTP/1.1\r\n\r\n`)
      assert.match(text, /^HTTP\/1\.1 502 Bad Gateway\r\nProxy-Status: routesd; error=http_upgrade_failed\r\n/)
      assert.match(text, /\r\nConnection: close\r\n/)
      assert.not.match(text, / 101 /)
      assert.not.match(origin.received[0] ?? '', /smuggled/)
      await until('the instance to be left', () => origin.open() === 0 && isCalm(plane, origin.url))
      assert.is(plane.routeStats('x.localhost').errors, 1)
    }),
  )
}

const REFUSALS: readonly (readonly [string, string, RegExp])[] = [
  [
    'a 200 with a length',
    'HTTP/1.1 200 OK\r\nX-a: 1\r\nKeep-Alive: 5\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 2\r\nDate: now\r\n\r\nok',
    /^HTTP\/1\.1 200 OK\r\nX-a: 1\r\nContent-Length: 2\r\nDate: now\r\nConnection: close\r\n\r\nok$/,
  ],
  [
    'a chunked 401',
    'HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\nDate: now\r\n\r\n2\r\nno\r\n0\r\n\r\n',
    /^HTTP\/1\.1 401 No\r\nDate: now\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nno\r\n0\r\n\r\n$/,
  ],
  [
    'a 204',
    'HTTP/1.1 204 None\r\nDate: now\r\n\r\n',
    /^HTTP\/1\.1 204 None\r\nDate: now\r\nConnection: close\r\n\r\n$/,
  ],
  [
    'a 426 behind a 103',
    'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 426 Upgrade\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n',
    /^HTTP\/1\.1 426 Upgrade\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\nDate: .*\r\nConnection: close\r\n\r\n$/,
  ],
]
for (const [name, answer, expected] of REFUSALS) {
  test(
    `${name} instead of the 101 is passed on, and the connection ends`,
    scoped(async scope => {
      const origin = await webSocketOrigin(scope, {answer: () => answer})
      const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
      const text = await exchange(scope, port, `${handshake()}GET /smuggled HTTP/1.1\r\n\r\n`)
      assert.match(text, expected)
      assert.not.match(origin.received[0] ?? '', /smuggled/)
      await until('the books', () => origin.open() === 0 && isCalm(plane, origin.url))
    }),
  )
}

test(
  'an answer instead of the 101 that breaks off does not look whole',
  scoped(async scope => {
    const origin = await originOf(scope, socket => {
      socket.end('HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n')
    })
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
    const text = await exchange(scope, port, handshake())
    assert.match(text, /no\r\n$/)
    await until('the books', () => isCalm(plane, origin.url))
  }),
)

test(
  'an instance that refuses, closes or talks nonsense is 502, one that never answers 504',
  scoped(async scope => {
    const gone = await originOf(scope, () => {})
    await gone.close()
    const closing = await originOf(scope, socket => socket.destroy())
    const babbling = await originOf(scope, socket => void socket.end('SSH-2.0-OpenSSH\r\n\r\n'))
    const silent = await originOf(scope, () => {})
    const {port, plane} = await proxyOf(
      scope,
      {
        'x.localhost/gone': gone.url,
        'x.localhost/closing': closing.url,
        'x.localhost/babbling': babbling.url,
        'x.localhost/silent': silent.url,
      },
      {timeouts: {responseMs: 300, connectMs: 300}},
    )
    const answers = [
      ['/gone', 502, 'connection_refused', gone.url],
      ['/closing', 502, 'connection_terminated', closing.url],
      ['/babbling', 502, 'http_protocol_error', babbling.url],
      ['/silent', 504, 'http_response_timeout', silent.url],
    ] as const
    for (const [path, status, error, url] of answers) {
      const text = await exchange(scope, port, handshake(path))
      assert.ok(text.startsWith(`HTTP/1.1 ${status} `), text)
      assert.match(text, `error=${error}\r\n`)
      assert.match(text, '\r\nConnection: close\r\n')
      await until('the books', () => isCalm(plane, url, `x.localhost${path}`))
    }
    await until('the silent instance to be left', () => silent.open() === 0)
  }),
)

test(
  'an address that nobody listens on is passed over',
  scoped(async scope => {
    const origin = await webSocketOrigin(scope)
    const url = `http://two.test:${origin.port}`
    const {port, plane} = await proxyOf(scope, {'x.localhost': url})
    plane.setAddresses('two.test', ['::1', '127.0.0.1'], '')
    const client = await webSocketOf(scope, port)
    client.send('hi')
    await client.until(/hi$/)
    plane.setAddresses('two.test', [], 'not found')
    assert.match(await exchange(scope, port, handshake()), /^HTTP\/1\.1 503 [\s\S]*error=dns_error/)
  }),
)

test(
  'a client that leaves before the 101 takes the connection to the instance with it',
  scoped(async scope => {
    const silent = await originOf(scope, () => {})
    const {port, plane} = await proxyOf(scope, {'x.localhost': silent.url})
    for (const leave of [
      (socket: Socket) => void socket.end(),
      (socket: Socket) => void socket.destroy(),
      (socket: Socket) => void socket.resetAndDestroy(),
    ]) {
      const client = await clientOf(scope, port)
      client.send(handshake())
      await until('the handshake', () => silent.open() === 1)
      leave(client.socket)
      await until('the instance to be left', () => silent.open() === 0 && isCalm(plane, silent.url))
    }
  }),
)

test(
  'whoever closes first, and however, the other side is closed too',
  scoped(async scope => {
    const sockets: Socket[] = []
    const origin = await webSocketOrigin(scope, {serve: socket => void sockets.push(socket)})
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
    const ways = [
      (client: Socket) => void client.end(),
      (client: Socket) => void client.destroy(),
      (client: Socket) => void client.resetAndDestroy(),
      (_: Socket, instance: Socket) => void instance.end(),
      (_: Socket, instance: Socket) => void instance.destroy(),
      (_: Socket, instance: Socket) => void instance.resetAndDestroy(),
    ]
    for (const [index, way] of ways.entries()) {
      const client = await webSocketOf(scope, port)
      client.socket.on('end', () => client.socket.end())
      client.send('x')
      const instance = await until('the instance', () => sockets[index])
      way(client.socket, instance)
      await until(`both to be closed, way ${index}`, () => client.socket.destroyed && instance.destroyed)
      await until('the books', () => isCalm(plane, origin.url))
    }
    assert.is(plane.routeStats('x.localhost').errors, 0)
  }),
)

test(
  'a client that keeps its side open when the instance has gone is closed all the same',
  scoped(async scope => {
    const origin = await webSocketOrigin(scope, {serve: socket => void socket.end('bye')})
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await webSocketOf(scope, port)
    client.send('x')
    assert.match((await client.ended()).text, /bye$/)
    await until('the books', () => isCalm(plane, origin.url))
  }),
)

test(
  'a silent tunnel ends after its time, a busy one lives, whichever side is busy',
  scoped(async scope => {
    const origin = await webSocketOrigin(scope, {
      serve: (socket, text) => {
        if (text !== 'talk') return
        const timer = setInterval(() => socket.write('.'), 200)
        socket.on('close', () => clearInterval(timer))
      },
    })
    const {port} = await proxyOf(scope, {'x.localhost': origin.url}, {timeouts: {tunnelMs: 1_000}})
    const [silent, listening, talking] = await Promise.all([1, 2, 3].map(() => webSocketOf(scope, port)))
    if (!silent || !listening || !talking) throw new Error('no clients')
    const began = performance.now()
    listening.send('talk')
    const timer = setInterval(() => talking.send('.'), 200)
    scope.defer(() => clearInterval(timer))
    await silent.ended()
    const silentMs = performance.now() - began
    assert.ok(silentMs > 900 && silentMs < 3_800, `ended after ${silentMs} ms`)
    await until('two more seconds', () => performance.now() - began > 3_000)
    assert.not.ok(listening.socket.destroyed || talking.socket.destroyed)
    assert.ok(origin.open() === 2)
  }),
)

test(
  'a reload keeps the tunnels of routes that it does not touch and ends those of the others in time',
  scoped(async scope => {
    const origin = await webSocketOrigin(scope)
    const other = await webSocketOrigin(scope)
    const routes = {'x.localhost/a': origin.url, 'x.localhost/b': origin.url, 'x.localhost/c': origin.url}
    const {port, plane} = await proxyOf(scope, routes, {edge: {tunnelDrainMs: 500}})
    const kept = await webSocketOf(scope, port, '/a')
    const moved = await webSocketOf(scope, port, '/b')
    const removed = await webSocketOf(scope, port, '/c')
    await plane.apply(snapshotOf({'x.localhost/a': origin.url, 'x.localhost/b': other.url}, {revision: 'next'}))
    moved.send('still')
    await moved.until(/still$/)
    await Promise.all([moved.ended(), removed.ended()])
    kept.send('here')
    await kept.until(/here$/)
    assert.is(other.accepted(), 0)
  }),
)

test(
  'a worker that drains lets tunnels go on until its deadline',
  scoped(async scope => {
    const origin = await webSocketOrigin(scope)
    const {port, plane} = await proxyOf(scope, {'x.localhost': origin.url})
    const client = await webSocketOf(scope, port)
    const began = performance.now()
    const drained = plane.drain(600)
    await until('the listener to be closed', () => isRefused(scope, port))
    client.send('still')
    await client.until(/still$/)
    await client.ended()
    await drained
    const tookMs = performance.now() - began
    assert.ok(tookMs > 500 && tookMs < 3_600, `took ${tookMs} ms`)
    await until('the instance to be left', () => origin.open() === 0)
  }),
)

test.run()

// ---

type Plane = Awaited<ReturnType<typeof proxyOf>>['plane']

function isCalm(plane: Plane, url: string, route = 'x.localhost'): boolean {
  // A worker that died has nothing in flight either.
  assert.is(plane.workers()[0]?.restarts, 0)
  return plane.routeStats(route).inFlight === 0 && plane.instanceStats(url).inFlight === 0
}

function isRefused(scope: Scope, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    scope.defer(() => socket.destroy())
    socket.on('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.on('error', () => resolve(true))
  })
}
