// Instances over the shared memory of a real data plane that has no workers yet, with the time in the test's hand.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {EventBody} from '../../src/admin/protocol.ts'
import {silentLog} from '../../src/base/log.ts'
import {createInstances} from '../../src/control/instances.ts'
import {createDataPlane} from '../../src/proxy/plane.ts'
import type {DataPlane} from '../../src/snapshot/data-plane.ts'
import type {Snapshot} from '../../src/snapshot/snapshot.ts'
import {createFakeClock} from '../helpers/clock.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {EDGE} from '../helpers/proxy.ts'
import {compiled} from '../helpers/written.ts'

const TURN_MS = 250
const WISH = {forMs: 600_000, who: 'ada', why: ''}

async function instancesIn(folder: Folder, change: (plane: DataPlane) => Partial<DataPlane> = () => ({})) {
  const clock = createFakeClock()
  const plane = createDataPlane({workers: 2, http: null, edge: EDGE, clock, log: silentLog})
  const events: (EventBody | null)[] = []
  const instances = createInstances({
    state: folder.path,
    clock,
    log: silentLog,
    plane: {...plane, ...change(plane)},
    verdictOf: () => null,
    onChange: event => events.push(event),
  })
  folder.scope.defer(() => instances.close())
  await instances.load()
  const changes = () => events.flatMap(event => (event?.type === 'instances' ? [event] : []))
  return {instances, plane, clock, events, changes}
}

// One target for each name, at x.localhost/<index>.
function targets(count: number, name = (index: number) => `app-${index}`): Snapshot {
  const routes = Array.from(
    {length: count},
    (_, index) => `- {id: x.localhost/${index}, target: "http://${name(index)}:80"}`,
  )
  return compiled({'a.yaml': `${routes.join('\n')}\n`})
}

function service(...hosts: readonly string[]): Snapshot {
  const urls = hosts.map(host => `"http://${host}:80"`).join(', ')
  return compiled({'a.yaml': `routes: [{id: x.localhost, service: s}]\nservices: [{slug: s, instances: [${urls}]}]\n`})
}

test(
  'what changes within one turn is one event, with the state that it came to',
  withFolder(async folder => {
    const {instances, plane, clock, changes} = await instancesIn(folder)
    for (const host of ['a', 'b', 'c']) plane.setAddresses(host, ['10.0.0.1'], '')
    await instances.apply(service('a', 'b', 'c'))
    await clock.advance(4 * TURN_MS)
    assert.equal(changes(), [])
    plane.setAddresses('a', [], 'a: ENOTFOUND')
    plane.setAddresses('b', [], 'b: ENOTFOUND')
    instances.instances()
    plane.setAddresses('b', ['10.0.0.1'], '')
    await clock.advance(TURN_MS)
    assert.is(changes().length, 1)
    const rows = changes()[0]?.changed.map(({id, state, reason}) => [id, state, reason])
    assert.equal(rows, [
      ['s@a:80', 'down', 'a: ENOTFOUND'],
      ['s@b:80', 'up', ''],
    ])
    assert.is(changes()[0]?.changed[0]?.lastChange, '2026-01-01T00:00:01.000Z')
    await clock.advance(4 * TURN_MS)
    assert.is(changes().length, 1)
  }),
)

test(
  'health is Degraded from the last usable instance on until there is one again, and each is told once',
  withFolder(async folder => {
    const {instances, plane, clock, events} = await instancesIn(folder)
    for (const host of ['a', 'b']) plane.setAddresses(host, ['10.0.0.1'], '')
    await instances.apply(service('a', 'b'))
    const told = () => events.filter(event => event === null).length
    plane.setAddresses('a', [], 'a: ENOTFOUND')
    await clock.advance(TURN_MS)
    assert.equal([instances.health().state, told()], ['Healthy', 0])
    plane.setAddresses('b', [], 'b: ENOTFOUND')
    assert.equal(instances.health(), {state: 'Degraded', message: 's has no usable instance'})
    await clock.advance(2 * TURN_MS)
    assert.is(told(), 1)
    plane.setAddresses('a', ['10.0.0.1'], '')
    await clock.advance(2 * TURN_MS)
    assert.equal([instances.health().state, told()], ['Healthy', 2])
    await instances.apply(targets(0))
    assert.equal([instances.instances(), instances.health().state], [[], 'Healthy'])
  }),
)

