// An operator gives an instance another share of the requests, with the real program.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {InstanceRow, Status} from '../../src/admin/protocol.ts'
import {exchange, getAndClose} from '../helpers/client.ts'
import {command, startIn} from '../helpers/command.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {type Origin, originThatAnswers} from '../helpers/origin.ts'
import {until} from '../helpers/until.ts'

async function start(folder: Folder) {
  const daemon = startIn(folder, ['run'])
  const ready = await daemon.line(/^routesd ready /)
  return {daemon, port: Number(/ http=127\.0\.0\.1:(\d+) /.exec(ready)?.[1])}
}

const settings = 'workers: 2\nlisten: {http: "127.0.0.1:0", service: off}\nadmin: {http: off}\n'

// a weighs 1 and b 3, in a service for each way to balance.
function yamlOf({url: a}: Origin, {url: b}: Origin): string {
  const ways = ['round-robin', 'least-connections', 'random-two', 'hash']
  const instances = `[{url: "${a}", weight: 1}, {url: "${b}", weight: 3}]`
  const services = ways.map(way => `- {slug: ${way}, balance: ${way}, hashBy: uri, instances: ${instances}}`)
  const routes = ways.map(way => `- {id: x.localhost/${way}, service: ${way}}`)
  return `routes:\n${routes.join('\n')}\nservices:\n${services.join('\n')}\n`
}

function named(scope: Folder['scope'], name: string): Promise<Origin> {
  return originThatAnswers(scope, `HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${name}`)
}

// How many of `times` requests a has answered.
async function shareOfA(folder: Folder, port: number, way: string, times = 80): Promise<number> {
  let count = 0
  for (let i = 0; i < times; i++) {
    const text = await exchange(folder.scope, port, getAndClose(`/${way}/${i}`))
    assert.match(text, /^HTTP\/1\.1 200/)
    if (text.endsWith('a')) count++
  }
  return count
}

async function routesd(folder: Folder, ...args: readonly string[]): Promise<string> {
  const {code, stdout, stderr} = await command(args, {cwd: folder.path})
  assert.is(code, 0, `${args.join(' ')}: ${stderr}`)
  return stdout
}

test(
  'a weight holds at once for every way to balance, over a reload and a restart, shows as drift, and is lifted',
  withFolder(async folder => {
    const [a, b] = [await named(folder.scope, 'a'), await named(folder.scope, 'b')]
    await folder.write({'routesd.yaml': settings, 'routes.d/a.yaml': yamlOf(a, b)})
    const first = await start(folder)
    assert.is(await shareOfA(folder, first.port, 'round-robin'), 20)

    const id = (way: string) => `${way}@127.0.0.1:${a.port}`
    for (const way of ['least-connections', 'random-two', 'hash'])
      await routesd(folder, 'instances', 'weight', id(way), '0')
    const said = await routesd(folder, 'instances', 'weight', id('round-robin'), '9', '--for', '20m', '--why', 'canary')
    assert.match(said, /^round-robin@127\.0\.0\.1:\d+ weighs 9 \(was 1\) for 20m, until \d{4}-/)
    assert.is(await shareOfA(folder, first.port, 'round-robin'), 60)
    for (const way of ['least-connections', 'random-two', 'hash'])
      assert.is(await shareOfA(folder, first.port, way, 20), 0, way)

    const status = JSON.parse(await routesd(folder, 'status', '-o', 'json')) as Status
    const [drift] = status.conditions
    assert.equal([drift?.type, drift?.reason, status.health.state], ['Drift', 'Reweighted', 'Healthy'])
    assert.match(
      drift?.message ?? '',
      /^4 instances have another weight by an operator: .* weighs 9 until .*\(canary\)/,
    )
    assert.match(
      await routesd(folder, 'instances', 'ls', 'round-robin'),
      /^round-robin@127\.0\.0\.1:\d+ +round-robin +up +9 \(was 1\) .* weighs 9 by \S+ until \S+: canary\n.* up +3 /m,
    )

    await folder.write({'routes.d/b.yaml': '- {id: y.localhost, respond: {status: 204}}\n'})
    const changed = () =>
      exchange(folder.scope, first.port, 'GET / HTTP/1.1\r\nHost: y.localhost\r\nConnection: close\r\n\r\n')
    await until('the reload', async () => (await changed()).startsWith('HTTP/1.1 204'), 30_000)
    assert.is(await shareOfA(folder, first.port, 'round-robin'), 60)

    await first.daemon.stop()
    const second = await start(folder)
    assert.is(await shareOfA(folder, second.port, 'round-robin'), 60)
    const rows = JSON.parse(await routesd(folder, 'instances', 'ls', '-o', 'json')) as InstanceRow[]
    const row = rows.find(other => other.id === id('hash'))
    assert.equal([row?.weight, row?.configuredWeight], [0, 1])

    assert.match(await routesd(folder, 'instances', 'unweight', id('round-robin')), /has the weight again/)
    assert.is(await shareOfA(folder, second.port, 'round-robin'), 20)
    await routesd(folder, 'instances', 'unweight', id('hash'))
    const byHash = await shareOfA(folder, second.port, 'hash', 40)
    assert.ok(byHash > 0 && byHash < 30, `${byHash}`)
  }),
)

test(
  'what is no weight or no instance is said, and an end comes by itself',
  withFolder(async folder => {
    const [a, b] = [await named(folder.scope, 'a'), await named(folder.scope, 'b')]
    await folder.write({'routesd.yaml': settings, 'routes.d/a.yaml': yamlOf(a, b)})
    const {port} = await start(folder)
    const id = `hash@127.0.0.1:${a.port}`
    const refused = async (...args: string[]) => {
      const {code, stderr} = await command(['instances', 'weight', ...args], {cwd: folder.path})
      assert.is.not(code, 0)
      return stderr
    }
    assert.match(await refused(id, 'heavy'), /'heavy' is not a weight \(a whole number from 0 to 1000\)/)
    assert.match(await refused(id, '1001'), /'weight' is a whole number from 0 to 1000/)
    assert.match(await refused('hush@127.0.0.1:1', '1'), /there is no instance 'hush@127\.0\.0\.1:1'/)
    assert.match(await routesd(folder, 'instances', 'unweight', id), /had no other weight/)

    await routesd(folder, 'instances', 'weight', `round-robin@127.0.0.1:${a.port}`, '0', '--for', '1s')
    await until('the end', async () => (await shareOfA(folder, port, 'round-robin', 8)) > 0, 30_000)
    const status = JSON.parse(await routesd(folder, 'status', '-o', 'json')) as Status
    assert.equal(status.conditions, [])
  }),
)

test.run()
