// Instances of HTTP/2 for clients of HTTP/1.1: one head, one body and one end on both sides, whatever frames them.

import {createHash} from 'node:crypto'
import type {IncomingHttpHeaders, ServerHttp2Stream} from 'node:http2'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../../src/base/scope.ts'
import {answerOf, clientOf, exchange, getAndClose} from '../../helpers/client.ts'
import {answering, http2OriginOf} from '../../helpers/http2-origin.ts'
import {proxyOf, type SnapshotOptions} from '../../helpers/proxy.ts'
import {scoped} from '../../helpers/scoped.ts'
import {PATIENCE_MS, until} from '../../helpers/until.ts'
import {handshake} from '../../helpers/websocket.ts'
import {messageOf} from '../../helpers/written.ts'

type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void

async function served(scope: Scope, serve: Serve, options: SnapshotOptions = {}) {
  const origin = await http2OriginOf(scope, serve)
  const proxy = await proxyOf(scope, {'x.localhost': origin.url}, {protocol: 'http2', ...options})
  return {...proxy, origin}
}

test(
  'a request of HTTP/1.1 is asked as one of HTTP/2: names in lower case, Host as authority, nothing of the connection',
  scoped(async scope => {
    const {port, origin} = await served(scope, answering(200, 'ok'))
    const text = await exchange(
      scope,
      port,
      'GET /a%2Fb?c HTTP/1.1\r\nHost: x.localhost\r\nX-Own:  \xfc \r\nCookie: a=1; b=2\r\nTE: gzip\r\n' +
        'Keep-Alive: 5\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n\r\n',
    )
    assert.match(text, /^HTTP\/1\.1 200 \r\n[\s\S]*\r\n\r\n2\r\nok\r\n0\r\n\r\n$/)
    const [{...fields}] = origin.requests as [IncomingHttpHeaders]
    assert.equal(fields, {
      ':method': 'GET',
      ':scheme': 'http',
      ':authority': 'x.localhost',
      ':path': '/a%2Fb?c',
      'x-own': '\xfc',
      cookie: 'a=1; b=2',
      'x-forwarded-for': '127.0.0.1',
      'x-real-ip': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'x.localhost',
    })
  }),
)

test(
  'bodies arrive whole, with a length and in chunks, in both directions',
  scoped(async scope => {
    const {port} = await served(scope, (stream, headers) => {
      const pieces: Buffer[] = []
      stream.on('data', (data: Buffer) => pieces.push(data))
      stream.on('end', () => {
        const body = Buffer.concat(pieces)
        const length = headers['content-length'] ?? 'none'
        stream.respond({
          ':status': 200,
          'x-length': length,
          ...(length === 'none' ? {} : {'content-length': body.length}),
        })
        stream.end(body)
      })
    })
    for (const size of [1, 8192, 8193, 70_000, 1_000_000]) {
      const body = numbered(size).toString('latin1')
      const counted = await exchange(
        scope,
        port,
        `PUT / HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: ${size}\r\nConnection: close\r\n\r\n${body}`,
      )
      const head = messageOf(counted)
      assert.equal([head.values('x-length'), head.values('content-length')], [[`${size}`], [`${size}`]])
      assert.ok(counted.endsWith(`\r\n\r\n${body}`))
      const chunked = await exchange(
        scope,
        port,
        `PUT / HTTP/1.1\r\nHost: x.localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n${size.toString(16)};a=b\r\n${body}\r\n0\r\nX-T: 1\r\n\r\n`,
      )
      assert.match(chunked, /\r\nx-length: none\r\n/)
      assert.is(answerOf(chunked).body, body)
    }
  }),
)

