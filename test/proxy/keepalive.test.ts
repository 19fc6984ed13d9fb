// How many connections to an instance wait for the next request, how long, and when they end because nobody asks it any more.

import type {Socket} from 'node:net'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import {answerOf, clientOf, exchange, getAndClose} from '../helpers/client.ts'
import {OK, originOf, originThatAnswers} from '../helpers/origin.ts'
import {proxyServing, type Proxy as ServedProxy} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {until} from '../helpers/until.ts'
import {webSocketOf, webSocketOrigin} from '../helpers/websocket.ts'
import {compiled} from '../helpers/written.ts'

const services = (...written: readonly string[]) =>
  compiled({
    'a.yaml': `routes: [${written.map((_, i) => `{id: x.localhost/${i}, service: s${i}}`).join(', ')}]\nservices:\n${written.map((keys, i) => `  - {slug: s${i}, ${keys}}\n`).join('')}`,
  })

// So many requests at once, each on a connection of its own.
async function burst(scope: Scope, {port}: ServedProxy, count: number): Promise<void> {
  const clients = await Promise.all(Array.from({length: count}, () => clientOf(scope, port)))
  for (const client of clients) client.send('GET /0 HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
  for (const client of clients) await client.until(/ok$/)
}

// An instance that answers when so many requests are waiting, all at once.
function patientOrigin(scope: Scope, count: number) {
  const waiting: Socket[] = []
  return originOf(scope, socket => {
    if (waiting.push(socket) < count) return
    for (const other of waiting.splice(0)) other.write(OK)
  })
}

test(
  'idle: 0 closes each connection behind its answer, and says so',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const proxy = await proxyServing(scope, services(`keepalive: {idle: 0}, instances: ["${origin.url}"]`))
    for (let i = 0; i < 3; i++) assert.is(answerOf(await exchange(scope, proxy.port, getAndClose('/0'))).status, 200)
    assert.is(origin.accepted(), 3)
    await until('them to be closed', () => origin.open() === 0)
    for (const text of origin.received) assert.equal(text.match(/^connection: .*$/gim), ['Connection: close'])
    await exchange(
      scope,
      proxy.port,
      'GET /0 HTTP/1.1\r\nHost: x.localhost\r\nTE: trailers\r\nConnection: TE, close\r\n\r\n',
    )
    assert.equal(origin.received[3]?.match(/^connection: .*$/gim), ['Connection: TE, close'])
  }),
)

test(
  'of the connections of a burst as many stay as the service says, those of all workers together',
  scoped(async scope => {
    const origin = await patientOrigin(scope, 12)
    const proxy = await proxyServing(scope, services(`keepalive: {idle: 4}, instances: ["${origin.url}"]`), {
      workers: 2,
    })
    await burst(scope, proxy, 12)
    assert.is(origin.open(), 12)
    await until('the surplus to be closed', () => origin.open() <= 4, 10_000)
    assert.ok(origin.open() > 0)
  }),
)

test(
  'an idle connection ends when its time is over',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const keys = `instances: ["${origin.url}"]`
    const proxy = await proxyServing(scope, services(`keepalive: {timeout: 300ms}, ${keys}`, keys))
    await exchange(scope, proxy.port, getAndClose('/0'))
    await exchange(scope, proxy.port, getAndClose('/1'))
    // The same address with other rules is another instance, with connections of its own.
    assert.is(origin.accepted(), 2)
    await until('the first to be closed', () => origin.open() === 1)
    await exchange(scope, proxy.port, getAndClose('/1'))
    assert.is(origin.accepted(), 2)
  }),
)

