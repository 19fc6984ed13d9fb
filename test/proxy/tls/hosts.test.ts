// hosts: plain http goes to https, browsers are told to stay there, and a connection serves the hosts of its certificate.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../../src/base/scope.ts'
import {type Authority, authorityOf} from '../../helpers/authority.ts'
import {hasOpenssl} from '../../helpers/certificates.ts'
import {answerOf, exchange} from '../../helpers/client.ts'
import {scoped} from '../../helpers/scoped.ts'
import {secureTo} from '../../helpers/tls-client.ts'
import {messageOf, served, type WrittenOptions} from '../../helpers/written.ts'

if (!hasOpenssl) console.log('SKIP tests of TLS: openssl is missing')
const check = hasOpenssl ? test : test.skip

// The routes, with certificates for these names besides that of a.test.
async function secured(
  scope: Scope,
  yaml: string,
  more: readonly string[] = [],
  options: WrittenOptions & {trusted?: boolean} = {},
) {
  const authority = authorityOf(scope)
  const certificates = ['a.test', ...more].map(name => authority.certificate([name]))
  const edge = {trustedProxies: options.trusted ? ['127.0.0.0/8'] : []}
  const proxy = await served(scope, yaml, {...options, certificates, edge})
  const plain = async (host: string, path = '/', {method = 'GET', fields = ''} = {}) =>
    messageOf(
      await exchange(
        scope,
        proxy.port,
        `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${fields}Connection: close\r\n\r\n`,
      ),
    )
  const secure = async (name: string | null, host: string, path = '/', fields = '') => {
    const connection = await secureTo(scope, proxy.httpsPort, {name})
    return messageOf(
      await connection.ask(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${fields}Connection: close\r\n\r\n`),
    )
  }
  return {...proxy, authority: authority satisfies Authority, plain, secure}
}

const A = '- {id: a.test, target: "http://INSTANCE"}\n'
const statusOf = ({line}: {line: string}) => Number(line.slice(9, 12))

check(
  'plain http to a host that has a certificate is sent to https, with path, query, method and port',
  scoped(async scope => {
    const {plain, httpsPort, instance} = await secured(scope, `${A}- {id: plain.test, target: "http://INSTANCE"}\n`)
    const cases: readonly (readonly [string, string, string])[] = [
      ['a.test', '/', '/'],
      ['a.test', '/x/y?a=1&b=%2F', '/x/y?a=1&b=%2F'],
      ['A.TEST', '/y/../x/./y', '/x/y'],
      ['a.test:8080', '/x', '/x'],
      ['a.test', '//evil.test/', '//evil.test/'],
    ]
    for (const [host, path, to] of cases) {
      const answer = await plain(host, path)
      assert.is(statusOf(answer), 308, path)
      assert.equal(answer.values('location'), [`https://a.test:${httpsPort}${to}`])
      assert.equal(answer.values('strict-transport-security'), [])
    }
    assert.is(statusOf(await plain('a.test', '/', {method: 'POST', fields: 'Content-Length: 0\r\n'})), 308)
    assert.is(statusOf(await plain('plain.test')), 200, 'without a certificate')
    assert.is(statusOf(await plain('nobody.test')), 404)
    assert.is(instance.requests.length, 1)
  }),
)

check(
  'tls.redirect: false serves both, and a proxy of ours that speaks https is believed',
  scoped(async scope => {
    const both = await secured(scope, `routes:\n${indent(A)}hosts: [{name: a.test, tls: {redirect: false}}]\n`)
    assert.is(statusOf(await both.plain('a.test')), 200)
    assert.is(statusOf(await both.secure('a.test', 'a.test')), 200)
    const behind = await secured(scope, A, [], {trusted: true})
    assert.is(statusOf(await behind.plain('a.test', '/', {fields: 'X-Forwarded-Proto: https\r\n'})), 200)
    assert.is(statusOf(await behind.plain('a.test', '/', {fields: 'X-Forwarded-Proto: http\r\n'})), 308)
    const alone = await secured(scope, A)
    assert.is(statusOf(await alone.plain('a.test', '/', {fields: 'X-Forwarded-Proto: https\r\n'})), 308)
  }),
)

check(
  'the redirect begins when the certificate is there, also on connections that are open',
  scoped(async scope => {
    const {plane, port, authority} = await secured(scope, '- {id: b.test, target: "http://INSTANCE"}\n')
    const both = async () => {
      const text = await exchange(scope, port, 'GET / HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n')
      return answerOf(text).status
    }
    assert.is(await both(), 200)
    await plane.setCertificates([authority.certificate(['*.test'])])
    assert.is(await both(), 308)
    await plane.setCertificates([])
    assert.is(await both(), 200)
  }),
)

check(
  'the instance is told that the client came by https',
  scoped(async scope => {
    const {secure, instance} = await secured(scope, A, [], {forward: {forwarded: true}})
    await secure('a.test', 'a.test')
    const asked = messageOf(instance.requests[0] ?? '')
    assert.equal(asked.values('x-forwarded-proto'), ['https'])
    assert.match(asked.values('forwarded')[0] ?? '', /;proto=https$/)
  }),
)