test(
  'of a large configuration a part is looked at in each turn, and an event has at most 100 rows',
  withFolder(async folder => {
    const {instances, plane, clock, changes} = await instancesIn(folder)
    const count = 5_000
    await instances.apply(targets(count, index => `10.0.${index >> 8}.${index & 255}`))
    await clock.advance(3 * TURN_MS)
    assert.equal([changes(), instances.health().state], [[], 'Healthy'])
    for (const {members} of targets(count, index => `10.0.${index >> 8}.${index & 255}`).pools) {
      for (const {key} of members) plane.setVerdict(key, true)
    }
    await clock.advance(TURN_MS)
    assert.equal(
      changes().map(({changed, more}) => [changed.length, more]),
      [[100, 1_900]],
    )
    await clock.advance(2 * TURN_MS)
    assert.equal(
      changes().map(({changed, more}) => changed.length + more),
      [2_000, 2_000, 1_000],
    )
    assert.match(instances.health().message, /and 4995 more have no usable instance$/)
  }),
)

test(
  'an instance that comes back drained is so before the workers hear of it',
  withFolder(async folder => {
    const drained: boolean[] = []
    const key = service('10.0.0.1').pools[0]?.members[0]?.key ?? ''
    const {instances} = await instancesIn(folder, plane => ({
      apply(snapshot) {
        drained.push(plane.memberState(key).isDrained)
        return plane.apply(snapshot)
      },
    }))
    await instances.apply(service('10.0.0.1', '10.0.0.2'))
    await instances.drain('s@10.0.0.1:80', WISH)
    await instances.apply(service('10.0.0.2'))
    await instances.apply(service('10.0.0.1', '10.0.0.2'))
    assert.equal(drained, [false, true, true])
    assert.equal(
      instances.instances().map(({state}) => state),
      ['draining', 'up'],
    )
  }),
)

test(
  'a drain that ends while a snapshot is handed over ends in both worlds',
  withFolder(async folder => {
    const handing = Promise.withResolvers<void>()
    let hold: Promise<void> | null = null
    const {instances, plane, clock} = await instancesIn(folder, real => ({
      apply: async snapshot => {
        await hold
        return real.apply(snapshot)
      },
    }))
    const both = service('10.0.0.1', '10.0.0.2')
    const keys = both.pools.flatMap(({members}) => members.map(({key}) => key))
    const drained = () => keys.map(key => plane.memberState(key).isDrained)
    await instances.apply(both)
    for (const id of ['s@10.0.0.1:80', 's@10.0.0.2:80']) await instances.drain(id, WISH)
    await instances.apply(service('10.0.0.1'))
    assert.equal(drained(), [true, false])
    hold = handing.promise
    const applied = instances.apply(service('10.0.0.2'))
    assert.equal(drained(), [true, true])
    await clock.advance(WISH.forMs)
    assert.equal(drained(), [false, false])
    handing.resolve()
    await applied
    assert.equal(
      instances.instances().map(({id, state}) => [id, state]),
      [['s@10.0.0.2:80', 'up']],
    )
  }),
)

test(
  'no more than 1,000 instances are drained at a time',
  withFolder(async folder => {
    const {instances} = await instancesIn(folder)
    await instances.apply(targets(1_001, index => `10.0.${index >> 8}.${index & 255}`))
    const leases = instances
      .instances()
      .map(({id}) => ({id, since: '2026-01-01T00:00:00.000Z', until: '2026-01-01T01:00:00.000Z', who: '', why: ''}))
    await folder.write({'overrides.json': JSON.stringify({version: 1, drains: leases.slice(0, 1_000)})})
    await instances.load()
    const refused = await instances.drain(leases[1_000]?.id ?? '', WISH)
    assert.ok('refused' in refused)
    assert.equal([refused.refused.status, refused.refused.code], [409, 'too-many'])
    assert.ok('answer' in (await instances.drain(leases[0]?.id ?? '', WISH)))
  }),
)

test.run()
