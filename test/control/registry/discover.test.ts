// Instances by DNS, asked of a real server over UDP.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../../src/base/scope.ts'
import {createDiscoverer, type Discovered} from '../../../src/control/registry/discover.ts'
import type {Discovery} from '../../../src/snapshot/snapshot.ts'
import {createFakeClock} from '../../helpers/clock.ts'
import {dnsServer} from '../../helpers/dns.ts'
import {scoped} from '../../helpers/scoped.ts'
import {until} from '../../helpers/until.ts'

const A: Discovery = {dns: 'orders.test', type: 'A', scheme: 'http', port: 8080, everyMs: 10_000}

async function setUp(scope: Scope, denyTargets: readonly string[] = []) {
  const clock = createFakeClock()
  const {zone, asked, address} = await dnsServer(scope)
  const changes: Discovery[] = []
  const warnings: unknown[] = []
  const log = {debug() {}, info() {}, error() {}, warn: (_: string, fields: unknown) => void warnings.push(fields)}
  const onChange = (discovery: Discovery) => void changes.push(discovery)
  const discoverer = createDiscoverer({clock, log, denyTargets, servers: [address], onChange})
  scope.defer(() => discoverer.close())
  const places = (discovery: Discovery) => discoverer.found(discovery).map(placeOf)
  return {clock, zone, asked, changes, warnings, discoverer, places}
}

function placeOf({host, port, weight, isBackup}: Discovered): string {
  return `${host}:${port}${weight === 1 ? '' : `*${weight}`}${isBackup ? ' backup' : ''}`
}

test(
  'the addresses of a name are instances, in a stable order',
  scoped(async scope => {
    const {zone, discoverer, places} = await setUp(scope)
    zone.set('A orders.test', ['10.0.0.2', '10.0.0.1'])
    zone.set('AAAA orders.test', ['fd00:0:0:0:0:0:0:1'])
    const six = {...A, type: 'AAAA'} as const
    await discoverer.watch([A, six])
    assert.equal(places(A), ['10.0.0.1:8080', '10.0.0.2:8080'])
    assert.equal(places(six), ['fd00::1:8080'])
  }),
)

test(
  'SRV brings ports and weights; who has another priority than the lowest stands by',
  scoped(async scope => {
    const {zone, discoverer, places} = await setUp(scope)
    const srv = {...A, dns: '_http._tcp.orders.test', type: 'SRV', port: 0} as const
    zone.set('SRV _http._tcp.orders.test', [
      {name: 'b.orders.test', port: 81, priority: 10, weight: 60},
      {name: 'A.orders.test', port: 80, priority: 10, weight: 0},
      {name: 'c.orders.test', port: 82, priority: 20, weight: 5},
    ])
    await discoverer.watch([srv])
    assert.equal(places(srv), ['a.orders.test:80', 'b.orders.test:81*60', 'c.orders.test:82*5 backup'])
  }),
)

test(
  'a change is found when it is time to look, and only a change is told',
  scoped(async scope => {
    const {zone, asked, clock, changes, discoverer, places} = await setUp(scope)
    zone.set('A orders.test', ['10.0.0.1', '10.0.0.2'])
    await discoverer.watch([A])
    zone.set('A orders.test', ['10.0.0.2', '10.0.0.1'])
    await clock.advance(10_000)
    await until('the second look', () => asked.length === 2)
    zone.set('A orders.test', ['10.0.0.2'])
    await until('the third look', async () => {
      await clock.advance(10_000)
      return places(A).join() === '10.0.0.2:8080'
    })
    assert.is(changes.length, 2)
  }),
)

test(
  'when DNS fails the last answer is kept, and said once; a name without records is nobody',
  scoped(async scope => {
    const {zone, asked, clock, warnings, changes, discoverer, places} = await setUp(scope)
    zone.set('A orders.test', ['10.0.0.1'])
    await discoverer.watch([A])
    zone.set('A orders.test', 'SERVFAIL')
    await until('it to be asked in vain', async () => {
      await clock.advance(10_000)
      return warnings.length > 0 && asked.length > 3
    })
    assert.equal([places(A), changes.length, warnings.length], [['10.0.0.1:8080'], 1, 1])
    assert.match(JSON.stringify(warnings[0]), /orders\.test: ESERVFAIL, the last answer is kept/)
    for (const nobody of ['NXDOMAIN', []] as const) {
      zone.set('A orders.test', nobody)
      await until('nobody', async () => {
        await clock.advance(10_000)
        return places(A).length === 0
      })
      zone.set('A orders.test', ['10.0.0.1'])
      await until('somebody', async () => {
        await clock.advance(10_000)
        return places(A).length === 1
      })
    }
  }),
)

test(
  'a server that is silent keeps nobody waiting for more than 2 s',
  scoped(async scope => {
    const {zone, asked, clock, discoverer, places} = await setUp(scope)
    zone.set('A orders.test', 'silent')
    let isDone = false
    const watched = discoverer.watch([A]).then(() => {
      isDone = true
    })
    await until('the question', () => asked.length > 0)
    assert.is(isDone, false)
    await clock.advance(2_000)
    await watched
    assert.equal(places(A), [])
  }),
)

test(
  'addresses that are denied are left out, and the reason is said',
  scoped(async scope => {
    const {zone, discoverer, places, warnings} = await setUp(scope, ['169.254.0.0/16'])
    zone.set('A orders.test', ['169.254.169.254', '10.0.0.1'])
    await discoverer.watch([A])
    assert.equal(places(A), ['10.0.0.1:8080'])
    assert.match(JSON.stringify(warnings), /orders\.test leads to an address in permit\.denyTargets/)
  }),
)

test(
  'a reload keeps the answers of what is still asked for and forgets the others',
  scoped(async scope => {
    const {zone, asked, clock, discoverer, places} = await setUp(scope)
    zone.set('A orders.test', ['10.0.0.1'])
    zone.set('A users.test', ['10.0.0.2'])
    const users = {...A, dns: 'users.test'}
    await discoverer.watch([A, users])
    await discoverer.watch([A])
    assert.equal([places(A), places(users), asked.length], [['10.0.0.1:8080'], [], 2])
    await clock.advance(60_000)
    await until('it to be asked again', () => asked.filter(key => key === 'A orders.test').length > 1)
    assert.is(asked.filter(key => key === 'A users.test').length, 1)
  }),
)

test.run()