check(
  'Strict-Transport-Security stands once in every answer of https, also in ours, and never in one of http',
  scoped(async scope => {
    const yaml = `routes:
  - {id: a.test, target: "http://INSTANCE"}
  - {id: a.test/set, target: "http://INSTANCE", headers: {response: {set: {Strict-Transport-Security: max-age=2}}}}
  - {id: a.test/add, target: "http://INSTANCE", headers: {response: {add: {Strict-Transport-Security: max-age=2}}}}
  - {id: a.test/dead, target: "http://127.0.0.1:1"}
  - {id: a.test/gone, redirect: {to: "https://b.test"}}
  - {id: a.test/own, respond: {status: 200, body: x}}
  - {id: b.test, respond: {status: 200, body: x}}
hosts:
  - {name: a.test, tls: {hsts: 1y, redirect: false}}
`
    const {secure, plain, answerWith} = await secured(scope, yaml, ['b.test', '127.0.0.1'])
    for (const said of ['Strict-Transport-Security: max-age=1\r\n', '']) {
      answerWith(`HTTP/1.1 200 OK\r\n${said}Content-Length: 0\r\n\r\n`)
      for (const path of ['/', '/set', '/add', '/dead', '/gone', '/own', '/%00']) {
        const answer = await secure('a.test', 'a.test', path)
        assert.equal(answer.values('strict-transport-security'), ['max-age=31536000'], `${path} ${said} ${answer.line}`)
      }
    }
    assert.equal((await plain('a.test', '/own')).values('strict-transport-security'), [])
    assert.equal((await secure('b.test', 'b.test')).values('strict-transport-security'), [])
  }),
)

check(
  'a request for a host that the certificate does not cover is misdirected',
  scoped(async scope => {
    const yaml =
      '- {id: a.test, target: "http://INSTANCE"}\n- {id: b.test, target: "http://INSTANCE"}\n- {id: "*.w.test", target: "http://INSTANCE"}\n'
    const {secure, plane, authority} = await secured(scope, yaml, ['*.w.test', 'b.test'])
    const cases: readonly (readonly [string | null, string, number])[] = [
      ['a.test', 'a.test', 200],
      ['a.test', 'A.TEST.:443', 200],
      ['a.test', 'b.test', 421],
      ['a.test', 'nobody.test', 421],
      ['x.w.test', 'x.w.test', 200],
      ['x.w.test', 'y.w.test', 200],
      ['x.w.test', 'y.x.w.test', 421],
      ['x.w.test', 'w.test', 421],
      ['x.w.test', 'a.test', 421],
    ]
    for (const [name, host, status] of cases) assert.is(statusOf(await secure(name, host)), status, `${name} ${host}`)
    await plane.setCertificates([authority.certificate(['default.test'], {isDefault: true})])
    assert.is(statusOf(await secure(null, 'a.test')), 200, 'who names nobody may ask for anybody')
    assert.is(statusOf(await secure('a.test', 'a.test')), 200, 'by the default certificate')
    assert.is(statusOf(await secure('a.test', 'b.test')), 421, 'not for another one, though')
  }),
)

check(
  'a pending challenge is answered before redirects and routes; everything else below its path is routed',
  scoped(async scope => {
    const yaml =
      'routes:\n  - {id: a.test, target: "http://INSTANCE"}\n  - {id: b.test, respond: {status: 403, body: no}}\n'
    const {plain, secure, plane, instance, servicePort} = await secured(scope, yaml)
    const path = '/.well-known/acme-challenge/tok-en_1'
    assert.is(statusOf(await plain('a.test', path)), 308)
    await plane.setChallenges([
      {host: 'a.test', token: 'tok-en_1', keyAuthorization: 'tok-en_1.thumb'},
      {host: 'nowhere.test', token: 'other', keyAuthorization: 'other.thumb'},
    ])
    const answer = await plain('a.test', path)
    assert.is(statusOf(answer), 200)
    assert.is(answer.body, 'tok-en_1.thumb')
    assert.equal(answer.values('content-type'), ['application/octet-stream'])
    assert.is((await plain('A.TEST.', path)).body, 'tok-en_1.thumb')
    assert.is((await plain('a.test', path, {method: 'HEAD'})).body, '')
    assert.is((await plain('nowhere.test', '/.well-known/acme-challenge/other')).body, 'other.thumb', 'of no route')
    assert.is((await secure('a.test', 'a.test', path)).body, 'tok-en_1.thumb')
    assert.is(statusOf(await plain('b.test', path)), 403, 'of another host')
    assert.is(statusOf(await plain('a.test', `${path}x`)), 308, 'another token')
    assert.is(statusOf(await plain('a.test', '/.well-known/acme-challenge/x/../other')), 308, 'of another host')
    assert.is(statusOf(await plain('a.test', path, {method: 'POST', fields: 'Content-Length: 0\r\n'})), 308)
    const service = await exchange(
      scope,
      servicePort,
      `GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`,
    )
    assert.is(answerOf(service).status, 404)
    await plane.setChallenges([])
    assert.is(statusOf(await plain('a.test', path)), 308)
    assert.is(instance.requests.length, 0)
  }),
)

test.run()

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '  ')
}
