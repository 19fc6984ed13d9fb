// /metrics of a whole daemon, asked over TCP and read by a strict parser.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {FAMILIES} from '../../src/admin/metrics.ts'
import {clientOf, exchange} from '../helpers/client.ts'
import {daemonIn, type RunningDaemon} from '../helpers/daemon.ts'
import {readExposition} from '../helpers/exposition.ts'
import {withFolder} from '../helpers/folder.ts'
import {OK, originThatAnswers} from '../helpers/origin.ts'
import {until} from '../helpers/until.ts'

const SETTINGS = 'admin: {http: "127.0.0.1:0"}\n'

test(
  'what was asked of routes is counted by method and status, exactly',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, head =>
      head.startsWith('POST') ? OK.replace('200 OK', '201 Created') : OK,
    )
    await folder.write({
      'routes.d/a.yaml': `- {id: x.localhost, target: "${origin.url}"}\n- {id: x.localhost/tea, respond: {status: 418}}\n`,
    })
    const daemon = await daemonIn(folder, {settings: SETTINGS})
    const ask = (path: string, method = 'GET', host = 'x.localhost') =>
      exchange(
        folder.scope,
        daemon.port,
        `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
      )
    for (const path of ['/', '/a', '/b', '/tea']) await ask(path)
    await ask('/', 'POST')
    await ask('/', 'PROPFIND')
    await ask('/', 'GET', 'nobody.localhost')
    await exchange(folder.scope, daemon.port, 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n')

    const metrics = await scrape(daemon)
    const count = (route: string, method: string, code: string) =>
      metrics.value('routesd_requests_total', {route, method, code})
    assert.is(count('x.localhost', 'GET', '200'), 3)
    assert.is(count('x.localhost', 'POST', '201'), 1)
    assert.is(count('x.localhost', 'other', '200'), 1)
    assert.is(count('x.localhost/tea', 'GET', '418'), 1)
    assert.is(count('', 'GET', '404'), 1)
    assert.is(metrics.value('routesd_request_duration_seconds_count', {route: 'x.localhost'}), 5)
    assert.ok(metrics.value('routesd_request_duration_seconds_sum', {route: 'x.localhost'}) > 0)
    const instance = {service: origin.url}
    assert.is(metrics.value('routesd_upstream_requests_total', instance), 5)
    assert.is(metrics.value('routesd_upstream_response_seconds_count', instance), 5)
    assert.is(metrics.value('routesd_upstream_up', instance), 1)
    const latency = daemon.operations.instances()[0]?.latencyMs
    assert.ok(typeof latency === 'number' && latency > 0, `${latency}`)
  }),
)

test(
  'every family that there is is told, with its type and help, and process and workers have numbers',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': '- {id: x.localhost, respond: {status: 200}}\n'})
    const daemon = await daemonIn(folder, {settings: SETTINGS})
    const metrics = await scrape(daemon)
    assert.equal(
      [...metrics.families.keys()].sort(),
      Object.values(FAMILIES)
        .map(({name}) => name)
        .sort(),
    )
    for (const {name, type, help} of Object.values(FAMILIES)) {
      assert.equal([metrics.families.get(name)?.type, metrics.families.get(name)?.help], [type, help])
      if (type === 'counter') assert.match(name, /_total$/)
    }
    assert.is(metrics.samples('routesd_worker_up').length, 2)
    assert.is(metrics.samples('routesd_event_loop_lag_seconds').length, 3)
    assert.ok(metrics.value('process_resident_memory_bytes') > 1_000_000)
    const {revision} = daemon.operations.status()
    assert.is(metrics.value('routesd_config_info', {revision: revision.applied ?? ''}), 1)
    assert.is(metrics.value('routesd_config_reloads_total', {result: 'applied'}), 1)
  }),
)

test(
  'a refused reload is counted with its reason, and is no reason to be restarted',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': '- {id: x.localhost, respond: {status: 200}}\n'})
    const daemon = await daemonIn(folder, {settings: SETTINGS})
    await folder.write({'routes.d/b.yaml': '- {id: x.localhost, target: nonsense}\n'})
    await until('the refusal', () => daemon.operations.status().sync.state === 'OutOfSync', 20_000)
    const metrics = await scrape(daemon)
    assert.is(metrics.value('routesd_config_reloads_total', {result: 'refused', reason: 'ValidationFailed'}), 1)
    assert.is(metrics.value('routesd_synced'), 0)
    assert.match(await get(daemon, '/readyz'), /^HTTP\/1\.1 200 OK/)
    assert.match(await get(daemon, '/healthz'), /^HTTP\/1\.1 200 OK/)
  }),
)

test(
  'while it drains, it is alive and not ready',
  withFolder(async folder => {
    const stuck = await originThatAnswers(folder.scope, '')
    await folder.write({'routes.d/a.yaml': `- {id: x.localhost, target: "${stuck.url}"}\n`})
    const daemon = await daemonIn(folder, {settings: `${SETTINGS}edge: {drain: 3s}\n`})
    assert.match(await get(daemon, '/readyz'), /^HTTP\/1\.1 200 OK/)
    const client = await clientOf(folder.scope, daemon.port)
    client.send('GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    await until('the request', () => stuck.received.join('') !== '')
    const stopped = daemon.stop()
    assert.match(await get(daemon, '/readyz'), /^HTTP\/1\.1 503 .*starting, or about to end/s)
    assert.match(await get(daemon, '/livez'), /^HTTP\/1\.1 200 OK/)
    client.destroy()
    await stopped
  }),
)

test(
  'web pages, other names, other methods and other paths are refused',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': '- {id: x.localhost, respond: {status: 200}}\n'})
    const daemon = await daemonIn(folder, {settings: SETTINGS})
    const ask = async (line: string, host: string, field = '') =>
      (
        await exchange(
          folder.scope,
          portOf(daemon),
          `${line} HTTP/1.1\r\nHost: ${host}\r\n${field}Connection: close\r\n\r\n`,
        )
      ).slice(9, 12)
    const answers: Record<string, string> = {
      'own address': await ask('GET /metrics', '127.0.0.1:9180'),
      'IPv6 loopback': await ask('GET /metrics', '[::1]:9180'),
      localhost: await ask('GET /healthz', 'localhost'),
      HEAD: await ask('HEAD /metrics', 'localhost'),
      'a rebound name': await ask('GET /metrics', 'evil.example.com'),
      'a name that looks like ours': await ask('GET /metrics', 'localhost.example.com'),
      'a page': await ask('GET /metrics', '127.0.0.1', 'Origin: http://evil.example.com\r\n'),
      'a page of any kind': await ask('GET /metrics', '127.0.0.1', 'Sec-Fetch-Site: cross-site\r\n'),
      'a person at a browser': await ask('GET /metrics', '127.0.0.1', 'Sec-Fetch-Site: none\r\n'),
      POST: await ask('POST /metrics', '127.0.0.1', 'Content-Length: 0\r\n'),
      'the admin API': await ask('GET /v1/status', '127.0.0.1'),
    }
    assert.equal(answers, {
      'own address': '200',
      'IPv6 loopback': '200',
      localhost: '200',
      HEAD: '200',
      'a rebound name': '403',
      'a name that looks like ours': '403',
      'a page': '403',
      'a page of any kind': '403',
      'a person at a browser': '200',
      POST: '405',
      'the admin API': '404',
    })
  }),
)

test(
  'an address for metrics that is taken keeps a daemon from starting when somebody has written it',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': '- {id: x.localhost, respond: {status: 200}}\n'})
    const first = await daemonIn(folder, {settings: SETTINGS})
    try {
      await daemonIn(folder, {settings: `state: ./other\nadmin: {http: "127.0.0.1:${portOf(first)}"}\n`})
      assert.unreachable()
    } catch (error) {
      assert.match(String(error), `127.0.0.1:${portOf(first)} is in use`)
    }
  }),
)

test.run()

// ---

function portOf(daemon: RunningDaemon): number {
  return Number(daemon.operations.status().metrics?.split(':').at(-1))
}

async function get(daemon: RunningDaemon, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${portOf(daemon)}${path}`, {headers: {connection: 'close'}})
  return `HTTP/1.1 ${response.status} ${response.statusText}\n${await response.text()}`
}

async function scrape(daemon: RunningDaemon) {
  const response = await fetch(`http://127.0.0.1:${portOf(daemon)}/metrics`, {headers: {connection: 'close'}})
  assert.is(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  return readExposition(await response.text())
}
