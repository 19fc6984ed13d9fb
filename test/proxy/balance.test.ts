// Every balancing policy, over the wire: who gets how much, and who gets nothing.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import {clientOf} from '../helpers/client.ts'
import {type Origin, originThatAnswers} from '../helpers/origin.ts'
import {proxyServing} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {serviceOf as heldService, holdingOrigin} from '../helpers/service.ts'
import {PATIENCE_MS, until} from '../helpers/until.ts'
import {compiled} from '../helpers/written.ts'

const POLICIES = ['round-robin', 'least-connections', 'random-two', 'hash'] as const

type Written = {readonly weight?: number; readonly backup?: boolean; readonly down?: boolean; readonly dead?: boolean}

// A service of these instances behind x.localhost; `ask` sends requests one after another and tells who answered.
async function serviceOf(scope: Scope, balance: string, written: readonly Written[], workers = 1) {
  const origins: Origin[] = []
  for (const [index] of written.entries()) {
    const body = String(index)
    origins.push(await originThatAnswers(scope, `HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${body}`))
  }
  const instances = written.map(({weight = 1, backup = false, down = false}, index) =>
    JSON.stringify({url: origins[index]?.url, weight, backup, down}),
  )
  for (const [index, {dead}] of written.entries()) if (dead) await origins[index]?.close()
  const yaml = `routes: [{id: x.localhost, service: s}]\nservices:\n  - {slug: s, balance: ${balance}, hashBy: "header:x-key", instances: [${instances.join(', ')}]}\n`
  const {port, plane} = await proxyServing(scope, compiled({'a.yaml': yaml}), {workers})
  const ask = async (count: number, connections = 1): Promise<string[]> => {
    const answers: string[] = []
    await Promise.all(
      Array.from({length: connections}, async (_, connection) => {
        const client = await clientOf(scope, port)
        let seen = 0
        for (let i = 0; i < count / connections; i++) {
          client.send(`GET /${i} HTTP/1.1\r\nHost: x.localhost\r\nX-Key: ${connection}-${i}\r\n\r\n`)
          const text = await client.until(/\r\n\r\n(?:\d$|5\d\d .*\n)/, PATIENCE_MS, seen)
          seen += text.length
          answers.push(text.startsWith('HTTP/1.1 200') ? text.slice(-1) : text.slice(9, 12))
        }
      }),
    )
    return answers
  }
  return {ask, plane, origins}
}

function shares(answers: readonly string[]): Record<string, number> {
  const counts = Object.groupBy(answers, who => who)
  return Object.fromEntries(Object.entries(counts).map(([who, list]) => [who, (list?.length ?? 0) / answers.length]))
}

for (const policy of POLICIES) {
  test(
    `${policy}: all instances are used, as their weights say`,
    scoped(async scope => {
      const {ask} = await serviceOf(scope, policy, [{weight: 3}, {weight: 1}, {weight: 0}])
      const got = shares(await ask(1200))
      assert.equal(Object.keys(got).sort(), ['0', '1'])
      const tolerance = policy === 'round-robin' || policy === 'least-connections' ? 0.001 : 0.05
      assert.ok(Math.abs((got['0'] ?? 0) - 0.75) <= tolerance, JSON.stringify(got))
    }),
  )

  test(
    `${policy}: what is down gets nothing, backups only when no other can be had`,
    scoped(async scope => {
      const {ask} = await serviceOf(scope, policy, [{}, {down: true}, {backup: true}])
      assert.equal(Object.keys(shares(await ask(100))), ['0'])
      const alone = await serviceOf(scope, policy, [{down: true}, {backup: true}])
      assert.equal(Object.keys(shares(await alone.ask(20))), ['1'])
    }),
  )

  test(
    `${policy}: a request that could not be sent goes to another instance`,
    scoped(async scope => {
      const {ask} = await serviceOf(scope, policy, [{}, {dead: true}, {}])
      assert.equal(Object.keys(shares(await ask(100))).sort(), ['0', '2'])
    }),
  )

  test(
    `${policy}: with a single instance it gets everything, with none the answer is 503`,
    scoped(async scope => {
      const {ask} = await serviceOf(scope, policy, [{}])
      assert.equal(shares(await ask(10)), {0: 1})
      const none = await serviceOf(scope, policy, [{down: true}])
      assert.equal(shares(await none.ask(3)), {503: 1})
    }),
  )
}

test(
  'two workers go through the rotation as one would',
  scoped(async scope => {
    const {ask} = await serviceOf(scope, 'round-robin', [{}, {}, {}], 2)
    const counts = Object.groupBy(await ask(300, 10), who => who)
    assert.equal(
      Object.values(counts).map(list => list?.length),
      [100, 100, 100],
    )
  }),
)

test(
  'two workers give each instance as many requests under way as one would',
  scoped(async scope => {
    for (const workers of [1, 2]) {
      const origins = [await holdingOrigin(scope), await holdingOrigin(scope), await holdingOrigin(scope)]
      const {begin, plane} = await heldService(scope, origins, 'balance: least-connections', {workers})
      const counts = () => origins.map(({held}) => held.length)
      for (let i = 1; i <= 30; i++) {
        await begin()
        await until('the request', () => counts().reduce((sum, count) => sum + count) === i)
        assert.ok(Math.max(...counts()) - Math.min(...counts()) <= 1, counts().join())
      }
      // The one that answers gets the next ones.
      for (let i = 0; i < 4; i++) origins[1]?.release()
      const inFlight = () => origins.map(({url}) => plane.instanceStats(url).inFlight)
      await until('the answers', () => inFlight().join() === '10,6,10')
      for (let i = 0; i < 4; i++) {
        await begin()
        await until('the request', () => origins[1]?.held.length === 7 + i)
      }
    }
  }),
)

test(
  'a hash keeps a key at its instance',
  scoped(async scope => {
    const {ask} = await serviceOf(scope, 'hash', [{}, {}, {}])
    const first = await ask(50)
    assert.equal(await ask(50), first)
    assert.equal(Object.keys(shares(first)).sort(), ['0', '1', '2'])
  }),
)

test.run()