for (const [what, method, status, pattern] of [
  ['an answer without a body', 'GET', 200, /\r\nContent-Length: 0\r\n(?:[^\r]+\r\n)*\r\n$/],
  ['204', 'GET', 204, /^HTTP\/1\.1 204 (?![\s\S]*Content-Length)[\s\S]*\r\n\r\n$/],
  ['304', 'GET', 304, /^HTTP\/1\.1 304 [\s\S]*\r\n\r\n$/],
  ['HEAD', 'HEAD', 200, /^HTTP\/1\.1 200 [\s\S]*\r\n\r\n$/],
] as const) {
  test(
    `${what}: the answer ends with its head, and the connection goes on`,
    scoped(async scope => {
      const {port} = await served(scope, answering(status))
      const client = await clientOf(scope, port)
      for (let i = 1; i <= 2; i++) {
        const from = client.text().length
        client.send(`${method} / HTTP/1.1\r\nHost: x.localhost\r\n\r\n`)
        assert.match(await client.until(/\r\n\r\n/, PATIENCE_MS, from), pattern)
      }
    }),
  )
}

test(
  'trailers reach a client of HTTP/1.1 that takes them, and no other, and what is harmful in trailers nobody',
  scoped(async scope => {
    const {port} = await served(scope, stream => {
      stream.respond({':status': 200}, {waitForTrailers: true})
      stream.on('wantTrailers', () => stream.sendTrailers({'x-sum': 'abc', 'set-cookie': 'a=1'}))
      stream.end('ok')
    })
    const takes = 'GET / HTTP/1.1\r\nHost: x.localhost\r\nTE: trailers\r\nConnection: TE, close\r\n\r\n'
    assert.ok((await exchange(scope, port, takes)).endsWith('\r\n\r\n2\r\nok\r\n0\r\nx-sum: abc\r\n\r\n'))
    assert.ok((await exchange(scope, port, getAndClose('/'))).endsWith('\r\n\r\n2\r\nok\r\n0\r\n\r\n'))
    const old = await exchange(scope, port, 'GET / HTTP/1.0\r\nHost: x.localhost\r\n\r\n')
    assert.ok(old.endsWith('\r\n\r\nok'))
  }),
)

test(
  'interim answers pass, and cookies are lines of their own',
  scoped(async scope => {
    const {port} = await served(scope, stream => {
      stream.additionalHeaders({':status': 103, link: '</a.css>'})
      stream.respond({':status': 200, 'set-cookie': ['a=1', 'b=2']}, {endStream: true})
    })
    assert.match(
      await exchange(scope, port, getAndClose('/')),
      /^HTTP\/1\.1 103 \r\nlink: <\/a\.css>\r\n\r\nHTTP\/1\.1 200 \r\nset-cookie: a=1\r\nset-cookie: b=2\r\n/,
    )
  }),
)

test(
  'who waits for 100 Continue gets it before the body is asked for',
  scoped(async scope => {
    const {port} = await served(scope, answering(200, 'ok'))
    const client = await clientOf(scope, port)
    client.send('PUT / HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n')
    await client.until('HTTP/1.1 100 Continue\r\n\r\n')
    client.send('hello')
    await client.until(/HTTP\/1\.1 200 /)
  }),
)

test(
  'an answer with more fields than one may have is a 502',
  scoped(async scope => {
    const {port} = await served(scope, stream => {
      const many = Object.fromEntries(Array.from({length: 300}, (_, i) => [`x-${i}`, '1']))
      stream.respond({':status': 200, ...many}, {endStream: true})
    })
    assert.match(
      await exchange(scope, port, getAndClose('/')),
      /^HTTP\/1\.1 502 [\s\S]*error=http_response_header_section_size\r\n/,
    )
  }),
)

test(
  'a body that is shorter than it says is cut off, not ended',
  scoped(async scope => {
    const {port} = await served(scope, stream => {
      stream.respond({':status': 200, 'content-length': 10})
      stream.end('abc')
    })
    const client = await clientOf(scope, port)
    client.send(getAndClose('/'))
    const {text} = await client.ended()
    assert.match(text, /\r\ncontent-length: 10\r\n[\s\S]*\r\n\r\n(abc)?$/)
  }),
)

