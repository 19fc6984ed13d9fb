// Instances that register themselves, through the daemon: over the listener of service mode, with curl's eyes.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {type Clock, systemClock} from '../../src/base/clock.ts'
import {messageOf} from '../../src/base/errors.ts'
import {answerOf, clientOf, exchange, getAndClose} from '../helpers/client.ts'
import {createFakeClock, type FakeClock} from '../helpers/clock.ts'
import {type DaemonOptions, daemonIn} from '../helpers/daemon.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {originThatAnswers} from '../helpers/origin.ts'
import {until} from '../helpers/until.ts'
import {handshake} from '../helpers/websocket.ts'

const TOKENS =
  '[{slug: orders, token: {file: orders.token}}, {slug: fixed, token: {file: fixed.token}}, {slug: ghost, token: {file: ghost.token}}]'
const SERVICES = `services:
  - {slug: orders, register: true}
  - {slug: fixed, instances: ["http://127.0.0.1:1"]}
`

type Asked = {readonly status: number; readonly head: string; readonly body: unknown}
type Ask = (method: string, path: string, body?: unknown, token?: string) => Promise<Asked>

// A daemon that takes registrations for `orders`; `ask` sends JSON to the built-in services.
async function registryIn(
  folder: Folder,
  options: DaemonOptions & {readonly routes?: string; readonly ttl?: string} = {},
) {
  await folder.write({
    'orders.token': 'orders-secret\n',
    'fixed.token': 'fixed-secret',
    'ghost.token': 'ghost-secret',
    'routes.d/a.yaml': options.routes ?? SERVICES,
  })
  const daemon = await daemonIn(folder, {
    ...options,
    settings: `registry: {ttl: ${options.ttl ?? '60s'}, tokens: ${TOKENS}}\n`,
  })
  const ask: Ask = async (method, path, body, token) => {
    const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
    const fields = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`
    const answer = answerOf(
      await exchange(
        folder.scope,
        daemon.servicePort,
        `${method} ${path} HTTP/1.1\r\nHost: x\r\n${fields}Content-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
      ),
    )
    return {status: answer.status, head: answer.head, body: JSON.parse(answer.body) as unknown}
  }
  const get = (path: string) => exchange(folder.scope, daemon.servicePort, getAndClose(path))
  return {daemon, ask, get}
}

function named(folder: Folder, name: string) {
  return originThatAnswers(folder.scope, `HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`)
}

function codeOf({body}: Asked): string {
  return (body as {error?: {code: string}}).error?.code ?? ''
}

test(
  'an instance registers, gets requests, is listed, and is deleted',
  withFolder(async folder => {
    const {ask, get, daemon} = await registryIn(folder)
    const {url, port} = await named(folder, 'one')
    assert.match(await get('/orders/x'), /404 [\s\S]*no instance of this service is healthy/)
    const put = await ask('PUT', '/registry-svc/instance', {url, tags: ['blue'], deploymentId: 'd1'}, 'orders-secret')
    assert.equal([put.status, put.body], [200, {id: `orders@127.0.0.1:${port}`}])
    assert.match(await get('/orders/x'), /one$/)
    assert.match(await get('/orders/x'), /one$/, 'on the other worker, too')
    const {body} = await ask('GET', '/registry-svc/instances?slug=orders')
    const [{lastHeartbeat, ...row} = {lastHeartbeat: ''}] = (body as {instances: {lastHeartbeat: string}[]}).instances
    assert.equal(row, {
      id: `orders@127.0.0.1:${port}`,
      url,
      scheme: 'http',
      host: '127.0.0.1',
      ip: '127.0.0.1',
      port,
      path: '',
      slug: 'orders',
      tags: ['blue'],
      status: 'Healthy',
      deploymentId: 'd1',
      source: 'registered',
    })
    assert.match(lastHeartbeat, /^20\d\d-\d\d-\d\dT.*Z$/)
    const removed = await ask('DELETE', `/registry-svc/instance/orders@127.0.0.1:${port}`, undefined, 'orders-secret')
    assert.is(removed.status, 200)
    assert.match(await get('/orders/x'), / 404 /)
    assert.is(daemon.operations.status().listeners.service.length, 1)
  }),
)

