// An operator takes an instance out of traffic, with the real program.

import type {Socket} from 'node:net'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createAdminClient} from '../../src/admin/client.ts'
import type {Event, InstanceRow, Status} from '../../src/admin/protocol.ts'
import {clientOf, exchange, getAndClose} from '../helpers/client.ts'
import {command, type RunningCommand, startIn} from '../helpers/command.ts'
import {daemonIn} from '../helpers/daemon.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {OK, type Origin, originOf, originThatAnswers} from '../helpers/origin.ts'
import {until} from '../helpers/until.ts'

type Running = {readonly daemon: RunningCommand; readonly port: number}

async function start(folder: Folder): Promise<Running> {
  const daemon = startIn(folder, ['run'])
  const ready = await daemon.line(/^routesd ready /)
  return {daemon, port: Number(/ http=127\.0\.0\.1:(\d+) /.exec(ready)?.[1])}
}

// x.localhost goes to a service of these instances.
async function writeService(folder: Folder, origins: readonly Origin[], settings = ''): Promise<void> {
  await folder.write({
    'routesd.yaml': `workers: 2\nlisten: {http: "127.0.0.1:0", service: off}\nadmin: {http: off}\n${settings}`,
    'routes.d/a.yaml': yamlOf(origins),
  })
}

function yamlOf(origins: readonly Origin[]): string {
  const urls = origins.map(({url}) => JSON.stringify(url)).join(', ')
  return `routes: [{id: x.localhost, service: orders}]\nservices: [{slug: orders, instances: [${urls}]}]\n`
}

async function routesd(folder: Folder, ...args: readonly string[]): Promise<string> {
  const {code, stdout, stderr} = await command(args, {cwd: folder.path})
  assert.is(code, 0, `${args.join(' ')}: ${stderr}`)
  return stdout
}

async function statusOf(folder: Folder): Promise<Status> {
  return JSON.parse(await routesd(folder, 'status', '-o', 'json')) as Status
}

async function rowsOf(folder: Folder): Promise<InstanceRow[]> {
  return JSON.parse(await routesd(folder, 'instances', 'ls', '-o', 'json')) as InstanceRow[]
}

function named(scope: Folder['scope'], name: string): Promise<Origin> {
  return originThatAnswers(scope, `HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`)
}

async function whoAnswers(folder: Folder, port: number, times: number): Promise<string[]> {
  const answers: string[] = []
  for (let i = 0; i < times; i++) {
    const text = await exchange(folder.scope, port, getAndClose('/'))
    answers.push(text.startsWith('HTTP/1.1 200') ? text.slice(-1) : text.slice(9, 12))
  }
  return answers
}

const idOf = ({port}: Origin) => `orders@127.0.0.1:${port}`

