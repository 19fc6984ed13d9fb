// Instances that DNS knows, through the daemon: live, beside the declared ones, and through an outage of DNS.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {exchange, getAndClose} from '../helpers/client.ts'
import {daemonIn} from '../helpers/daemon.ts'
import {dnsServer, type Srv} from '../helpers/dns.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {type Origin, originThatAnswers} from '../helpers/origin.ts'
import {until} from '../helpers/until.ts'

function named(folder: Folder, name: string): Promise<Origin> {
  return originThatAnswers(folder.scope, `HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${name}`)
}

const record = ({port}: Origin, more: Partial<Srv> = {}): Srv => ({name: 'orders.localhost', port, ...more})

// A service of what SRV says, and `declared`, behind x.localhost.
async function discovering(folder: Folder, zone: readonly Srv[], declared: readonly Origin[] = []) {
  const dns = await dnsServer(folder.scope)
  dns.zone.set('SRV orders.test', zone)
  const instances = JSON.stringify(declared.map(({url}) => url))
  await folder.write({
    'routes.d/a.yaml': `routes: [{id: x.localhost, service: orders}]\nservices: [{slug: orders, instances: ${instances}, discover: {dns: orders.test, type: SRV, every: 1s}}]\n`,
  })
  const daemon = await daemonIn(folder, {servers: [dns.address]})
  const answers = async () => {
    const all = new Set<string>()
    for (let i = 0; i < 10; i++) {
      const text = await exchange(folder.scope, daemon.port, getAndClose('/'))
      all.add(text.startsWith('HTTP/1.1 200') ? text.slice(-1) : text.slice(9, 12))
    }
    return [...all].sort().join(' ')
  }
  return {dns, daemon, answers}
}

test(
  'what DNS names takes requests from the start, and changes are live',
  withFolder(async folder => {
    const [a, b, c] = [await named(folder, 'a'), await named(folder, 'b'), await named(folder, 'c')]
    const {dns, answers} = await discovering(folder, [record(b)], [a])
    assert.is(await answers(), 'a b')
    dns.zone.set('SRV orders.test', [record(b), record(c), record(a)])
    await until('c', async () => (await answers()) === 'a b c')
    dns.zone.set('SRV orders.test', 'NXDOMAIN')
    await until('the declared one alone', async () => (await answers()) === 'a')
  }),
)

test(
  'another priority stands by, and an outage of DNS changes nothing, not even with a reload',
  withFolder(async folder => {
    const [a, b] = [await named(folder, 'a'), await named(folder, 'b')]
    const {dns, daemon, answers} = await discovering(folder, [record(a), record(b, {priority: 9})])
    assert.is(await answers(), 'a')
    dns.zone.set('SRV orders.test', 'SERVFAIL')
    const asked = dns.asked.length
    await folder.write({'routes.d/b.yaml': 'id: y.localhost\nservice: orders\n'})
    await until('the reload', () => daemon.operations.routes().length === 2)
    await until('DNS to be asked again', () => dns.asked.length > asked + 2)
    assert.is(await answers(), 'a')
    await a.close()
    await until('the one that stands by', async () => (await answers()) === 'b')
  }),
)

test(
  'a DNS that nobody answers for does not keep the daemon from starting',
  withFolder(async folder => {
    const a = await named(folder, 'a')
    await folder.write({
      'routes.d/a.yaml': `routes: [{id: x.localhost, service: s}]\nservices: [{slug: s, instances: ["${a.url}"], discover: {dns: s.test, port: 80}}]\n`,
    })
    const dns = await dnsServer(folder.scope)
    dns.zone.set('A s.test', 'silent')
    const daemon = await daemonIn(folder, {servers: [dns.address]})
    assert.match(await exchange(folder.scope, daemon.port, getAndClose('/')), /a$/)
    assert.is(daemon.operations.status().health.state, 'Healthy')
  }),
)

test.run()
