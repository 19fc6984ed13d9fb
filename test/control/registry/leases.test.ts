import {readFile, writeFile} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Clock} from '../../../src/base/clock.ts'
import {silentLog} from '../../../src/base/log.ts'
import {readPlace} from '../../../src/control/place.ts'
import {createLeaseFile} from '../../../src/control/registry/lease-file.ts'
import {createLeases, type Leases} from '../../../src/control/registry/leases.ts'
import {readRegistration} from '../../../src/control/registry/registration.ts'
import {createFakeClock} from '../../helpers/clock.ts'
import {type Folder, withFolder} from '../../helpers/folder.ts'
import {until} from '../../helpers/until.ts'

const READ = readPlace(['169.254.0.0/16'])
const at = (url: string) => readRegistration({url}, READ)

// Leases of 60 s, and the services whose instances changed.
async function leasesIn(folder: Folder, clock: Clock, options: {denied?: readonly string[]} = {}) {
  const changes: string[] = []
  const file = createLeaseFile(folder.at('registry.json'), clock, silentLog, readPlace(options.denied ?? []))
  const leases = createLeases({clock, ttlMs: 60_000, file, onChange: slug => void changes.push(slug)})
  await leases.load()
  return {leases, changes}
}

const urls = (leases: Leases, slug = 's') => leases.of(slug).map(({place}) => place.url)

test(
  'a lease lasts for its ttl and no longer',
  withFolder(async folder => {
    const clock = createFakeClock()
    const {leases, changes} = await leasesIn(folder, clock)
    leases.put('s', at('http://10.0.0.1'))
    await clock.advance(59_000)
    assert.equal(urls(leases), ['http://10.0.0.1:80'])
    await clock.advance(2_000)
    assert.equal([urls(leases), changes], [[], ['s', 's']])
    await leases.close()
  }),
)

test(
  'registering again and a health check that passes both renew it, and neither is a change',
  withFolder(async folder => {
    const clock = createFakeClock()
    const {leases, changes} = await leasesIn(folder, clock)
    const {id} = leases.put('s', at('https://a.test'))
    await clock.advance(50_000)
    assert.is(leases.put('s', at('https://a.test/')).id, id)
    await clock.advance(50_000)
    leases.renew('https://a.test:443#abcd1234')
    leases.renew('http://nobody:80')
    await clock.advance(50_000)
    assert.equal([urls(leases), changes], [['https://a.test:443'], ['s']])
    assert.is(leases.get(id)?.heartbeatMs, clock.now() - 50_000)
    await leases.close()
  }),
)

test(
  'a clock that jumps, forth or back, drops nobody, and leases still end',
  withFolder(async folder => {
    const clock = createFakeClock()
    let offsetMs = 0
    const {leases} = await leasesIn(folder, {...clock, now: () => clock.now() + offsetMs})
    leases.put('s', at('http://10.0.0.1'))
    await clock.advance(10_000)
    for (const jumpMs of [86_400_000, -172_800_000, 86_400_000]) {
      offsetMs += jumpMs
      await clock.advance(10_000)
      assert.is(leases.of('s').length, 1, String(jumpMs))
    }
    await clock.advance(30_000)
    assert.is(leases.of('s').length, 0)
    await leases.close()
  }),
)

test(
  'a restart keeps what is left of a lease',
  withFolder(async folder => {
    const clock = createFakeClock()
    const first = await leasesIn(folder, clock)
    first.leases.put('s', {...at('http://10.0.0.1/base'), tags: ['a'], deploymentId: 'd'})
    await clock.advance(20_000)
    first.leases.put('s', at('http://10.0.0.2'))
    await first.leases.close()
    await clock.advance(30_000)
    const second = await leasesIn(folder, clock)
    assert.equal(urls(second.leases), ['http://10.0.0.1:80/base', 'http://10.0.0.2:80'])
    const [lease] = second.leases.of('s')
    assert.equal([lease?.tags, lease?.deploymentId], [['a'], 'd'])
    await clock.advance(11_000)
    assert.equal(urls(second.leases), ['http://10.0.0.2:80'])
    await second.leases.close()
    await clock.advance(60_000)
    const third = await leasesIn(folder, clock)
    assert.equal(urls(third.leases), [])
    await third.leases.close()
  }),
)

test('a renewal is to be on disk long before the lease would have ended, so that a crash does not lose it', async () => {
  for (const [ttlMs, mostMs] of [
    [4_000, 1_000],
    [60_000, 5_000],
  ] as const) {
    const within: number[] = []
    const file = {read: async () => [], write: (_: unknown, ms: number) => void within.push(ms), close: async () => {}}
    const leases = createLeases({clock: createFakeClock(), ttlMs, file, onChange: () => {}})
    leases.put('s', at('http://10.0.0.1'))
    leases.put('s', at('http://10.0.0.1'))
    leases.renew('http://10.0.0.1:80')
    assert.equal(within, [200, mostMs, mostMs])
    await leases.close()
  }
})

test(
  'a change is on disk soon, many changes are one write, and a file that is no good is passed over',
  withFolder(async folder => {
    const clock = createFakeClock()
    const {leases} = await leasesIn(folder, clock)
    for (let i = 1; i <= 50; i++) leases.put('s', at(`http://10.0.0.${i}`))
    await clock.advance(200)
    const text = () => readFile(folder.at('registry.json'), 'utf8').catch(() => '')
    await until('the file', async () => (await text()).includes('10.0.0.50'))
    await leases.close()
    const good = await text()
    const {leases: list} = JSON.parse(good) as {leases: unknown[]}
    await writeFile(folder.at('registry.json'), JSON.stringify({leases: [...list.slice(0, 2), 7, {id: 'x'}]}))
    const some = await leasesIn(folder, clock)
    assert.is(some.leases.of('s').length, 2)
    await some.leases.close()
    const denied = await leasesIn(folder, clock, {denied: ['10.0.0.0/8']})
    assert.is(denied.leases.of('s').length, 0)
    await denied.leases.close()
    await writeFile(folder.at('registry.json'), good.slice(0, 100))
    const none = await leasesIn(folder, clock)
    assert.is(none.leases.of('s').length, 0)
    await none.leases.close()
  }),
)

test(
  'a service has at most 1,000, and who is there already may always renew',
  withFolder(async folder => {
    const {leases} = await leasesIn(folder, createFakeClock())
    for (let i = 0; i < 1_000; i++) leases.put('s', at(`http://10.0.${i >> 8}.${i & 255}`))
    assert.throws(() => leases.put('s', at('http://10.9.9.9')), /s has 1000 registered instances/)
    leases.put('s', at('http://10.0.0.0'))
    leases.put('t', at('http://10.9.9.9'))
    assert.is(leases.remove('s@10.0.0.0:80'), true)
    assert.is(leases.remove('s@10.0.0.0:80'), false)
    leases.put('s', at('http://10.9.9.9'))
    await leases.close()
  }),
)

test.run()
