// From checks to who gets requests: instances on loopback, verdicts in the place of the workers' memory.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {systemClock} from '../../../src/base/clock.ts'
import type {Fields, Log} from '../../../src/base/log.ts'
import type {Scope} from '../../../src/base/scope.ts'
import {createHealth, type World} from '../../../src/control/health/health.ts'
import {OK, originOf, originThatAnswers} from '../../helpers/origin.ts'
import {scoped} from '../../helpers/scoped.ts'
import {until} from '../../helpers/until.ts'
import {compiled} from '../../helpers/written.ts'

const FAST = 'interval: 20ms, timeout: 10s'

function healthOf(scope: Scope) {
  /** Members that get no requests, in the order in which they were told. */
  const told: string[] = []
  const down = new Set<string>()
  const lines: {level: string; message: string; fields: Fields}[] = []
  const note =
    (level: string) =>
    (message: string, fields: Fields = {}) =>
      void lines.push({level, message, fields})
  const log: Log = {debug() {}, info: note('info'), warn: note('warn'), error: note('error')}
  const health = createHealth({
    clock: systemClock,
    log,
    addressesOf: host =>
      host === '127.0.0.1' ? {addresses: [host], reason: ''} : {addresses: [], reason: `${host}: ENOTFOUND`},
    setVerdict(member, isDown) {
      told.push(`${member} ${isDown ? 'down' : 'up'}`)
      if (isDown) down.add(member)
      else down.delete(member)
    },
    userAgent: 'routesd/test',
  })
  scope.defer(() => health.close())
  const stateOf = (world: World, index = 0) => health.stateOf(world.checks[index]?.key ?? '')
  return {health, told, down, lines, stateOf}
}

// Services, each behind a route of its own.
function worldOf(services: Readonly<Record<string, {readonly at: readonly string[]; readonly health: string}>>): World {
  const entries = Object.entries(services)
  const routes = entries.map(([slug]) => `  - {id: ${slug}.localhost, service: ${slug}}`)
  const written = entries.map(
    ([slug, {at, health}]) => `  - {slug: ${slug}, health: ${health}, instances: ${JSON.stringify(at)}}`,
  )
  return compiled({'a.yaml': `routes:\n${routes.join('\n')}\nservices:\n${written.join('\n')}\n`})
}

// An instance whose answer can be changed.
async function instanceOf(scope: Scope) {
  let answer = OK
  const origin = await originThatAnswers(scope, () => answer)
  return {
    ...origin,
    isWell(value: boolean) {
      answer = value ? OK : 'HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n'
    },
  }
}

test(
  'an instance is used until it has failed `fall` checks and again after `rise` good ones; each change is one line',
  scoped(async scope => {
    const instance = await instanceOf(scope)
    const {health, told, lines, stateOf} = healthOf(scope)
    const world = worldOf({orders: {at: [instance.url], health: `{path: /health, ${FAST}, fall: 3, rise: 2}`}})
    health.prepare(world)
    health.watch(world)
    assert.equal([stateOf(world)?.state, told], ['unknown', []])
    await until('the first verdict', () => stateOf(world)?.state === 'up')
    assert.is(stateOf(world)?.reason, '')
    const wellFor = instance.accepted()
    instance.isWell(false)
    await until('the fall', () => stateOf(world)?.state === 'down')
    assert.match(stateOf(world)?.reason ?? '', /^\d+ checks failed: status 503, expected 200-399$/)
    assert.ok(instance.accepted() - wellFor >= 3)
    instance.isWell(true)
    await until('the rise', () => stateOf(world)?.state === 'up')
    assert.equal(told, [`orders ${instance.url} down`, `orders ${instance.url} up`])
    const fields = {service: 'orders', instance: instance.url}
    assert.equal(lines, [
      {
        level: 'warn',
        message: 'an instance is down',
        fields: {...fields, reason: '3 checks failed: status 503, expected 200-399'},
      },
      {level: 'info', message: 'an instance is up', fields},
    ])
  }),
)

