// What `forward` in the settings adds: Forwarded, Via, X-Request-Id and traceparent.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {scoped} from '../helpers/scoped.ts'
import {compiled, requestFor, served} from '../helpers/written.ts'

const PLAIN = '- {id: x.localhost, target: "http://INSTANCE"}\n- {id: "[::1]", target: "http://INSTANCE"}'
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

// fields of the client, Forwarded when it is trusted, Forwarded when it is not
const FORWARDED: readonly (readonly [string, string, string])[] = [
  ['', 'for=127.0.0.1;host="x.localhost";proto=http', 'for=127.0.0.1;host="x.localhost";proto=http'],
  [
    'Forwarded: for=192.0.2.1;by=203.0.113.60\r\nforwarded: for="[2001:db8::1]"\r\n',
    'for=192.0.2.1;by=203.0.113.60, for="[2001:db8::1]", for=127.0.0.1;host="x.localhost";proto=http',
    'for=127.0.0.1;host="x.localhost";proto=http',
  ],
  [
    'X-Forwarded-For: 2001:db8::9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example:8443\r\n',
    'for="[2001:db8::9]";host="shop.example:8443";proto=https',
    'for=127.0.0.1;host="x.localhost";proto=http',
  ],
]

for (const isTrusted of [true, false]) {
  test(
    `Forwarded of ${isTrusted ? 'a trusted proxy is continued' : 'anybody else is replaced'}`,
    scoped(async scope => {
      const trustedProxies = isTrusted ? ['127.0.0.1'] : []
      const {ask} = await served(scope, PLAIN, {forward: {forwarded: true}, edge: {trustedProxies}})
      for (const [fields, trusted, untrusted] of FORWARDED) {
        const {asked} = await ask(requestFor('x.localhost/', {fields}))
        assert.equal(asked?.values('forwarded'), [isTrusted ? trusted : untrusted], fields)
      }
    }),
  )
}

test(
  'addresses of IPv6 stand in brackets and quotes in Forwarded, and bare in the other fields',
  scoped(async scope => {
    const {ask} = await served(scope, PLAIN, {
      forward: {forwarded: true},
      edge: {trustedProxies: ['127.0.0.1'], proxyProtocol: true},
    })
    const {asked} = await ask(`PROXY TCP6 2001:db8::9 ::1 1 2\r\n${requestFor('[::1]/')}`)
    assert.equal(asked?.values('forwarded'), ['for="[2001:db8::9]";host="[::1]";proto=http'])
    assert.equal(asked?.values('x-forwarded-for'), ['2001:db8::9'])
    assert.equal(asked?.values('x-forwarded-host'), ['[::1]'])
  }),
)

test(
  'off, Forwarded is taken away and Via, X-Request-Id and traceparent are the client’s',
  scoped(async scope => {
    const {ask} = await served(scope, PLAIN)
    const theirs = ['Via: 1.1 routesd', 'X-Request-Id: mine', `traceparent: 00-${TRACE}-${SPAN}-01`, 'tracestate: a=b']
    const {asked} = await ask(
      requestFor('x.localhost/', {fields: `Forwarded: for=6.6.6.6\r\n${theirs.join('\r\n')}\r\n`}),
    )
    assert.equal(asked?.fields.slice(1, 5), theirs)
    assert.equal(asked?.values('forwarded'), [])
  }),
)

// --- Via

test(
  'Via names the hops before us and us, with the version that the client spoke',
  scoped(async scope => {
    const {ask} = await served(scope, PLAIN, {forward: {via: true}, edge: {pseudonym: 'routesd-1'}})
    const via = async (fields: string) => (await ask(requestFor('x.localhost/', {fields}))).asked?.values('via')
    assert.equal(await via(''), ['1.1 routesd-1'])
    assert.equal(await via('Via: 1.0 fred\r\nvia: 1.1 example.com:8080 (Apache)\r\n'), [
      '1.0 fred, 1.1 example.com:8080 (Apache), 1.1 routesd-1',
    ])
    const old = await ask('GET / HTTP/1.0\r\nHost: x.localhost\r\n\r\n')
    assert.equal(old.asked?.values('via'), ['1.0 routesd-1'])
  }),
)