test(
  'a drained instance finishes what it has and gets nothing new, until it is undrained',
  withFolder(async folder => {
    const held: Socket[] = []
    const slow = await originOf(folder.scope, (socket, text) => {
      if (text.startsWith('GET /hold')) held.push(socket)
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na')
    })
    const other = await named(folder.scope, 'b')
    await writeService(folder, [slow, other])
    const {port} = await start(folder)

    const waiting = await Promise.all([clientOf(folder.scope, port), clientOf(folder.scope, port)])
    for (const client of waiting) client.send('GET /hold HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    await until('one request at each instance', () => held.length === 1)

    const said = await routesd(folder, 'instances', 'drain', idOf(slow), '--for', '10m', '--why', 'new version')
    assert.match(said, new RegExp(`^${idOf(slow)} is drained for 10m, until \\d{4}-.*Z\n$`))
    assert.equal(new Set(await whoAnswers(folder, port, 10)), new Set(['b']))
    const [row] = await rowsOf(folder)
    assert.equal([row?.id, row?.state, row?.inFlight], [idOf(slow), 'draining', 1])
    assert.match(row?.reason ?? '', /^drained by .+ until .+: new version$/)
    assert.type(row?.lastChange, 'string')
    const {health, conditions} = await statusOf(folder)
    assert.is(health.state, 'Healthy')
    assert.equal(
      conditions.map(({type, reason}) => [type, reason]),
      [['Drift', 'Drained']],
    )
    assert.match(conditions[0]?.message ?? '', /^1 instance is drained by an operator: orders@\S+ until .*new version/)

    held[0]?.write(OK)
    await Promise.any(waiting.map(client => client.until(/\r\n\r\nok$/)))

    assert.is(await routesd(folder, 'instances', 'undrain', idOf(slow)), `${idOf(slow)} is no longer drained\n`)
    assert.equal(new Set(await whoAnswers(folder, port, 10)), new Set(['a', 'b']))
    assert.equal((await statusOf(folder)).conditions, [])
  }),
)

test(
  'a drain outlives a daemon that is killed, and ends when its time is up',
  withFolder(async folder => {
    const [a, b] = [await named(folder.scope, 'a'), await named(folder.scope, 'b')]
    await writeService(folder, [a, b])
    const first = await start(folder)
    await routesd(folder, 'instances', 'drain', idOf(a), '--for', '10m')
    first.daemon.child.kill('SIGKILL')
    await first.daemon.ended
    const second = await start(folder)
    assert.equal(new Set(await whoAnswers(folder, second.port, 10)), new Set(['b']))
    assert.is((await rowsOf(folder))[0]?.state, 'draining')

    // How long a kill and a start take is not known, so that of a short one only the end is looked at.
    await routesd(folder, 'instances', 'drain', idOf(a), '--for', '4s')
    second.daemon.child.kill('SIGKILL')
    await second.daemon.ended
    const {port} = await start(folder)
    await until('the drain to end', async () => (await whoAnswers(folder, port, 2)).includes('a'))
    assert.is((await rowsOf(folder))[0]?.state, 'up')
    assert.equal((await statusOf(folder)).conditions, [])
  }),
)

test(
  'the only instance that is drained leaves 503 and Degraded, and both end with the drain',
  withFolder(async folder => {
    const only = await named(folder.scope, 'a')
    await writeService(folder, [only])
    const {port} = await start(folder)
    const {code, stderr} = await command(['instances', 'drain', idOf(only)], {cwd: folder.path})
    assert.is(code, 0)
    assert.match(stderr, /^orders has no usable instance now; its requests are answered with 503\n$/)
    assert.equal(await whoAnswers(folder, port, 1), ['503'])
    assert.equal((await statusOf(folder)).health, {state: 'Degraded', message: 'orders has no usable instance'})
    assert.equal(JSON.parse(await routesd(folder, 'services', 'ls', '-o', 'json')), [
      {slug: 'orders', balance: 'round-robin', instances: 1, usable: 0},
    ])
    await routesd(folder, 'instances', 'undrain', idOf(only))
    assert.equal(await whoAnswers(folder, port, 1), ['a'])
    assert.equal((await statusOf(folder)).health, {state: 'Healthy', message: ''})
  }),
)

test(
  'an instance that a reload takes out and brings back is drained still, and the status says where it is',
  withFolder(async folder => {
    const [a, b] = [await named(folder.scope, 'a'), await named(folder.scope, 'b')]
    await writeService(folder, [a, b])
    const {operations, port} = await daemonIn(folder)
    const serves = (count: number) => until('the reload', () => operations.instances().length === count)
    await operations.drain(idOf(a), {forMs: 600_000, who: 'ada', why: ''})
    await folder.write({'routes.d/a.yaml': yamlOf([b])})
    await serves(1)
    const drift = operations.status().conditions.find(({type}) => type === 'Drift')
    assert.match(drift?.message ?? '', /^1 instance is drained and is not in the configuration any more: orders@/)
    await folder.write({'routes.d/a.yaml': yamlOf([a, b])})
    await serves(2)
    assert.equal(new Set(await whoAnswers(folder, port, 10)), new Set(['b']))

    // Lifted while it is gone, it comes back to traffic.
    await folder.write({'routes.d/a.yaml': yamlOf([b])})
    await serves(1)
    const lifted = await operations.undrain(idOf(a))
    assert.ok('answer' in lifted && lifted.answer.lifted !== null)
    await folder.write({'routes.d/a.yaml': yamlOf([a, b])})
    await serves(2)
    assert.equal(new Set(await whoAnswers(folder, port, 10)), new Set(['a', 'b']))
  }),
)

test(
  'an instance that its check finds down is down with the reason, and a drain of the other leaves nobody',
  withFolder(async folder => {
    const [well, ill] = [
      await originThatAnswers(folder.scope, OK),
      await originThatAnswers(folder.scope, 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n'),
    ]
    const check = 'health: {path: /health, interval: 50ms, timeout: 10s, fall: 2, rise: 1}'
    await folder.write({'routes.d/a.yaml': yamlOf([well, ill]).replace('slug: orders', `slug: orders, ${check}`)})
    const {operations} = await daemonIn(folder)
    const row = await until('the verdict', () => operations.instances().find(({state}) => state === 'down'))
    assert.is(row.id, idOf(ill))
    assert.match(row.reason, /^\d+ checks failed: status 503/)
    assert.type(row.lastChange, 'string')
    await until('the other verdict', () => operations.instances().some(({state}) => state === 'up'))
    assert.equal(operations.services(), [{slug: 'orders', balance: 'round-robin', instances: 2, usable: 1}])
    assert.is(operations.status().health.state, 'Healthy')
    await operations.drain(idOf(well), {forMs: 600_000, who: '', why: ''})
    assert.equal(operations.status().health, {state: 'Degraded', message: 'orders has no usable instance'})
  }),
)

test(
  'changes of instances are events, and so is the health that follows from them',
  withFolder(async folder => {
    const addresses: Record<string, string[]> = {'app.test': ['127.0.0.1']}
    const origin = await named(folder.scope, 'a')
    await folder.write({'routes.d/a.yaml': `- id: x.localhost\n  target: http://app.test:${origin.port}\n`})
    const {operations, stop} = await daemonIn(folder, {resolve: async host => addresses[host] ?? []})
    const id = operations.instances()[0]?.id ?? ''
    assert.equal(operations.instances()[0], {
      id: `http://app.test:${origin.port}@app.test:${origin.port}`,
      service: `http://app.test:${origin.port}`,
      url: `http://app.test:${origin.port}`,
      state: 'up',
      weight: 1,
      configuredWeight: 1,
      inFlight: 0,
      requests: 0,
      errors: 0,
      latencyMs: null,
      lastChange: null,
      reason: '',
    })
    const events: Event[] = []
    const reading = (async () => {
      for await (const event of createAdminClient(folder.at('.routesd/admin.sock')).events()) events.push(event)
    })()
    await until('the snapshot', () => events.length > 0)
    await operations.drain(id, {forMs: 600_000, who: '', why: ''})
    const event = await until('the event', () => events.find(({type}) => type === 'instances'))
    assert.ok(event.type === 'instances')
    assert.equal([event.changed.map(row => [row.id, row.state]), event.more], [[[id, 'draining']], 0])
    await until('Degraded', () =>
      events.some(told => told.type === 'status' && told.status.health.state === 'Degraded'),
    )
    assert.is(events.filter(({type}) => type === 'instances').length, 1)
    await stop()
    await reading
  }),
)

test.run()