test(
  'the same field twice that may be there once is the fault of the client',
  scoped(async scope => {
    const {port, origin, plane} = await served(scope, answering(200, 'ok'))
    const twice = 'GET / HTTP/1.1\r\nHost: x.localhost\r\nReferer: /a\r\nReferer: /b\r\nConnection: close\r\n\r\n'
    assert.match(await exchange(scope, port, twice), /^HTTP\/1\.1 400 /)
    assert.match(await exchange(scope, port, getAndClose('/')), /^HTTP\/1\.1 200 /)
    assert.is(origin.requests.length, 1)
    assert.is(plane.instanceStats(origin.url).inFlight, 0)
  }),
)

test(
  'WebSockets are refused: there is no upgrade to one over HTTP/2',
  scoped(async scope => {
    const {port, origin} = await served(scope, answering(200))
    assert.match(await exchange(scope, port, handshake('/')), /^HTTP\/1\.1 501 [\s\S]*error=http_upgrade_failed\r\n/)
    assert.is(origin.requests.length, 0)
  }),
)

test(
  'a client that does not read holds its instance back, and gets it all in the end',
  scoped(async scope => {
    const SIZE = 30_000_000
    let taken = 0
    const {port} = await served(scope, stream => {
      stream.respond({':status': 200})
      const piece = Buffer.alloc(100_000)
      const more = () => {
        while (taken < SIZE) {
          taken += piece.length
          if (!stream.write(piece)) {
            stream.once('drain', more)
            return
          }
        }
        stream.end()
      }
      more()
    })
    const client = await clientOf(scope, port)
    client.socket.pause()
    client.send('GET / HTTP/1.0\r\nHost: x.localhost\r\n\r\n')
    const held = await steady(() => taken)
    assert.ok(held < SIZE / 2, `the instance has sent ${held} bytes`)
    client.socket.resume()
    const {text} = await client.ended(20_000)
    assert.is(text.length - text.indexOf('\r\n\r\n') - 4, SIZE)
  }),
)

test(
  'an instance that does not read holds its client back, and gets it all in the end',
  scoped(async scope => {
    const SIZE = 30_000_000
    const got = createHash('sha256')
    const streams: ServerHttp2Stream[] = []
    const {port} = await served(scope, stream => {
      streams.push(stream)
    })
    const client = await clientOf(scope, port)
    client.send(`PUT / HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: ${SIZE}\r\n\r\n`)
    let sent = 0
    const all = numbered(SIZE)
    const more = () => {
      while (sent < SIZE) {
        sent += 100_000
        if (!client.socket.write(all.subarray(sent - 100_000, sent))) {
          client.socket.once('drain', more)
          return
        }
      }
    }
    more()
    const held = await steady(() => sent)
    assert.ok(held < SIZE / 2, `the client has sent ${held} bytes`)
    const [stream] = streams
    stream?.on('data', (data: Buffer) => got.update(data))
    stream?.on('end', () => stream.respond({':status': 200}, {endStream: true}))
    await client.until(/^HTTP\/1\.1 200 /, 20_000)
    assert.is(got.digest('hex'), createHash('sha256').update(all).digest('hex'))
  }),
)

// No part of it is like another one, so that one in the place of another is seen.
function numbered(size: number): Buffer {
  const bytes = Buffer.alloc(size, '.')
  for (let at = 0, line = 0; at + 8 <= size; at += 8) bytes.write(`${line++}`, at)
  return bytes
}

// The value when it has not changed for a while.
async function steady(look: () => number): Promise<number> {
  let last = -1
  let since = performance.now()
  return until(
    'it to stand still',
    () => {
      if (look() !== last) {
        last = look()
        since = performance.now()
      }
      return last > 0 && performance.now() - since > 700 ? last : null
    },
    15_000,
  )
}

test.run()