test(
  'the same place is the same instance, and parts of a URL are a URL',
  withFolder(async folder => {
    const {ask} = await registryIn(folder)
    const put = async (body: unknown) => (await ask('PUT', '/registry-svc/instance', body, 'orders-secret')).body
    const id = {id: 'orders@10.0.0.1:8080/base'}
    assert.equal(await put({url: 'http://10.0.0.1:8080/base'}), id)
    assert.equal(await put({url: 'HTTP://10.0.0.1:8080/base/'}), id)
    assert.equal(await put({url: 'http://10.0.0.1:8080', path: '/base'}), id)
    assert.equal(await put({scheme: 'http', host: '10.0.0.1', port: 8080, path: '/base'}), id)
    assert.equal(await put({host: '::1', port: 9000}), {id: 'orders@[::1]:9000'})
    assert.equal(await put({host: '10.0.0.2'}), {id: 'orders@10.0.0.2:80'})
    const {body} = await ask('GET', '/registry-svc/instances?slug=orders')
    assert.is((body as {instances: unknown[]}).instances.length, 3)
    const removed = await ask(
      'DELETE',
      '/registry-svc/instance/orders@10.0.0.1:8080%2Fbase',
      undefined,
      'orders-secret',
    )
    assert.is(removed.status, 200)
  }),
)

test(
  'writing needs the token of a service that git lets register; reading does not',
  withFolder(async folder => {
    const {ask} = await registryIn(folder)
    const put = (token?: string) => ask('PUT', '/registry-svc/instance', {url: 'http://10.0.0.1'}, token)
    const none = await put()
    assert.is(none.status, 401)
    assert.match(none.head, /^www-authenticate: Bearer realm="registry-svc"\r$/m)
    const wrong = await put('guess')
    assert.is(wrong.status, 401)
    assert.match(wrong.head, /^www-authenticate: .*error="invalid_token"\r$/m)
    const off = await put('fixed-secret')
    assert.equal([off.status, codeOf(off)], [403, 'registration-off'])
    assert.match(JSON.stringify(off.body), /routes\.d\/a\.yaml:3/)
    const ghost = await put('ghost-secret')
    assert.equal([ghost.status, codeOf(ghost)], [404, 'unknown-service'])
    assert.is((await ask('GET', '/registry-svc/instances')).status, 200)
    const declared = await ask('DELETE', '/registry-svc/instance/fixed@127.0.0.1:1', undefined, 'orders-secret')
    assert.equal([declared.status, codeOf(declared)], [403, 'not-registered'])
    const missing = await ask('DELETE', '/registry-svc/instance/orders@nobody', undefined, 'orders-secret')
    assert.equal([missing.status, codeOf(missing)], [404, 'unknown-instance'])
    assert.is((await ask('DELETE', '/registry-svc/instance/x', undefined)).status, 401)
  }),
)

test(
  'what is not a registration is refused in words',
  withFolder(async folder => {
    const {ask} = await registryIn(folder)
    const put = async (body: unknown) => {
      const answer = await ask('PUT', '/registry-svc/instance', body, 'orders-secret')
      return [answer.status, codeOf(answer)]
    }
    assert.equal(await put('{"url": '), [400, 'bad-json'])
    assert.equal(await put('[]'), [400, 'bad-request'])
    assert.equal(await put({}), [400, 'bad-request'])
    assert.equal(await put({url: 'http://10.0.0.1', weight: 3}), [400, 'bad-request'])
    assert.equal(await put({url: 'http://10.0.0.1', host: 'x'}), [400, 'bad-request'])
    assert.equal(await put({url: '10.0.0.1:8080'}), [400, 'bad-url'])
    assert.equal(await put({url: 'http://u:p@10.0.0.1'}), [400, 'bad-url'])
    assert.equal(await put({url: 'http://0x7f.1'}), [400, 'bad-url'])
    assert.equal(await put({host: '10.0.0.1', port: '80'}), [400, 'bad-request'])
    assert.equal(await put({host: '10.0.0.1', port: 70000}), [400, 'bad-url'])
    assert.equal(await put({url: 'http://10.0.0.1', tags: [1]}), [400, 'bad-request'])
    assert.equal(await put({url: 'http://169.254.169.254/meta'}), [403, 'denied-target'])
    assert.equal(await put({url: `http://10.0.0.1/${'x'.repeat(70_000)}`}), [413, 'body-too-large'])
  }),
)

