// The spans of requests, and what instances are told of them, over the wire.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import type {SpanChunk} from '../../src/snapshot/spans.ts'
import {authorityOf} from '../helpers/authority.ts'
import {hasOpenssl} from '../helpers/certificates.ts'
import {clientOf, exchange} from '../helpers/client.ts'
import {type Span, spansIn} from '../helpers/collector.ts'
import {ask, http2To} from '../helpers/http2-client.ts'
import {OK, originOf} from '../helpers/origin.ts'
import {type ProxyOptions, proxyServing, type Proxy as ServedProxy} from '../helpers/proxy.ts'
import {recorderOf} from '../helpers/recorder.ts'
import {scoped} from '../helpers/scoped.ts'
import {PATIENCE_MS, until} from '../helpers/until.ts'
import {webSocketOf, webSocketOrigin} from '../helpers/websocket.ts'
import {compiled, messageOf, requestFor} from '../helpers/written.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'

test(
  'a request is a server span with a client span below it, and the instance is told the latter',
  scoped(async scope => {
    const origin = await recorderOf(scope)
    const {port, spans} = await traced(scope, `- {id: x.localhost/shop, target: "${origin.url}/base"}`)
    await exchange(scope, port, requestFor('X.localhost/shop/a%20b?token=secret', {method: 'POST', body: 'hello'}))
    const [client, server] = await spans(2)
    assert.equal([server.kind, server.name, server.parentSpanId], ['server', 'POST x.localhost/shop', ''])
    assert.equal(server.attributes, {
      'http.request.method': 'POST',
      'url.scheme': 'http',
      'url.path': '/shop/a%20b',
      'server.address': 'x.localhost',
      'http.route': 'x.localhost/shop',
      'http.response.status_code': 200,
      'client.address': '127.0.0.1',
      'network.peer.address': '127.0.0.1',
      'network.protocol.version': '1.1',
      'routesd.revision': 'test',
    })
    assert.equal([client.kind, client.name, client.traceId], ['client', 'POST', server.traceId])
    assert.is(client.parentSpanId, server.spanId)
    assert.equal(client.attributes, {
      'http.request.method': 'POST',
      'url.full': `${origin.url}/base/shop/a%20b`,
      'server.address': '127.0.0.1',
      'server.port': origin.port,
      'http.response.status_code': 200,
      'network.peer.address': '127.0.0.1',
      'network.protocol.version': '1.1',
      'routesd.service': `${origin.url}/base`,
      'routesd.instance': `${origin.url}/base@127.0.0.1:${origin.port}/base`,
    })
    assert.not(server.isError || client.isError)
    assert.equal(traceparents(origin.requests[0]), [`00-${server.traceId}-${client.spanId}-01`])
    assert.ok(server.beganNs <= client.beganNs && client.endedNs <= server.endedNs)
    assert.ok(Math.abs(Number(server.beganNs / 1_000_000n) - Date.now()) < 60_000)
  }),
)

test(
  'a trace that the client has begun is continued, and recorded when the client records it',
  scoped(async scope => {
    const origin = await recorderOf(scope)
    const {port, spans, all} = await traced(scope, `- {id: x.localhost, target: "${origin.url}"}`, {sampling: 1})
    const asked = async (flags: string) => {
      const fields = `traceparent: 00-${TRACE}-${PARENT}-${flags}\r\n`
      await exchange(scope, port, requestFor('x.localhost/', {fields}))
      return traceparents(origin.requests.at(-1)).join()
    }
    assert.match(await asked('00'), new RegExp(`^00-${TRACE}-(?!${PARENT})[0-9a-f]{16}-00$`))
    const told = await asked('01')
    const [client, server] = await spans(2)
    assert.equal([server.traceId, server.parentSpanId, server.flags], [TRACE, PARENT, 0x301])
    assert.equal([client.traceId, client.parentSpanId, client.flags], [TRACE, server.spanId, 0x101])
    assert.is(told, `00-${TRACE}-${client.spanId}-01`)
    assert.is(all.length, 2)
  }),
)

