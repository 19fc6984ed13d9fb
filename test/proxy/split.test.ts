// Splits, over the wire: who is sent where, and that they stay there.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import {exchange} from '../helpers/client.ts'
import {namedOrigins} from '../helpers/named.ts'
import {proxyServing} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {webSocketOf, webSocketOrigin} from '../helpers/websocket.ts'
import {compiled, requestFor} from '../helpers/written.ts'

const SPLIT = '- {id: x.localhost, split: [{target: LEFT, share: 70%}, {target: RIGHT, share: 30%}]}\n'
const TRUSTED = {edge: {trustedProxies: ['127.0.0.1']}}
const CLIENTS = Array.from({length: 200}, (_, i) => `203.0.${i & 3}.${i}`)

// The part that each client gets.
async function askAll(scope: Scope, port: number, url = 'x.localhost/'): Promise<string[]> {
  const parts: string[] = []
  for (const client of CLIENTS) {
    const answer = await exchange(scope, port, requestFor(url, {fields: `X-Forwarded-For: ${client}\r\n`}))
    parts.push(/(LEFT|RIGHT|503)/.exec(answer)?.[1] ?? '')
  }
  return parts
}

test(
  'clients behind a trusted proxy are told apart, stay with their part over connections, workers and reloads',
  scoped(async scope => {
    const snapshot = compiled({'a.yaml': await namedOrigins(scope, SPLIT)})
    const {port, plane} = await proxyServing(scope, snapshot, {...TRUSTED, workers: 2})
    const first = await askAll(scope, port)
    const share = first.filter(part => part === 'RIGHT').length / first.length
    assert.ok(Math.abs(share - 0.3) < 0.1, String(share))
    await plane.apply({...snapshot, revision: 'next'})
    assert.equal(await askAll(scope, port), first)
  }),
)

test(
  'a share that grows takes clients from its neighbour alone, and gives none away',
  scoped(async scope => {
    const yaml = await namedOrigins(scope, SPLIT)
    const {port, plane} = await proxyServing(scope, compiled({'a.yaml': yaml}), TRUSTED)
    const before = await askAll(scope, port)
    await plane.apply(compiled({'a.yaml': yaml.replace('70%', '50%').replace('30%', '50%')}))
    const after = await askAll(scope, port)
    assert.ok(before.every((part, index) => part === 'LEFT' || after[index] === 'RIGHT'))
    assert.ok(after.filter(part => part === 'RIGHT').length > before.filter(part => part === 'RIGHT').length)
  }),
)

test(
  'what an untrusted client says of its address does not choose its part',
  scoped(async scope => {
    const {port} = await proxyServing(scope, compiled({'a.yaml': await namedOrigins(scope, SPLIT)}))
    assert.is(new Set(await askAll(scope, port)).size, 1)
  }),
)

test(
  'a part without a usable instance answers 503, and its clients go nowhere else',
  scoped(async scope => {
    const yaml = `
routes:
  - {id: x.localhost, split: [{target: LEFT, share: 70%}, {service: right, share: 30%}]}
services: [{slug: right, instances: [{url: "http://127.0.0.1:9", down: true}]}]
`
    const {port} = await proxyServing(scope, compiled({'a.yaml': await namedOrigins(scope, yaml)}), TRUSTED)
    const parts = await askAll(scope, port)
    assert.equal([...new Set(parts)].sort(), ['503', 'LEFT'])
  }),
)

test(
  'a variant may be split, too',
  scoped(async scope => {
    const yaml = `
- id: x.localhost
  target: ROOT
  variants:
    - {name: some, when: {query: {v: "1"}}, split: [{target: LEFT, share: 50%}, {target: RIGHT, share: 50%}]}
`
    const {port} = await proxyServing(scope, compiled({'a.yaml': await namedOrigins(scope, yaml)}), TRUSTED)
    assert.match(await exchange(scope, port, requestFor('x.localhost/')), /ROOT/)
    const parts = await askAll(scope, port, 'x.localhost/?v=1')
    assert.equal([...new Set(parts)].sort(), ['LEFT', 'RIGHT'])
  }),
)

test(
  'a reload keeps a tunnel as long as its route sends anybody there',
  scoped(async scope => {
    const [left, right] = [await webSocketOrigin(scope), await webSocketOrigin(scope)]
    const routed = (a: string, b: string) =>
      compiled({
        'a.yaml': `- {id: x.localhost, split: [{target: "${left.url}", share: ${a}}, {target: "${right.url}", share: ${b}}]}\n`,
      })
    const {port, plane} = await proxyServing(scope, routed('0%', '100%'), {edge: {tunnelDrainMs: 200}})
    const socket = await webSocketOf(scope, port)
    await plane.apply(routed('90%', '10%'))
    socket.send('still')
    await socket.until(/still$/)
    await plane.apply(routed('100%', '0%'))
    await socket.ended()
  }),
)

test.run()