test(
  'routes and certificates are told and not written, and other paths and methods have their answers',
  withFolder(async folder => {
    const {ask, get} = await registryIn(folder, {
      routes: `routes: [{id: x.localhost, target: "http://127.0.0.1:9"}]\n${SERVICES}`,
    })
    const {body} = await ask('POST', '/proxy-svc/routes', {})
    const {routes} = body as {routes: {id: string; target: string}[]}
    assert.equal(
      routes.map(({id, target}) => [id, target]),
      [['x.localhost', 'http://127.0.0.1:9']],
    )
    assert.equal((await ask('POST', '/proxy-svc/routes', {ids: ['y.localhost']})).body, {routes: []})
    for (const bad of ['[]', '{"id": "x"}', '{"ids": "x"}', '{'])
      assert.is((await ask('POST', '/proxy-svc/routes', bad)).status, 400, bad)
    assert.equal((await ask('POST', '/proxy-svc/certs')).body, {certs: []})
    for (const method of ['PUT', 'DELETE']) {
      const {status, head, body: refusal} = await ask(method, '/proxy-svc/routes', {routes: []})
      assert.is(status, 405)
      assert.match(head, /^allow: POST\r$/m)
      assert.match(JSON.stringify(refusal), /routesd routes save/)
    }
    assert.is((await ask('GET', '/registry-svc/instance')).status, 405)
    assert.is((await ask('GET', '/registry-svc/nodes')).status, 404)
    assert.is((await ask('GET', '/proxy-svc')).status, 404)
    assert.is((await ask('GET', '/registry-svc/instances?slugs=x')).status, 400)
    assert.match(await get('/proxy-svcs/x'), /there is no service with this slug/)
  }),
)

test(
  'registrations survive a reload and a restart, and go with their service',
  withFolder(async folder => {
    const first = await registryIn(folder)
    const {url} = await named(folder, 'one')
    const put = () => first.ask('PUT', '/registry-svc/instance', {url}, 'orders-secret')
    await put()
    await folder.write({'routes.d/b.yaml': `- {id: x.localhost, service: orders}\n`})
    await until('the new route', () => first.daemon.operations.routes().length === 1)
    assert.match(await exchange(folder.scope, first.daemon.port, getAndClose('/')), /one$/)
    await first.daemon.stop()

    const second = await registryIn(folder)
    assert.match(await second.get('/orders/x'), /one$/)
    await folder.write({'routes.d/a.yaml': SERVICES.replace('register: true', `instances: ["http://127.0.0.1:2"]`)})
    await until('git to take it away', async () => / 502 /.test(await second.get('/orders/x')))
    await folder.write({'routes.d/a.yaml': SERVICES})
    await until('git to let it in again', async () => /one$/.test(await second.get('/orders/x')))
  }),
)

test(
  'a declared instance that registers counts once',
  withFolder(async folder => {
    const {url, port} = await named(folder, 'one')
    const {ask} = await registryIn(folder, {
      routes: `services: [{slug: orders, register: true, instances: ["${url}"]}]\n`,
    })
    const put = await ask('PUT', '/registry-svc/instance', {url}, 'orders-secret')
    assert.equal(put.body, {id: `orders@127.0.0.1:${port}`})
    const {body} = await ask('GET', '/registry-svc/instances')
    assert.equal(
      (body as {instances: {id: string; source: string}[]}).instances.map(({id, source}) => [id, source]),
      [[`orders@127.0.0.1:${port}`, 'declared']],
    )
  }),
)