for (const [name, rest] of Object.entries({
  drained: async ({plane}: ServedProxy, url: string) => plane.setDrained(`s0 ${url}`, true),
  'found down': async ({plane}: ServedProxy, url: string) => plane.setVerdict(`s0 ${url}`, true),
  'marked as down': ({plane}: ServedProxy, url: string, other: string) =>
    plane.apply(services(`instances: [{url: "${url}", down: true}, "${other}"]`)),
  removed: ({plane}: ServedProxy, _: string, other: string) => plane.apply(services(`instances: ["${other}"]`)),
})) {
  test(
    `an instance that is ${name} finishes its requests, gets no new ones, and its connections close`,
    scoped(async scope => {
      const waiting: Socket[] = []
      const leaving = await originOf(scope, (socket, text) => {
        if (text.startsWith('GET /0/slow')) waiting.push(socket)
        else socket.write(OK)
      })
      const staying = await originThatAnswers(scope, OK)
      const instances = `instances: ["${leaving.url}", "${staying.url}"]`
      const proxy = await proxyServing(scope, services(instances))
      const slow = await clientOf(scope, proxy.port)
      slow.send('GET /0/slow HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
      await until('the slow request', () => waiting.length === 1)
      await burst(scope, proxy, 4)
      const asked = leaving.received.join('').length
      assert.ok(leaving.open() > 1 && staying.open() > 0)

      await rest(proxy, leaving.url, staying.url)
      await burst(scope, proxy, 6)
      assert.is(leaving.received.join('').length, asked)
      await until('its idle connections to be closed', () => leaving.open() === 1)
      waiting[0]?.write(OK)
      await slow.until(/ok$/)
      await until('the last one to be closed', () => leaving.open() === 0)
      assert.ok(staying.open() > 0)
    }),
  )
}

test(
  'an instance that one service has drained and another uses keeps its connections',
  scoped(async scope => {
    const origin = await originThatAnswers(scope, OK)
    const keys = `instances: ["${origin.url}"]`
    const proxy = await proxyServing(scope, services(keys, keys))
    await exchange(scope, proxy.port, getAndClose('/0'))
    proxy.plane.setDrained(`s0 ${origin.url}`, true)
    assert.is(answerOf(await exchange(scope, proxy.port, getAndClose('/0'))).status, 503)
    // Long enough for the idle connections to have been looked through: another one has come to its end meanwhile.
    const other = await originThatAnswers(scope, OK)
    const clocks = await proxyServing(scope, services(`keepalive: {timeout: 1500ms}, instances: ["${other.url}"]`))
    await exchange(scope, clocks.port, getAndClose('/0'))
    await until('another idle connection to end', () => other.open() === 0, 10_000)
    await exchange(scope, proxy.port, getAndClose('/1'))
    assert.is(origin.accepted(), 1)
    proxy.plane.setDrained(`s1 ${origin.url}`, true)
    await until('its connections to be closed', () => origin.open() === 0)
  }),
)

test(
  'a WebSocket at a drained instance goes on, and so does one at an instance that others join',
  scoped(async scope => {
    const origin = await webSocketOrigin(scope)
    const other = await originThatAnswers(scope, OK)
    const proxy = await proxyServing(scope, services(`instances: ["${origin.url}"]`), {edge: {tunnelDrainMs: 300}})
    const client = await webSocketOf(scope, proxy.port, '/0')
    proxy.plane.setDrained(`s0 ${origin.url}`, true)
    await proxy.plane.apply(services(`instances: ["${origin.url}", "${other.url}"]`))
    await proxy.plane.apply(services(`instances: [{url: "${origin.url}", down: true}, "${other.url}"]`))
    // One that its instance has left is ended in that time.
    const leaving = await webSocketOrigin(scope)
    const second = await proxyServing(scope, services(`instances: ["${leaving.url}"]`), {edge: {tunnelDrainMs: 300}})
    const left = await webSocketOf(scope, second.port, '/0')
    await second.plane.apply(services(`instances: ["${other.url}"]`))
    await left.ended()
    client.send('still here')
    await client.until(/still here$/)
  }),
)

test(
  'a reload that changes one service keeps the connections and the counters of all others',
  scoped(async scope => {
    const kept = await originThatAnswers(scope, OK)
    const changed = await originThatAnswers(scope, OK)
    const other = await originThatAnswers(scope, OK)
    const keys = `instances: ["${kept.url}"]`
    const proxy = await proxyServing(scope, services(keys, `instances: ["${changed.url}"]`))
    const ask = async (path: string) => answerOf(await exchange(scope, proxy.port, getAndClose(path))).status
    proxy.plane.setDrained(`s1 ${changed.url}`, true)
    assert.equal([await ask('/0'), await ask('/1')], [200, 503])
    await proxy.plane.apply(services(keys, `balance: hash, instances: ["${changed.url}", "${other.url}"]`))
    assert.equal([await ask('/0'), await ask('/1'), await ask('/1')], [200, 200, 200])
    // Its connection, its counters, and what the operator has drained.
    assert.is(kept.accepted(), 1)
    assert.is(proxy.plane.routeStats('x.localhost/0').requests, 2)
    assert.is(proxy.plane.instanceStats(kept.url).requests, 2)
    assert.is(proxy.plane.routeStats('x.localhost/1').requests, 3)
    assert.equal([changed.accepted(), other.accepted()], [0, 1])
  }),
)

test.run()