test(
  'services that ask the same share the question and the verdict, and one that asks nothing has none',
  scoped(async scope => {
    const instance = await instanceOf(scope)
    instance.isWell(false)
    const {health, down, lines} = healthOf(scope)
    const asks = `{path: /health, ${FAST}, fall: 1}`
    const at = [instance.url]
    const world = worldOf({a: {at, health: asks}, b: {at, health: asks}, c: {at, health: 'off'}})
    assert.is(world.checks.length, 1)
    health.watch(world)
    await until('the verdict', () => down.size === 2)
    assert.equal([...down].sort(), [`a ${instance.url}`, `b ${instance.url}`])
    assert.equal(
      lines.map(({fields}) => fields['service']),
      ['a, b'],
    )
  }),
)

test(
  'a name that does not resolve fails its checks with the reason',
  scoped(async scope => {
    const {health, down, stateOf} = healthOf(scope)
    const world = worldOf({a: {at: ['http://nowhere.test:80'], health: `{tcp: true, ${FAST}, fall: 2}`}})
    health.watch(world)
    await until('the verdict', () => down.size === 1)
    assert.match(stateOf(world)?.reason ?? '', /^\d+ checks failed: nowhere\.test: ENOTFOUND$/)
  }),
)

test(
  'a key that cannot be read fails the check with the reason, and nothing else',
  scoped(async scope => {
    const instance = await instanceOf(scope)
    const {health, down, stateOf} = healthOf(scope)
    const {pools, instances, checks} = worldOf({
      a: {at: ['https://127.0.0.1:1'], health: `{path: /, ${FAST}, fall: 1}`},
      b: {at: [instance.url], health: `{path: /, ${FAST}, rise: 1}`},
    })
    const spoilt = instances.map(one => (one.tls ? {...one, tls: {...one.tls, cert: 'no PEM', key: 'no PEM'}} : one))
    health.watch({pools, instances: spoilt, checks})
    await until('both verdicts', () => down.size === 1 && checks.some(({key}) => health.stateOf(key)?.state === 'up'))
    assert.match(stateOf({pools, instances, checks})?.reason ?? '', /^\d+ checks? failed: .*PEM/i)
  }),
)

// --- reloads

test(
  'a reload leaves the checks alone that it does not change: no question more, and their verdicts stand',
  scoped(async scope => {
    const well = await instanceOf(scope)
    const ill = await instanceOf(scope)
    const changing = await instanceOf(scope)
    ill.isWell(false)
    const {health, down, told, stateOf} = healthOf(scope)
    // One question an hour: whatever more comes is the reload's.
    const hourly = '{path: /health, interval: 1h, timeout: 10s, rise: 1, fall: 1}'
    const world = (path: string) =>
      worldOf({
        a: {at: [well.url, ill.url], health: hourly},
        b: {at: [changing.url], health: `{path: ${path}, interval: 1h}`},
      })
    const first = world('/one')
    health.watch(first)
    await until('the verdicts', () => stateOf(first, 0)?.state === 'up' && stateOf(first, 1)?.state === 'down')
    await until('the third', () => changing.accepted() === 1)
    const since = stateOf(first, 1)?.sinceMs
    for (let i = 0; i < 10; i++) {
      const next = world(`/${i}`)
      health.prepare(next)
      health.watch(next)
    }
    await until('the last question', () => changing.received.some(text => text.startsWith('GET /9 ')))
    assert.equal([well.accepted(), ill.accepted()], [1, 1])
    assert.equal([...down], [`a ${ill.url}`])
    assert.is(told.length, 1)
    assert.is(stateOf(first, 1)?.sinceMs, since)
  }),
)

