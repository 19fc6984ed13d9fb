// One line for every exchange that ended, whatever became of it, as a reader of the file finds it.

import {existsSync, readFileSync, renameSync} from 'node:fs'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {AccessFormat} from '../../src/proxy/log-line.ts'
import {authorityOf} from '../helpers/authority.ts'
import {hasOpenssl} from '../helpers/certificates.ts'
import {clientOf, exchange, getAndClose} from '../helpers/client.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {ask, http2To} from '../helpers/http2-client.ts'
import {OK, type Origin, originOf, originThatAnswers} from '../helpers/origin.ts'
import {proxyOf, type Proxy as ServedProxy} from '../helpers/proxy.ts'
import {until} from '../helpers/until.ts'
import {webSocketOf, webSocketOrigin} from '../helpers/websocket.ts'

type Entry = Readonly<Record<string, string | number>>

test(
  'a line says who asked for what, who answered, and how it went',
  withFolder(async folder => {
    const {proxy, origin, lines} = await logging(folder)
    const head =
      'POST /a?x=1 HTTP/1.1\r\nHost: X.localhost\r\nUser-Agent: probe/1\r\nReferer: http://r/?token=geheim\r\n'
    const fields = 'X-Request-Id: abc\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello'
    await exchange(folder.scope, proxy.port, head + fields)
    const [line = {}] = await lines(1)
    assert.match(String(line['at']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    assert.ok(Math.abs(Date.parse(String(line['at'])) - Date.now()) < 60_000, String(line['at']))
    assert.ok(Number(line['durationMs']) >= Number(line['firstByteMs']) && Number(line['firstByteMs']) > 0)
    const {at: _, durationMs: __, firstByteMs: ___, ...rest} = line
    assert.equal(rest, {
      revision: 'test',
      route: 'x.localhost',
      instance: origin.url,
      client: '127.0.0.1',
      method: 'POST',
      host: 'X.localhost',
      path: '/a?x=1',
      scheme: 'http',
      protocol: 'HTTP/1.1',
      status: 200,
      attempts: 1,
      bytesIn: 5,
      bytesOut: 2,
      requestId: 'abc',
      userAgent: 'probe/1',
      referer: 'http://r/?token=***',
    })
  }),
)

test(
  'the ids that we give are those that the instance is told',
  withFolder(async folder => {
    const {proxy, origin, lines} = await logging(folder, 'json', {requestId: true, traceparent: true})
    await exchange(folder.scope, proxy.port, getAndClose('/'))
    const [line = {}] = await lines(1)
    const told = origin.received.join('')
    assert.match(told, `X-Request-Id: ${line['requestId']}\r\n`)
    assert.match(told, `traceparent: 00-${line['traceId']}-`)
    assert.match(String(line['traceId']), /^[0-9a-f]{32}$/)
  }),
)

test(
  'failures are told by the same code that the answer names, refusals too, and a client that went away',
  withFolder(async folder => {
    const gone = await originOf(folder.scope, socket => socket.destroy())
    const stuck = await originOf(folder.scope, () => {})
    const broken = await originThatAnswers(
      folder.scope,
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhalf',
    )
    const path = folder.at('access.log')
    const proxy = await proxyOf(
      folder.scope,
      {'gone.localhost': gone.url, 'stuck.localhost': stuck.url, 'broken.localhost': broken.url},
      {access: {path, format: 'json'}},
    )
    await exchange(folder.scope, proxy.port, getAndClose('/', 'gone.localhost'))
    await exchange(folder.scope, proxy.port, getAndClose('/', 'nobody.localhost'))
    await exchange(folder.scope, proxy.port, 'G@T / HTTP/1.1\r\n\r\n')
    const client = await clientOf(folder.scope, proxy.port)
    client.send('GET /slow HTTP/1.1\r\nHost: stuck.localhost\r\n\r\n')
    await until('the request', () => stuck.received.join('') !== '')
    client.socket.resetAndDestroy()
    const lines = await readLines(path, 4)
    const told = lines.map(({route, status, error, attempts}) => [route, status, error, attempts])
    assert.equal(told, [
      ['gone.localhost', 502, 'send-failed', 1],
      [undefined, 404, 'no-route', 0],
      [undefined, 400, 'bad-request', 0],
      ['stuck.localhost', 499, 'client-gone', 1],
    ])
  }),
)

test(
  'no client can write a line of its own, or move the cursor of whoever reads',
  withFolder(async folder => {
    for (const format of ['json', 'logfmt', 'combined'] as const) {
      const {proxy, path} = await logging(folder, format)
      // The parser lets a tab and bytes from 80 on pass.
      const agent = 'a"b\\c\td\x9b2Je\xe2\x80\xaef\xc3\xbcg'
      await exchange(
        folder.scope,
        proxy.port,
        `GET /"x HTTP/1.1\r\nHost: x.localhost\r\nUser-Agent: ${agent}\r\nConnection: close\r\n\r\n`,
      )
      const text = await until('the line', () => (existsSync(path) && readFileSync(path, 'utf8')) || null)
      assert.is(text.split('\n').length, 2, text)
      assert.not.match(text.trimEnd(), /[\x00-\x1f\x7f-\x9f\u202e]/)
      if (format === 'json') assert.match(String(JSON.parse(text)['userAgent']), /^a"b\\c\td/)
    }
  }),
)

test(
  'combined is what the tools of Apache and nginx read',
  withFolder(async folder => {
    const {proxy, path} = await logging(folder, 'combined')
    await exchange(folder.scope, proxy.port, getAndClose('/a?b=c'))
    const text = await until('the line', () => (existsSync(path) && readFileSync(path, 'utf8')) || null)
    assert.match(
      text,
      /^127\.0\.0\.1 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET \/a\?b=c HTTP\/1\.1" 200 2 "-" "-"\n$/,
    )
  }),
)

test(
  'several workers write whole lines into one file, and none is lost when they end',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    const path = folder.at('access.log')
    const proxy = await proxyOf(folder.scope, {'x.localhost': origin.url}, {workers: 2, access: {path, format: 'json'}})
    const [clients, each] = [8, 50]
    await Promise.all(
      Array.from({length: clients}, async (_, client) => {
        const connection = await clientOf(folder.scope, proxy.port)
        for (let i = 0; i < each; i++) {
          const from = connection.text().length
          connection.send(`GET /${client}-${i} HTTP/1.1\r\nHost: x.localhost\r\n\r\n`)
          await connection.until(/ok$/, 20_000, from)
        }
        connection.end()
      }),
    )
    await proxy.plane.drain(5_000)
    const paths = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map(line => (JSON.parse(line) as Entry)['path'])
    assert.is(new Set(paths).size, clients * each)
    assert.is(paths.length, clients * each)
  }),
)

test(
  'a file that was moved away gets what was begun before, and a new one what comes after',
  withFolder(async folder => {
    const {proxy, path, lines} = await logging(folder)
    await exchange(folder.scope, proxy.port, getAndClose('/before'))
    await lines(1)
    renameSync(path, `${path}.1`)
    proxy.plane.reopenLogs()
    await until('the new file', () => existsSync(path))
    await exchange(folder.scope, proxy.port, getAndClose('/after'))
    assert.equal(
      (await lines(1)).map(line => line['path']),
      ['/after'],
    )
    assert.match(readFileSync(`${path}.1`, 'utf8'), '"/before"')
  }),
)

test(
  'lines for stdout come in whole from every worker',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    let text = ''
    const onLines = (lines: string, taken: () => void) => {
      text += lines
      taken()
    }
    const access = {path: null, format: 'logfmt'} as const
    const proxy = await proxyOf(folder.scope, {'x.localhost': origin.url}, {access, onLines})
    for (const path of ['/1', '/2']) await exchange(folder.scope, proxy.port, getAndClose(path))
    await until('two lines', () => text.split('\n').length === 3)
    assert.match(
      text,
      /^at=\S+Z revision=test route=x\.localhost .* path=\/1 scheme=http protocol=HTTP\/1\.1 status=200 /,
    )
  }),
)