test(
  'a request that has been here before is a loop, and one that met another routesd is not',
  scoped(async scope => {
    const {ask, instance} = await served(scope, PLAIN, {forward: {via: true}, edge: {pseudonym: 'routesd-1'}})
    for (const via of [
      '1.1 routesd-1',
      '1.0 fred, HTTP/1.1  routesd-1 (comment) ,1.1 b',
      '1.1 a\r\nVia: 1.1\troutesd-1',
    ]) {
      const {answer, asked} = await ask(requestFor('x.localhost/', {fields: `Via: ${via}\r\n`}))
      assert.equal([answer.line, asked], ['HTTP/1.1 502 Bad Gateway', null], via)
      assert.equal(answer.values('proxy-status'), ['routesd; error=proxy_loop_detected'])
    }
    for (const via of ['1.1 routesd-2', '1.1 routesd', '1.1 routesd-12', 'routesd-1', '1.1 a (1.1 routesd-1)']) {
      const {answer} = await ask(requestFor('x.localhost/', {fields: `Via: ${via}\r\n`}))
      assert.is(answer.line, 'HTTP/1.1 200 OK', via)
    }
    assert.is(instance.requests.length, 5)
  }),
)

test(
  'a route that leads back to its own listener ends in one 502, not in a storm',
  scoped(async scope => {
    const forward = {via: true}
    const {plane, port, ask} = await served(scope, PLAIN, {forward})
    await plane.apply(compiled({'a.yaml': `- {id: x.localhost, target: "http://127.0.0.1:${port}"}`}, {forward}))
    const {answer} = await ask(requestFor('x.localhost/'))
    assert.is(answer.line, 'HTTP/1.1 502 Bad Gateway')
    assert.equal(answer.values('proxy-status'), ['routesd; error=proxy_loop_detected'])
    assert.is(plane.routeStats('x.localhost').requests, 2)
  }),
)

// --- X-Request-Id

test(
  'X-Request-Id of a trusted proxy is kept, that of anybody else replaced by a new one',
  scoped(async scope => {
    const forward = {requestId: true}
    const trusted = await served(scope, PLAIN, {forward, edge: {trustedProxies: ['127.0.0.1']}})
    const strangers = await served(scope, PLAIN, {forward})
    const fields = 'x-request-ID: mine\r\n'
    const idOf = async ({ask}: typeof trusted, sent: string) =>
      (await ask(requestFor('x.localhost/', {fields: sent}))).asked?.values('x-request-id') ?? []
    assert.equal(await idOf(trusted, fields), ['mine'])
    const fresh = [await idOf(trusted, ''), await idOf(strangers, fields), await idOf(strangers, '')]
    for (const ids of fresh) {
      assert.is(ids.length, 1)
      assert.match(ids[0] ?? '', UUID)
    }
    assert.is(new Set(fresh.flat()).size, 3)
  }),
)

// --- traceparent

test(
  'a valid traceparent is continued with a span of our own',
  scoped(async scope => {
    const {ask} = await served(scope, PLAIN, {forward: {traceparent: true}})
    for (const flags of ['00', '01']) {
      const fields = `TraceParent: 00-${TRACE}-${SPAN}-${flags}\r\ntracestate: a=b\r\n`
      const {asked} = await ask(requestFor('x.localhost/', {fields}))
      const [next = '', ...more] = asked?.values('traceparent') ?? []
      assert.equal(more, [])
      assert.match(next, new RegExp(`^00-${TRACE}-(?!${SPAN})[0-9a-f]{16}-${flags}$`))
      assert.equal(asked?.values('tracestate'), ['a=b'])
    }
  }),
)

const INVALID = [
  '',
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `ff-${TRACE}-${SPAN}-01`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}`,
  `00-${TRACE}-${SPAN}-01-more`,
  `00-${TRACE.slice(1)}-${SPAN}-01`,
  'evil',
]

test(
  'anything else begins a new trace, which nobody has asked to record',
  scoped(async scope => {
    const {ask} = await served(scope, PLAIN, {forward: {traceparent: true}})
    const traces = new Set<string>()
    for (const given of INVALID) {
      const {asked} = await ask(requestFor('x.localhost/', {fields: given === '' ? '' : `traceparent: ${given}\r\n`}))
      const [next = '', ...more] = asked?.values('traceparent') ?? []
      assert.equal(more, [])
      assert.match(next, /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-00$/, given)
      assert.not.match(next, new RegExp(TRACE, 'i'))
      traces.add(next.slice(3, 35))
    }
    assert.is(traces.size, INVALID.length)
  }),
)

test(
  'the state of a trace goes on with it, and is dropped with a trace that is not valid',
  scoped(async scope => {
    const {ask} = await served(scope, PLAIN, {forward: {traceparent: true}})
    const stateFor = async (traceparent: string) => {
      const fields = `${traceparent}tracestate: a=b\r\nTraceState: c=d\r\n`
      return (await ask(requestFor('x.localhost/', {fields}))).asked?.values('tracestate')
    }
    assert.equal(await stateFor(`traceparent: 00-${TRACE}-${SPAN}-01\r\n`), ['a=b', 'c=d'])
    assert.equal(await stateFor(`traceparent: 00-${TRACE}-0000000000000000-01\r\n`), [])
    assert.equal(await stateFor(''), [])
  }),
)

test.run()