test(
  'a lease ends when nobody renews it, and lasts as long as it is renewed',
  withFolder(async folder => {
    const clock = createFakeClock(Date.now())
    const {ask, get} = await registryIn(folder, {clock: {...systemClock, now: clock.now, after: later(clock)}})
    const {url} = await named(folder, 'one')
    const put = () => ask('PUT', '/registry-svc/instance', {url}, 'orders-secret')
    await put()
    await clock.advance(50_000)
    await put()
    await clock.advance(50_000)
    assert.match(await get('/orders/x'), /one$/)
    await clock.advance(15_000)
    await until('the lease to end', async () => / 404 /.test(await get('/orders/x')))
    assert.equal((await ask('GET', '/registry-svc/instances?slug=orders')).body, {instances: []})
  }),
)

test(
  'a registered instance is asked for its health like a declared one, and to be well renews its lease',
  withFolder(async folder => {
    const {ask, get} = await registryIn(folder, {
      ttl: '2s',
      routes:
        'services: [{slug: orders, register: true, health: {path: /health, interval: 200ms, fall: 1, rise: 1, startDown: true}}]\n',
    })
    let status = '503 Service Unavailable'
    const instance = await originThatAnswers(
      folder.scope,
      head => `HTTP/1.1 ${head.startsWith('GET /health') ? status : '200 OK'}\r\nContent-Length: 3\r\n\r\none`,
    )
    const rows = async () =>
      ((await ask('GET', '/registry-svc/instances')).body as {instances: {status: string; lastHeartbeat: string}[]})
        .instances
    await ask('PUT', '/registry-svc/instance', {url: instance.url}, 'orders-secret')
    assert.equal(
      (await rows()).map(row => row.status),
      ['Unreachable'],
    )
    assert.match(await get('/orders/x'), /404 [\s\S]*no instance of this service is healthy/)
    status = '200 OK'
    await until('it to be well', async () => /one$/.test(await get('/orders/x')))
    const since = Date.parse((await rows())[0]?.lastHeartbeat ?? '')
    await until(
      'more than its ttl',
      async () => Date.parse((await rows())[0]?.lastHeartbeat ?? '') - since > 2_500,
      15_000,
    )
    assert.match(await get('/orders/x'), /one$/)
    await instance.close()
    await until('its lease to end', async () => (await rows()).length === 0, 15_000)
  }),
)

test(
  'an upgrade to a built-in service is answered like any other request',
  withFolder(async folder => {
    const {daemon} = await registryIn(folder)
    const client = await clientOf(folder.scope, daemon.servicePort)
    client.send(handshake('/registry-svc/instances'))
    assert.match(await client.until(/\}\n/), /^HTTP\/1\.1 200 [\s\S]*"instances"/)
  }),
)

test(
  'tokens that cannot be read or are the same for two services refuse the start',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': SERVICES, 'a.token': 'same', 'b.token': 'same', 'c.token': 'two words'})
    const start = (tokens: string) =>
      daemonIn(folder, {settings: `registry: {tokens: [${tokens}]}\n`}).then(
        () => 'started',
        (error: unknown) => messageOf(error),
      )
    assert.match(
      await start('{slug: orders, token: {file: none.token}}'),
      /the token of orders cannot be read: there is no .*none\.token/,
    )
    assert.match(await start('{slug: orders, token: {env: ROUTESD_NO_SUCH}}'), /the environment has no ROUTESD_NO_SUCH/)
    assert.match(
      await start('{slug: orders, token: {file: c.token}}'),
      /the token of orders is empty or has a character/,
    )
    const both = '{slug: orders, token: {file: a.token}}, {slug: fixed, token: {file: b.token}}'
    assert.match(await start(both), /orders and fixed have the same token/)
  }),
)

test.run()

// ---

// Leases live by the fake clock, everything else by the real one: only what runs every second is of theirs.
function later(clock: FakeClock): Clock['after'] {
  return (ms, fn) => (ms === 1_000 ? clock.after(ms, fn) : systemClock.after(ms, fn))
}