test(
  'a reader of stdout that stops is not waited for: what is too much is dropped and counted',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    const access = {path: null, format: 'json'} as const
    const proxy = await proxyOf(folder.scope, {'x.localhost': origin.url}, {access, onLines: () => {}})
    const client = await clientOf(folder.scope, proxy.port)
    const request = `GET /${'a'.repeat(8000)} HTTP/1.1\r\nHost: x.localhost\r\n\r\n`
    await until(
      'the first dropped line',
      async () => {
        const from = client.text().length
        client.send(request)
        await client.until(/ok$/, 20_000, from)
        return proxy.plane.workerGauges(0).linesDropped > 0
      },
      60_000,
    )
    assert.is(proxy.plane.workerGauges(0).linesLogged, 0)
  }),
)

test(
  'an upgraded connection is one line at its end, with what went through it',
  withFolder(async folder => {
    const origin = await webSocketOrigin(folder.scope)
    const path = folder.at('access.log')
    const proxy = await proxyOf(folder.scope, {'x.localhost': origin.url}, {access: {path, format: 'json'}})
    const socket = await webSocketOf(folder.scope, proxy.port)
    socket.send('hello')
    await socket.until(/hello$/)
    socket.destroy()
    const [line = {}] = await readLines(path, 1)
    assert.equal([line['status'], line['error'], line['attempts']], [101, undefined, 1])
    assert.equal([line['bytesIn'], line['bytesOut']], [5, 5])
  }),
)

