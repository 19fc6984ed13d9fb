// Service mode as the flow chart of Proxy Svc draws it: the first path segment is the slug of a service.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import {clientOf, exchange, getAndClose} from '../helpers/client.ts'
import {OK, originThatAnswers} from '../helpers/origin.ts'
import {proxyServing} from '../helpers/proxy.ts'
import {recorderOf} from '../helpers/recorder.ts'
import {scoped} from '../helpers/scoped.ts'
import {holdingOrigin} from '../helpers/service.ts'
import {until} from '../helpers/until.ts'
import {webSocketOf, webSocketOrigin} from '../helpers/websocket.ts'
import {compiled, messageOf, requestFor} from '../helpers/written.ts'

// A service `user-svc` of one instance; `ask` sends a request to it in service mode.
async function userService(scope: Scope, keys = '', answer = OK) {
  const instance = await recorderOf(scope, () => answer)
  const yaml = `services:\n  - {slug: user-svc, instances: ["http://127.0.0.1:${instance.port}"]${keys}}\n`
  const {servicePort, plane, port} = await proxyServing(scope, compiled({'a.yaml': yaml}))
  const ask = async (path: string, options: {method?: string; fields?: string; body?: string} = {}) =>
    messageOf(await exchange(scope, servicePort, requestFor(`127.0.0.1:${servicePort}${path}`, options)))
  return {ask, instance, plane, port, servicePort}
}

test(
  'a request goes to the service that its first segment names, with the path as it is',
  scoped(async scope => {
    const {ask, instance} = await userService(scope)
    const {line} = await ask('/user-svc/login?a=1', {method: 'POST', body: 'name=x'})
    assert.is(line, 'HTTP/1.1 200 OK')
    const asked = messageOf(instance.requests[0] ?? '')
    assert.is(asked.line, 'POST /user-svc/login?a=1 HTTP/1.1')
    assert.is(asked.body, 'name=x')
    assert.equal(asked.values('x-forwarded-for'), ['127.0.0.1'])
    assert.equal(asked.values('x-forwarded-proto'), ['http'])
    assert.equal(instance.violations, [])
  }),
)

test(
  'the slug alone, with a slash or a query, is a request to the service; a longer segment is not',
  scoped(async scope => {
    const {ask, instance} = await userService(scope)
    for (const path of ['/user-svc', '/user-svc/', '/user-svc?a=1']) assert.match((await ask(path)).line, /200/)
    assert.equal(
      instance.requests.map(text => messageOf(text).line.split(' ')[1]),
      ['/user-svc', '/user-svc/', '/user-svc?a=1'],
    )
    for (const path of ['/user-svc2/login', '/user', '/User-Svc/login', '//user-svc', '/', '/x/user-svc'])
      assert.match((await ask(path)).line, /404/, path)
    assert.is(instance.requests.length, 3)
  }),
)

test(
  'stripSlug takes the slug off the path, and puts it back where the instance names one',
  scoped(async scope => {
    const answer = 'HTTP/1.1 302 Found\r\nLocation: /login?next=1\r\nContent-Length: 0\r\n\r\n'
    const {ask, instance} = await userService(scope, ', stripSlug: true', answer)
    assert.equal((await ask('/user-svc/a/b?c=1')).values('location'), ['/user-svc/login?next=1'])
    await ask('/user-svc')
    assert.equal(
      instance.requests.map(text => messageOf(text).line),
      ['GET /a/b?c=1 HTTP/1.1', 'GET / HTTP/1.1'],
    )
  }),
)

test(
  'an unknown slug and a service without a usable instance are 404, and the body says which',
  scoped(async scope => {
    const yaml =
      'services:\n  - {slug: empty, instances: []}\n  - {slug: down, instances: [{url: "http://127.0.0.1:1", down: true}]}\n  - {slug: nameless, instances: ["http://nobody.invalid:80"]}\n'
    const {servicePort} = await proxyServing(scope, compiled({'a.yaml': yaml}))
    const ask = async (path: string) => messageOf(await exchange(scope, servicePort, getAndClose(path)))
    for (const path of ['/ghost/x', '/'])
      assert.equal(
        [(await ask(path)).line, (await ask(path)).body],
        ['HTTP/1.1 404 Not Found', '404 Not Found: there is no service with this slug\n'],
        path,
      )
    const reasons = {
      '/empty/x': '',
      '/down/x': ': all are drained or marked as down',
      '/nameless/x': ': their names do not resolve',
    }
    for (const [path, why] of Object.entries(reasons))
      assert.equal(
        [(await ask(path)).line, (await ask(path)).body],
        ['HTTP/1.1 404 Not Found', `404 Not Found: no instance of this service is healthy${why}\n`],
        path,
      )
    assert.equal((await ask('/empty')).values('proxy-status'), ['routesd; error=destination_unavailable'])
  }),
)