test(
  'without a trace of the client chance decides, and whoever is not recorded is told so',
  scoped(async scope => {
    const origin = await recorderOf(scope)
    const {port, spans, plane, all} = await traced(scope, `- {id: x.localhost, target: "${origin.url}"}`, {sampling: 0})
    const request = requestFor('x.localhost/')
    await exchange(scope, port, request)
    assert.match(traceparents(origin.requests[0]).join(), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
    // One that is not valid begins a new trace, too.
    await exchange(
      scope,
      port,
      requestFor('x.localhost/', {fields: `traceparent: 00-${TRACE}-${'0'.repeat(16)}-01\r\n`}),
    )
    assert.match(traceparents(origin.requests[1]).join(), /-00$/)
    plane.setSampling(0.5)
    for (let i = 0; i < 60; i++) await exchange(scope, port, request)
    plane.setSampling(null)
    await until('the sampling to be off', async () => {
      await exchange(scope, port, requestFor('x.localhost/off'))
      return traceparents(origin.requests.at(-1)).join().endsWith('-00')
    })
    const sampled = origin.requests.filter(text => traceparents(text).join().endsWith('-01')).length
    // 60 throws of a coin: fewer than 8 or more than 52 come once in 10^9 runs.
    assert.ok(sampled > 8 && sampled < 55, `${sampled}`)
    await spans(2 * sampled)
    assert.is(all.length, 2 * sampled)
  }),
)

test(
  'every try is a span of its own, and each instance is told that of its try',
  scoped(async scope => {
    const refused = await originOf(scope, () => {})
    await refused.close()
    const busy = await recorderOf(scope, () => 'HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n')
    const well = await recorderOf(scope)
    const yaml = `routes: [{id: a.localhost, service: a}, {id: b.localhost, service: b, retry: {for: [503], budget: 100%}}]
services: [{slug: a, instances: [${refused.url}, ${well.url}]}, {slug: b, instances: [${busy.url}, ${well.url}]}]`
    const {port, spans} = await traced(scope, yaml)
    // Each service begins with one instance, and then with the other.
    for (const host of ['a', 'a', 'b', 'b'])
      await exchange(scope, port, requestFor(`${host}.localhost/`, {method: 'PUT', body: 'hello'}))
    const traces = Map.groupBy(await spans(10), ({traceId}) => traceId)
    const tries = [...traces.values()].map(trace => trace.filter(({kind}) => kind === 'client'))
    for (const list of tries) {
      assert.equal(
        list.map(({attributes}, at) => attributes['http.request.resend_count'] ?? (at === 0 ? 0 : 'none')),
        list.map((_, at) => at),
      )
      assert.is(new Set(list.map(({spanId}) => spanId)).size, list.length)
    }
    const outcomes = tries.flat().map(({attributes, isError}) => {
      return [attributes['server.port'], attributes['error.type'], attributes['http.response.status_code'], isError]
    })
    assert.equal(find(outcomes, refused.port), [refused.port, 'connect-refused', undefined, true])
    assert.equal(find(outcomes, busy.port), [busy.port, '503', 503, true])
    const answered = tries.flat().filter(({attributes}) => attributes['server.port'] === well.port)
    assert.is(answered.length, 4)
    assert.equal(
      well.requests.map(text => traceparents(text).join()),
      answered.map(({traceId, spanId}) => `00-${traceId}-${spanId}-01`),
    )
    assert.equal(
      well.requests.map(text => messageOf(text).body),
      Array(4).fill('hello'),
    )
    for (const {traceId, kind, isError} of [...traces.values()].flat())
      if (kind === 'server') assert.not(isError, traceId)
  }),
)

test(
  'a connection that the instance had closed is a try that failed',
  scoped(async scope => {
    const origin = await originOf(scope, (socket, text, connection) => {
      // It takes the second request on its first connection and says nothing to it.
      if (connection === 0 && text.includes('/second')) socket.destroy()
      else socket.write(OK)
    })
    const {port, spans} = await traced(scope, `- {id: x.localhost, target: "${origin.url}"}`)
    const client = await clientOf(scope, port)
    for (const path of ['/first', '/second']) {
      const from = client.text().length
      client.send(`GET ${path} HTTP/1.1\r\nHost: x.localhost\r\n\r\n`)
      await client.until(/ok$/, PATIENCE_MS, from)
    }
    const [, , stale, fresh] = await spans(5)
    assert.equal([stale?.attributes['error.type'], stale?.isError], ['send-failed', true])
    assert.equal(
      [fresh?.attributes['http.response.status_code'], fresh?.attributes['http.request.resend_count']],
      [200, 1],
    )
    assert.match(origin.received[1] ?? '', `-${fresh?.spanId}-01\r\n`)
  }),
)

test(
  'failures are told by their codes: ours, those of an instance, and a client that went away',
  scoped(async scope => {
    const cut = await originOf(scope, socket => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'))
    const stuck = await originOf(scope, () => {})
    const sad = await recorderOf(scope, () => 'HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n')
    const {port, spans} = await traced(
      scope,
      `- {id: cut.localhost, target: "${cut.url}"}
- {id: stuck.localhost, target: "${stuck.url}"}
- {id: sad.localhost, target: "${sad.url}"}
- {id: here.localhost, respond: {status: 418}}`,
    )
    const tellOf = async (host: string, count: number, method = 'GET') => {
      await exchange(scope, port, requestFor(`${host}/`, {method}))
      return (await spans(count)).map(told)
    }
    assert.equal(await tellOf('nobody.localhost', 1), [['server', 'GET', 404, 'no-route', false]])
    assert.equal(await tellOf('here.localhost', 1), [['server', 'GET here.localhost', 418, undefined, false]])
    // A 4xx is an error of who asks.
    assert.equal(await tellOf('sad.localhost', 2, 'PROPFIND'), [
      ['client', 'HTTP', 404, '404', true],
      ['server', 'HTTP sad.localhost', 404, undefined, false],
    ])
    assert.equal(await tellOf('cut.localhost', 2), [
      ['client', 'GET', undefined, 'response-incomplete', true],
      ['server', 'GET cut.localhost', 502, 'response-incomplete', true],
    ])
    const client = await clientOf(scope, port)
    client.send('GET / HTTP/1.1\r\nHost: stuck.localhost\r\n\r\n')
    await until('the request', () => stuck.received.join('') !== '')
    client.socket.resetAndDestroy()
    assert.equal((await spans(2)).map(told), [
      ['client', 'GET', undefined, 'client-gone', true],
      ['server', 'GET stuck.localhost', undefined, 'client-gone', false],
    ])
  }),
)

test(
  'a copy for a mirror is a try of its own below the same request, and so says its instance',
  scoped(async scope => {
    const [origin, shadow] = [await recorderOf(scope), await recorderOf(scope)]
    const {port, spans} = await traced(
      scope,
      `- {id: x.localhost, target: "${origin.url}", mirror: {target: "${shadow.url}"}}`,
    )
    await exchange(scope, port, requestFor('x.localhost/', {method: 'POST', body: 'hello'}))
    const all = await spans(3)
    const server = all.find(({kind}) => kind === 'server')
    const copy = all.find(({attributes}) => attributes['routesd.mirror'] === true)
    const original = all.find(span => span !== server && span !== copy)
    assert.equal([copy?.parentSpanId, original?.parentSpanId], [server?.spanId, server?.spanId])
    assert.equal([copy?.attributes['server.port'], original?.attributes['server.port']], [shadow.port, origin.port])
    assert.equal(traceparents(shadow.requests[0]), [`00-${server?.traceId}-${copy?.spanId}-01`])
    assert.equal(traceparents(origin.requests[0]), [`00-${server?.traceId}-${original?.spanId}-01`])
  }),
)

test(
  'an upgraded connection is one span from its request to its end',
  scoped(async scope => {
    const origin = await webSocketOrigin(scope)
    const {port, spans, all} = await traced(scope, `- {id: x.localhost, target: "${origin.url}"}`)
    const socket = await webSocketOf(scope, port)
    socket.send('hello')
    await socket.until(/hello$/)
    assert.is(all.length, 0)
    socket.destroy()
    const [client, server] = await spans(2)
    assert.equal([client, server].map(told), [
      ['client', 'GET', 101, undefined, false],
      ['server', 'GET x.localhost', 101, undefined, false],
    ])
    assert.equal(traceparents(origin.received[0]), [`00-${server.traceId}-${client.spanId}-01`])
  }),
)

if (!hasOpenssl) console.log('SKIP spans over HTTP/2: openssl is missing')
const check = hasOpenssl ? test : test.skip
check(
  'requests of HTTP/2 have spans like any others',
  scoped(async scope => {
    const origin = await recorderOf(scope)
    const certificates = [authorityOf(scope).certificate(['x.localhost'])]
    const {httpsPort, spans} = await traced(scope, `- {id: x.localhost, target: "${origin.url}"}`, {certificates})
    const session = await http2To(scope, httpsPort)
    await ask(session, {':path': '/a?b', traceparent: `00-${TRACE}-${PARENT}-01`})
    const [client, server] = await spans(2)
    const {attributes} = server
    assert.equal([server.traceId, server.parentSpanId, attributes['url.path']], [TRACE, PARENT, '/a'])
    assert.equal([attributes['url.scheme'], attributes['network.protocol.version']], ['https', '2'])
    assert.equal(traceparents(origin.requests[0]), [`00-${TRACE}-${client.spanId}-01`])
  }),
)

test(
  'texts of a client cannot break a span, however long or odd they are',
  scoped(async scope => {
    const origin = await recorderOf(scope)
    const {port, spans} = await traced(scope, `- {id: x.localhost, target: "${origin.url}"}`)
    await exchange(scope, port, requestFor(`x.localhost/"${'a'.repeat(3000)}`))
    const [client, server] = await spans(2)
    assert.is(server.attributes['url.path'], `/"${'a'.repeat(1022)}`)
    assert.is(String(client.attributes['url.full']).length, 1024)
  }),
)

test(
  'nobody waits for a main thread that is busy: what is too much is dropped and counted, the rest comes',
  scoped(async scope => {
    const [batches, drops] = [[] as number[], [] as number[]]
    const {port} = await traced(scope, '- {id: x.localhost, respond: {status: 204}}', {
      workers: 1,
      onSpans(spans, dropped) {
        batches.push(spans.ends.length)
        drops.push(dropped)
        // For the first message only: the worker goes on meanwhile.
        if (batches.length === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500)
      },
    })
    const clients = await Promise.all(Array.from({length: 4}, () => clientOf(scope, port)))
    const request = 'GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n'.repeat(1_500)
    for (const client of clients) client.send(request)
    const sum = (list: readonly number[]) => list.reduce((all, one) => all + one, 0)
    await until('all spans', () => sum(batches) + sum(drops) === 6_000, 20_000)
    assert.ok(sum(drops) > 0, `${sum(drops)} dropped`)
    assert.ok(Math.max(...batches) <= 2_048, `${batches}`)
  }),
)

test(
  'a worker that ends sends what it has',
  scoped(async scope => {
    const {port, plane, all} = await traced(scope, '- {id: x.localhost, respond: {status: 204}}')
    await exchange(scope, port, requestFor('x.localhost/'))
    await plane.drain(1_000)
    assert.is(all.length, 1)
  }),
)

test.run()

// ---

type Traced = ServedProxy & {
  readonly all: readonly Span[]
  /** So many spans that were not asked for before, once they are there: as they came. */
  spans(count: number): Promise<readonly [Span, Span, ...Span[]]>
}

// Every request has spans unless a test says otherwise.
async function traced(scope: Scope, yaml: string, options: ProxyOptions = {}): Promise<Traced> {
  const all: Span[] = []
  const snapshot = compiled({'a.yaml': yaml}, {forward: {traceparent: true}})
  const onSpans = (spans: SpanChunk) => void all.push(...spansIn(spans))
  const proxy = await proxyServing(scope, snapshot, {sampling: 1, onSpans, ...options})
  let asked = 0
  return {
    ...proxy,
    all,
    async spans(count) {
      await until(`${count} spans`, () => all.length >= asked + count)
      const [first, second, ...more] = all.slice(asked)
      asked += count
      assert.is(all.length, asked, 'spans that nobody expects')
      return [first, second, ...more].slice(0, count) as unknown as readonly [Span, Span, ...Span[]]
    },
  }
}

function told({kind, name, attributes, isError}: Span): readonly unknown[] {
  return [kind, name, attributes['http.response.status_code'], attributes['error.type'], isError]
}

function traceparents(request: string | undefined): string[] {
  return request === undefined ? [] : messageOf(request).values('traceparent')
}

function find(rows: readonly (readonly unknown[])[], first: unknown): readonly unknown[] | undefined {
  return rows.find(row => row[0] === first)
}