if (!hasOpenssl) console.log('SKIP the access log over https: openssl is missing')
const check = hasOpenssl ? test : test.skip
check(
  'requests of HTTP/2 are lines and counts like any others',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    const path = folder.at('access.log')
    const certificates = [authorityOf(folder.scope).certificate(['x.localhost'])]
    const access = {path, format: 'json'} as const
    const {plane, httpsPort} = await proxyOf(folder.scope, {'x.localhost': origin.url}, {certificates, access})
    const session = await http2To(folder.scope, httpsPort)
    await ask(session, {':path': '/a', 'user-agent': 'h2'})
    await ask(session, {':path': '/b', ':method': 'POST', 'content-length': '5'}, 'hello')
    await ask(session, {':path': '/c', ':authority': 'nobody.localhost'})
    const told = (await readLines(path, 3)).map(line =>
      ['path', 'scheme', 'protocol', 'status', 'bytesIn', 'bytesOut', 'userAgent'].map(name => line[name]),
    )
    assert.equal(told.slice(0, 2), [
      ['/a', 'https', 'HTTP/2.0', 200, 0, 2, 'h2'],
      ['/b', 'https', 'HTTP/2.0', 200, 5, 2, undefined],
    ])
    assert.equal(told[2]?.slice(0, 3), ['/c', 'https', 'HTTP/2.0'])
    assert.equal(plane.answersOf('x.localhost')?.counts, [
      {method: 'GET', status: 200, count: 1},
      {method: 'POST', status: 200, count: 1},
    ])
    await until('the gauge', () => plane.workerGauges(0).connections === 1)
    assert.is(plane.workerGauges(0).accepted, 1)
  }),
)

test.run()

// ---

type Logging = {proxy: ServedProxy; origin: Origin; path: string; lines(count: number): Promise<Entry[]>}

async function logging(
  folder: Folder,
  format: AccessFormat = 'json',
  forward: {requestId?: boolean; traceparent?: boolean} = {},
): Promise<Logging> {
  const origin = await originThatAnswers(folder.scope, OK)
  const path = folder.at(`access-${format}.log`)
  const proxy = await proxyOf(folder.scope, {'x.localhost': origin.url}, {access: {path, format}, forward})
  return {proxy, origin, path, lines: count => readLines(path, count)}
}

async function readLines(path: string, count: number): Promise<Entry[]> {
  const lines = await until(`${count} lines`, () => {
    const found = existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n').filter(Boolean) : []
    return found.length >= count && found
  })
  assert.is(lines.length, count)
  return lines.map(line => JSON.parse(line) as Entry)
}