test(
  'instances that are there and take nothing now, full or behind an open circuit, are a 503',
  scoped(async scope => {
    const full = await holdingOrigin(scope)
    const failing = await originThatAnswers(scope, 'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n')
    const yaml = `services:\n  - {slug: full, maxConnections: 1, instances: ["${full.url}"]}\n  - {slug: failing, circuit: {minRequests: 1}, instances: ["${failing.url}"]}\n`
    const {servicePort} = await proxyServing(scope, compiled({'a.yaml': yaml}))
    const ask = async (path: string) => messageOf(await exchange(scope, servicePort, getAndClose(path)))
    const first = await clientOf(scope, servicePort)
    first.send(getAndClose('/full'))
    await until('the only place to be taken', () => full.held.length === 1)
    const busy = await ask('/full')
    assert.is(busy.line, 'HTTP/1.1 503 Service Unavailable')
    assert.match(busy.body, 'under way')
    assert.is((await ask('/failing')).line, 'HTTP/1.1 502 Bad Gateway')
    const open = await ask('/failing')
    assert.is(open.line, 'HTTP/1.1 503 Service Unavailable')
    assert.match(open.body, 'circuit')
  }),
)

test(
  'an instance found down is not asked, and the only one of it leaves a 404',
  scoped(async scope => {
    const one = await originThatAnswers(scope, 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1')
    const two = await originThatAnswers(scope, 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2')
    const snapshot = compiled({'a.yaml': `services:\n  - {slug: s, instances: ["${one.url}", "${two.url}"]}\n`})
    const {servicePort, plane} = await proxyServing(scope, snapshot)
    const ask = () => exchange(scope, servicePort, getAndClose('/s/x'))
    const answers = [await ask(), await ask()].map(text => text.slice(-1)).sort()
    assert.equal(answers, ['1', '2'])
    const [first, second] = snapshot.pools[0]?.members ?? []
    plane.setVerdict(first?.key ?? '', true)
    assert.equal(
      [await ask(), await ask()].map(text => text.slice(-1)),
      ['2', '2'],
    )
    plane.setVerdict(second?.key ?? '', true)
    assert.match(await ask(), /^HTTP\/1\.1 404 [\s\S]*no instance of this service is healthy: all were found down/)
  }),
)

test(
  'routes of the edge are not reached in service mode, nor services on the edge',
  scoped(async scope => {
    const {url} = await originThatAnswers(scope, OK)
    const yaml = `routes: [{id: x.localhost, target: "${url}"}]\nservices: [{slug: s, instances: ["${url}"]}]\n`
    const {port, servicePort} = await proxyServing(scope, compiled({'a.yaml': yaml}))
    assert.match(await exchange(scope, port, getAndClose('/s')), / 200 /)
    assert.match(await exchange(scope, servicePort, getAndClose('/')), / 404 /)
    assert.match(await exchange(scope, servicePort, getAndClose('/s', 'any.example')), / 200 /)
    assert.match(await exchange(scope, port, getAndClose('/s', 'any.example')), / 404 [\s\S]*no route takes this URL/)
  }),
)

test(
  'requests are counted under the slug, and paths are held to the rules of the edge',
  scoped(async scope => {
    const {ask, plane} = await userService(scope)
    await ask('/user-svc/a')
    await ask('/x/../user-svc/b')
    await until('two requests', () => plane.routeStats('service:user-svc').requests === 2)
    assert.match((await ask('/user-svc/%00')).line, / 400 /)
    assert.match((await ask('/user-svc/../../x')).line, / 400 /)
  }),
)

test(
  'a WebSocket goes through',
  scoped(async scope => {
    const {url} = await webSocketOrigin(scope)
    const {servicePort} = await proxyServing(
      scope,
      compiled({'a.yaml': `services: [{slug: s, instances: ["${url}"]}]\n`}),
    )
    const client = await webSocketOf(scope, servicePort, '/s/chat')
    client.send('hello')
    await client.until(/hello$/)
  }),
)

test.run()
