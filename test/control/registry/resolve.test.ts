import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createResolver, type Resolver, type ResolverParts} from '../../../src/control/registry/resolve.ts'
import {createFakeClock, type FakeClock} from '../../helpers/clock.ts'

test('a name has the addresses that were answered, IPv4 first and in a stable order', async () => {
  const {resolver, clock, changes, dns} = setUp()
  dns.set('orders', ['fd00::2', '10.0.0.2', '10.0.0.1', '10.0.0.2'])
  await resolver.watch(['orders'])
  assert.equal(changes, [['orders', ['10.0.0.1', '10.0.0.2', 'fd00::2'], '']])
  dns.set('orders', ['10.0.0.1', 'fd00::2', '10.0.0.2'])
  await clock.advance(30_000)
  assert.is(changes.length, 1, 'another order is no change')
})

test('a change is noticed within ten seconds', async () => {
  const {resolver, clock, changes, dns} = setUp()
  dns.set('orders', ['10.0.0.1'])
  await resolver.watch(['orders'])
  dns.set('orders', ['10.0.0.9'])
  await clock.advance(10_000)
  assert.equal(changes.at(-1), ['orders', ['10.0.0.9'], ''])
})

test('when DNS fails the last answer is kept and the reason is said, until it answers again', async () => {
  const {resolver, clock, changes, dns} = setUp()
  dns.set('orders', ['10.0.0.1'])
  await resolver.watch(['orders'])
  dns.delete('orders')
  await clock.advance(30_000)
  assert.equal(changes.slice(1), [['orders', ['10.0.0.1'], 'orders: ENOTFOUND, last answer kept']])
  dns.set('orders', ['10.0.0.1'])
  await clock.advance(10_000)
  assert.equal(changes.slice(2), [['orders', ['10.0.0.1'], '']])
})

test('a name that never resolved has no addresses and a reason, and comes up when it resolves', async () => {
  const {resolver, clock, changes, dns} = setUp()
  await resolver.watch(['ghost'])
  assert.equal(changes, [['ghost', [], 'ghost: ENOTFOUND']])
  dns.set('ghost', ['10.0.0.1'])
  await clock.advance(10_000)
  assert.equal(changes.at(-1), ['ghost', ['10.0.0.1'], ''])
})

test('localhost and what is below it are this machine, and addresses are themselves: nobody is asked', async () => {
  const {resolver, clock, changes, asked} = setUp()
  await resolver.watch(['localhost', 'x.localhost', '10.0.0.1', '::1'])
  assert.equal(changes, [
    ['localhost', ['127.0.0.1', '::1'], ''],
    ['x.localhost', ['127.0.0.1', '::1'], ''],
  ])
  await clock.advance(60_000)
  assert.equal(asked, [])
})

test('answers inside permit.denyTargets are dropped with a reason, also when mapped to IPv6', async () => {
  const {resolver, changes, dns} = setUp({denyTargets: ['169.254.0.0/16', 'fe80::/10', '127.0.0.1']})
  dns.set('meta', ['169.254.169.254'])
  dns.set('mapped', ['::ffff:169.254.169.254', '10.0.0.1'])
  dns.set('hex', ['::ffff:a9fe:a9fe'])
  dns.set('scoped', ['fe80::1%eth0'])
  await resolver.watch(['meta', 'mapped', 'hex', 'scoped', 'localhost'])
  const result = new Map(changes.map(([host, addresses, reason]) => [host, {addresses, reason}]))
  assert.equal(result.get('meta'), {addresses: [], reason: 'meta: 169.254.169.254 is in permit.denyTargets'})
  assert.equal(result.get('mapped')?.addresses, ['10.0.0.1'])
  assert.match(result.get('mapped')?.reason ?? '', /::ffff:169\.254\.169\.254 is in permit/)
  assert.equal(result.get('hex')?.addresses, [])
  assert.equal(result.get('scoped')?.addresses, [])
  assert.equal(result.get('localhost')?.addresses, ['::1'])
})

test('a name that now leads where it must not go loses its last answer', async () => {
  const {resolver, clock, changes, dns} = setUp({denyTargets: ['169.254.0.0/16']})
  dns.set('orders', ['10.0.0.1'])
  await resolver.watch(['orders'])
  dns.set('orders', ['169.254.169.254'])
  await clock.advance(10_000)
  assert.equal(changes.at(-1)?.[1], [])
  dns.delete('orders')
  await clock.advance(10_000)
  assert.equal(changes.at(-1), ['orders', [], 'orders: ENOTFOUND'])
})