test(
  'who is known to be down is down under another name, or asked in another interval, before that is served',
  scoped(async scope => {
    const instance = await instanceOf(scope)
    instance.isWell(false)
    const {health, down} = healthOf(scope)
    const at = [instance.url]
    const first = worldOf({old: {at, health: '{path: /health, interval: 1h, fall: 1}'}})
    health.watch(first)
    await until('the verdict', () => down.size === 1)
    const renamed = worldOf({new: {at, health: '{path: /health, interval: 2h, fall: 9}'}})
    health.prepare(renamed)
    assert.equal([...down].sort(), [`new ${instance.url}`, `old ${instance.url}`])
    health.watch(renamed)
    assert.equal([...down], [`new ${instance.url}`])
    assert.is(health.stateOf(first.checks[0]?.key ?? ''), null)
    assert.is(health.stateOf(renamed.checks[0]?.key ?? '')?.state, 'down')
  }),
)

test(
  'an instance that nobody asks any more is used again, and not asked',
  scoped(async scope => {
    const instance = await instanceOf(scope)
    instance.isWell(false)
    const {health, down} = healthOf(scope)
    const at = [instance.url]
    health.watch(worldOf({a: {at, health: `{path: /health, ${FAST}, fall: 1}`}}))
    await until('the verdict', () => down.size === 1)
    const without = worldOf({a: {at, health: 'off'}})
    health.prepare(without)
    health.watch(without)
    assert.equal([...down], [])
    await until('the last answer', () => instance.open() === 0)
    const asked = instance.accepted()
    // Time for several more questions of 20 ms: nothing else can be waited for.
    const other = await instanceOf(scope)
    health.watch(worldOf({b: {at: [other.url], health: `{path: /health, ${FAST}}`}}))
    await until('another to be asked ten times', () => other.accepted() >= 10)
    assert.is(instance.accepted(), asked)
  }),
)

test(
  'a check that ends in the middle of a question closes its connection and says nothing',
  scoped(async scope => {
    const mute = await originOf(scope, () => {})
    const {health, told} = healthOf(scope)
    health.watch(worldOf({a: {at: [mute.url], health: '{path: /health, fall: 1}'}}))
    await until('the question', () => mute.received[0] !== undefined && mute.received[0] !== '')
    health.watch({pools: [], instances: [], checks: []})
    await until('it to be closed', () => mute.open() === 0)
    assert.equal(told, [])
  }),
)

// --- startDown

test(
  'startDown: a new instance gets nothing before `rise` good answers, wherever a reload moves it meanwhile',
  scoped(async scope => {
    const instance = await instanceOf(scope)
    instance.isWell(false)
    const {health, down, told, lines} = healthOf(scope)
    const world = (slug: string) =>
      worldOf({[slug]: {at: [instance.url], health: `{path: /health, ${FAST}, rise: 2, fall: 1000, startDown: true}`}})
    health.prepare(world('a'))
    assert.equal([...down], [`a ${instance.url}`])
    health.watch(world('a'))
    await until('a few bad answers', () => instance.accepted() >= 3)
    health.prepare(world('b'))
    health.watch(world('b'))
    assert.equal([...down], [`b ${instance.url}`])
    instance.isWell(true)
    await until('it to be used', () => down.size === 0)
    assert.is(told.at(-1), `b ${instance.url} up`)
    assert.equal(
      lines.map(({message}) => message),
      ['an instance is up'],
    )
  }),
)

test(
  'startDown does not take out instances that serve already, only those that join them',
  scoped(async scope => {
    const old = await instanceOf(scope)
    const joining = await instanceOf(scope)
    for (const instance of [old, joining]) instance.isWell(false)
    const {health, down} = healthOf(scope)
    health.watch(worldOf({a: {at: [old.url], health: 'off'}}))
    const asking = worldOf({a: {at: [old.url, joining.url], health: '{path: /health, fall: 1000, startDown: true}'}})
    health.prepare(asking)
    health.watch(asking)
    assert.equal([...down], [`a ${joining.url}`])
  }),
)

test.run()