test('the first answers are waited for, two seconds at most', async () => {
  const {resolver, clock, changes, dns} = setUp()
  dns.set('slow', 'never')
  dns.set('quick', ['10.0.0.1'])
  let ready = false
  void resolver.watch(['slow', 'quick']).then(() => {
    ready = true
  })
  await clock.advance(1_999)
  assert.equal([ready, changes.length], [false, 1])
  await clock.advance(1)
  assert.is(ready, true)
})

test('a lookup that hangs is given up after five seconds, not repeated meanwhile, and its late answer counts', async () => {
  const {resolver, clock, changes, dns, asked, answer} = setUp()
  dns.set('slow', 'never')
  void resolver.watch(['slow'])
  await clock.advance(5_000)
  assert.equal(changes, [['slow', [], 'slow: no answer from DNS within 5s']])
  await clock.advance(30_000)
  assert.is(asked.length, 1)
  answer('slow', ['10.0.0.1'])
  await clock.advance(0)
  assert.equal(changes.at(-1), ['slow', ['10.0.0.1'], ''])
  await clock.advance(10_000)
  assert.is(asked.length, 2)
})

test('no more than sixteen names are asked for at a time', async () => {
  const {resolver, clock, dns, asked, answer} = setUp()
  const hosts = Array.from({length: 40}, (_, n) => `host-${n}`)
  for (const host of hosts) dns.set(host, 'never')
  void resolver.watch(hosts)
  await clock.advance(0)
  assert.is(asked.length, 16)
  answer('host-3', ['10.0.0.3'])
  await clock.advance(0)
  assert.is(asked.length, 17)
  await clock.advance(5_000)
  assert.is(asked.length, 33, 'the places of those that hang are given to others')
})

test('names that are no longer wanted are forgotten, and their late answers too', async () => {
  const {resolver, clock, changes, dns, asked, answer} = setUp()
  dns.set('old', 'never')
  dns.set('new', ['10.0.0.1'])
  void resolver.watch(['old'])
  await resolver.watch(['new'])
  answer('old', ['10.0.0.9'])
  await clock.advance(20_000)
  assert.equal(changes, [['new', ['10.0.0.1'], '']])
  assert.equal(asked, ['old', 'new', 'new', 'new'])
})

test('a name that stays wanted is not asked again for that', async () => {
  const {resolver, dns, asked} = setUp()
  dns.set('a', ['10.0.0.1'])
  dns.set('b', ['10.0.0.2'])
  await resolver.watch(['a'])
  await resolver.watch(['a', 'b'])
  assert.equal(asked, ['a', 'b'])
})

test('a closed resolver asks nothing, says nothing and keeps nobody waiting', async () => {
  const {resolver, clock, changes, dns, asked} = setUp()
  dns.set('slow', 'never')
  const waiting = resolver.watch(['slow'])
  resolver.close()
  await waiting
  await clock.advance(60_000)
  assert.equal([changes.length, asked.length], [0, 1])
})

test('the system answers for a name of this machine', async () => {
  const changes: unknown[][] = []
  const resolver = createResolver({
    clock: createFakeClock(),
    denyTargets: [],
    onChange: (...change) => changes.push(change),
  })
  await resolver.watch(['name.that.does.not.exist.invalid'])
  resolver.close()
  assert.equal(changes[0]?.slice(0, 2), ['name.that.does.not.exist.invalid', []])
})

test.run()

// ---

type SetUp = {
  resolver: Resolver
  clock: FakeClock
  changes: [string, readonly string[], string][]
  dns: Map<string, string[] | 'never'>
  asked: string[]
  answer(host: string, addresses: string[]): void
}

function setUp(parts: Partial<ResolverParts> = {}): SetUp {
  const clock = createFakeClock()
  const changes: SetUp['changes'] = []
  const dns: SetUp['dns'] = new Map()
  const asked: string[] = []
  const open = new Map<string, (addresses: string[]) => void>()
  const lookup = (host: string): Promise<string[]> => {
    asked.push(host)
    const entry = dns.get(host)
    if (entry === 'never') return new Promise(resolve => open.set(host, resolve))
    if (entry) return Promise.resolve(entry)
    return Promise.reject(Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), {code: 'ENOTFOUND'}))
  }
  const onChange = (...change: SetUp['changes'][number]) => changes.push(change)
  const resolver = createResolver({clock, lookup, denyTargets: [], onChange, ...parts})
  return {resolver, clock, changes, dns, asked, answer: (host, addresses) => open.get(host)?.(addresses)}
}
