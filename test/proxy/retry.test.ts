// What a request may do beyond its first try, over the wire: what is tried again, where, how often, and what never is.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import {blackholeOf} from '../helpers/blackhole.ts'
import {answerOf, clientOf, exchange, getAndClose} from '../helpers/client.ts'
import {OK, type Origin, originOf, originThatAnswers} from '../helpers/origin.ts'
import {proxyServing} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {PATIENCE_MS, until} from '../helpers/until.ts'
import {agreement, handshake, webSocketOrigin} from '../helpers/websocket.ts'
import {compiled} from '../helpers/written.ts'

const answer = (status: number, body = '') => `HTTP/1.1 ${status} Said\r\nContent-Length: ${body.length}\r\n\r\n${body}`

// x.localhost with these keys before a service of these instances, in their order.
async function serviceOf(scope: Scope, keys: string, instances: readonly (Origin | string)[], workers = 1) {
  const urls = instances.map(instance => (typeof instance === 'string' ? instance : JSON.stringify(instance.url)))
  const yaml = `routes: [{id: x.localhost, service: s, ${keys}}]\nservices: [{slug: s, instances: [${urls.join(', ')}]}]\n`
  const {port, plane} = await proxyServing(scope, compiled({'a.yaml': yaml}), {workers})
  const post = (path = '/', fields = '') =>
    `POST ${path} HTTP/1.1\r\nHost: x.localhost\r\nConnection: close\r\n${fields}Content-Length: 4\r\n\r\nbody`
  return {
    port,
    plane,
    post,
    get: async (path = '/') => answerOf(await exchange(scope, port, getAndClose(path))),
    send: async (bytes: string) => answerOf(await exchange(scope, port, bytes)),
  }
}

const requestsOf = ({received}: Origin): number => received.join('').split(' HTTP/1.1\r\n').length - 1

test(
  'an answer with a listed status is held back and the request tried at another instance',
  scoped(async scope => {
    const busy = await originThatAnswers(scope, answer(503, 'busy'))
    const well = await originThatAnswers(scope, OK)
    const {get, plane} = await serviceOf(scope, 'retry: {for: [503]}', [busy, well])
    for (let i = 0; i < 6; i++) assert.is((await get()).body, 'ok')
    assert.is(requestsOf(busy), 3)
    // Its answers came whole, so its connection was used again.
    assert.is(busy.accepted(), 1)
    const {requests, errors} = plane.routeStats('x.localhost')
    assert.equal([requests, errors], [6, 0])
    assert.equal([plane.instanceStats(busy.url).requests, plane.instanceStats(busy.url).errors], [3, 3])
    assert.equal([plane.instanceStats(well.url).requests, plane.instanceStats(well.url).errors], [6, 0])
  }),
)

test(
  'a status that is not listed is passed on, and so is every one without retry',
  scoped(async scope => {
    const bad = await originThatAnswers(scope, answer(502))
    const well = await originThatAnswers(scope, OK)
    const other = await serviceOf(scope, 'retry: {for: [503]}', [bad, well])
    assert.equal([(await other.get()).status, (await other.get()).status].sort(), [200, 502])
    const none = await serviceOf(scope, 'retry: off', [bad, well])
    assert.equal([(await none.get()).status, (await none.get()).status].sort(), [200, 502])
  }),
)

test(
  'the answer of the last try is passed on as it is',
  scoped(async scope => {
    const instances = await Promise.all(['a', 'b', 'c'].map(body => originThatAnswers(scope, answer(503, body))))
    const {get} = await serviceOf(scope, 'retry: {times: 2, for: [503]}', instances)
    const {status, body, head} = await get()
    assert.is(status, 503)
    assert.match(body, /^[abc]$/)
    assert.not.match(head, /proxy-status/i)
    assert.equal(instances.map(requestsOf), [1, 1, 1])
  }),
)

test(
  'the failure of the last try is told',
  scoped(async scope => {
    const busy = await originThatAnswers(scope, answer(503))
    const silent = await originOf(scope, () => {})
    const {send} = await serviceOf(scope, 'retry: {for: [503]}, timeouts: {response: 300ms}', [
      busy,
      `{url: "${silent.url}", weight: 0}`,
    ])
    // A weight of 0 gets no first tries, and no others.
    assert.is((await send(getAndClose('/'))).status, 503)
    const both = await serviceOf(scope, 'retry: {times: 1, for: [503, timeout]}, timeouts: {response: 300ms}', [
      silent,
      silent.url.replace('127.0.0.1', 'localhost'),
    ])
    both.plane.setAddresses('localhost', ['127.0.0.1'], '')
    assert.match((await both.get()).head, /^HTTP\/1\.1 504 [\s\S]*error=http_response_timeout\r\n/)
    await until('two tries', () => requestsOf(silent) === 2)
  }),
)

test(
  'a POST that an instance may have processed is not repeated, unless the route says so',
  scoped(async scope => {
    const busy = await originThatAnswers(scope, answer(503))
    const well = await originThatAnswers(scope, OK)
    const careful = await serviceOf(scope, 'retry: {for: [503]}', [busy, well])
    const statuses = [await careful.send(careful.post()), await careful.send(careful.post())].map(({status}) => status)
    assert.equal(statuses.sort(), [200, 503])
    const unsafe = await serviceOf(scope, 'retry: {for: [503], unsafe: true}', [busy, well])
    for (let i = 0; i < 4; i++) assert.is((await unsafe.send(unsafe.post())).status, 200)
  }),
)

test(
  'what one instance cannot take spreads over the others by their weights',
  scoped(async scope => {
    const gone = await originOf(scope, () => {})
    await gone.close()
    const others = await Promise.all([1, 2, 3].map(() => originThatAnswers(scope, OK)))
    const [light, middle, spare] = others.map(({url}) => url)
    // Most first tries meet the one that is gone.
    const {port} = await serviceOf(scope, 'retry: off', [
      `{url: "${gone.url}", weight: 12}`,
      `{url: "${light}", weight: 1}`,
      `{url: "${middle}", weight: 3}`,
      `{url: "${spare}", backup: true}`,
    ])
    const client = await clientOf(scope, port)
    for (let i = 0, seen = 0; i < 400; i++) {
      client.send('GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
      seen += (await client.until(/\r\n\r\nok$/, PATIENCE_MS, seen)).length
    }
    const [one = 0, three = 0, none = 0] = others.map(requestsOf)
    assert.equal([one + three, none], [400, 0])
    assert.ok(one > 60 && one < 140, `${one} of 400`)
  }),
)

test(
  'a POST that could not be sent goes to another instance, with or without retry',
  scoped(async scope => {
    const gone = await originOf(scope, () => {})
    await gone.close()
    const well = await originThatAnswers(scope, OK)
    for (const keys of ['retry: off', 'retry: {for: [timeout]}']) {
      const {send, post} = await serviceOf(scope, keys, [gone, well])
      for (let i = 0; i < 4; i++) assert.is((await send(post())).status, 200)
    }
    assert.ok(well.received.join('').includes('\r\n\r\nbody'))
  }),
)

test(
  'a body that was held whole is sent again, one that came in parts is not',
  scoped(async scope => {
    const busy = await originThatAnswers(scope, answer(503))
    const well = await originThatAnswers(scope, head => answer(200, head.slice(head.indexOf('\r\n\r\n') + 4)))
    const {port, send, post} = await serviceOf(scope, 'retry: {for: [503]}', [busy, well])
    const put = post().replace('POST', 'PUT')
    for (let i = 0; i < 2; i++) assert.equal((await send(put)).body, 'body')
    const statuses: number[] = []
    for (let i = 0; i < 2; i++) {
      const before = requestsOf(busy) + requestsOf(well)
      const client = await clientOf(scope, port)
      client.send(put.slice(0, -2))
      await until('the first part', () => requestsOf(busy) + requestsOf(well) > before)
      client.send(put.slice(-2))
      statuses.push(answerOf((await client.ended()).text).status)
    }
    assert.equal(statuses.sort(), [200, 503])
  }),
)

test(
  'timeouts: an instance that does not answer, or does not accept, in time',
  scoped(async scope => {
    const silent = await originOf(scope, () => {})
    const full = await blackholeOf(scope)
    const well = await originThatAnswers(scope, OK)
    for (const slow of [silent.url, full]) {
      const keys = 'retry: {for: [timeout]}, timeouts: {connect: 300ms, response: 300ms}'
      const {get, plane} = await serviceOf(scope, keys, [`"${slow}"`, well])
      for (let i = 0; i < 2; i++) assert.is((await get()).status, 200)
      assert.equal([plane.instanceStats(slow).inFlight, plane.instanceStats(slow).errors], [0, 1])
    }
    const without = await serviceOf(scope, 'timeouts: {response: 300ms}', [silent, well])
    assert.equal([(await without.get()).status, (await without.get()).status].sort(), [200, 504])
  }),
)

test(
  'an instance that closes or answers garbage is a 502 like any other',
  scoped(async scope => {
    const closes = await originOf(scope, socket => void socket.end())
    const garbage = await originOf(scope, socket => void socket.write('garbage\r\n\r\n'))
    const well = await originThatAnswers(scope, OK)
    for (const bad of [closes, garbage]) {
      const {get} = await serviceOf(scope, 'retry: {for: [502]}', [bad, well])
      for (let i = 0; i < 4; i++) assert.is((await get()).status, 200)
      assert.ok(requestsOf(bad) > 0)
    }
  }),
)

test(
  'an answer that has begun is never followed by another try',
  scoped(async scope => {
    const broken = await originOf(scope, socket => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst', () => socket.resetAndDestroy())
    })
    const hints = await originOf(scope, socket => {
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n', () => socket.write(answer(503)))
    })
    const well = await originThatAnswers(scope, OK)
    const cut = await serviceOf(scope, 'retry: {times: 3, for: [500, 502, 503, 504, timeout]}', [broken, well])
    const texts = [await exchange(scope, cut.port, getAndClose('/')), await exchange(scope, cut.port, getAndClose('/'))]
    assert.equal(texts.map(text => text.replace(/[\s\S]*\r\n\r\n/, '')).sort(), ['first', 'ok'])
    const told = await serviceOf(scope, 'retry: {times: 3, for: [503]}', [hints, well])
    const statuses = [(await told.get()).status, (await told.get()).status]
    assert.equal(statuses.sort(), [200, 503])
  }),
)

test(
  'the budget bounds the extra tries when every instance fails',
  scoped(async scope => {
    const instances = await Promise.all([1, 2, 3].map(() => originThatAnswers(scope, answer(503))))
    const {port} = await serviceOf(scope, 'retry: {times: 10, for: [503], budget: 10%}', instances)
    const began = performance.now()
    const client = await clientOf(scope, port)
    let seen = 0
    for (let i = 0; i < 500; i++) {
      client.send('GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
      seen += (await client.until(/^HTTP\/1\.1 503 [\s\S]*\r\n\r\n$/, PATIENCE_MS, seen)).length
    }
    const tookS = (performance.now() - began) / 1000
    const extra = instances.map(requestsOf).reduce((a, b) => a + b) - 500
    // What was saved up, 10 % of the requests, and the few that are always allowed.
    assert.ok(extra >= 50 && extra <= 10 + 50 + 3 * (tookS + 1), `${extra} extra tries in ${tookS} s`)
  }),
)

test(
  'a backup gets no second tries while another instance is usable',
  scoped(async scope => {
    const busy = await originThatAnswers(scope, answer(503))
    const spare = await originThatAnswers(scope, OK)
    const {get, plane} = await serviceOf(scope, 'retry: {times: 2, for: [503]}', [
      busy,
      `{url: "${spare.url}", backup: true}`,
    ])
    assert.is((await get()).status, 503)
    assert.equal([requestsOf(busy), requestsOf(spare)], [3, 0])
    plane.setDrained(`s ${busy.url}`, true)
    assert.is((await get()).status, 200)
    // One that cannot be reached is not usable, whatever is known of it.
    plane.setDrained(`s ${busy.url}`, false)
    await busy.close()
    assert.is((await get()).status, 200)
  }),
)

test(
  'another instance is asked by its own name and below its own path',
  scoped(async scope => {
    const busy = await originThatAnswers(scope, answer(503))
    const well = await originThatAnswers(scope, OK)
    const {send, post} = await serviceOf(scope, 'hostHeader: target, retry: {for: [connect, 503]}', [
      `"${busy.url}/first"`,
      `"${well.url}/second/base"`,
    ])
    const put = post('/a?b=c').replace('POST', 'PUT')
    for (let i = 0; i < 2; i++) assert.is((await send(put)).status, 200)
    await busy.close()
    for (let i = 0; i < 2; i++) assert.is((await send(put)).status, 200)
    const asked = well.received.join('').split('PUT ').slice(1)
    assert.is(asked.length, 4)
    for (const request of asked) {
      assert.match(request, /^\/second\/base\/a\?b=c HTTP\/1\.1\r\n/)
      assert.equal(request.match(/^host: .*/gim), [`Host: 127.0.0.1:${well.port}`])
      assert.match(request, /\r\n\r\nbody$/)
    }
  }),
)

test(
  'a handshake that could not be sent goes to another instance',
  scoped(async scope => {
    const gone = await originOf(scope, () => {})
    await gone.close()
    const well = await webSocketOrigin(scope)
    const {port, plane} = await serviceOf(scope, 'retry: off', [gone, well])
    for (let i = 0; i < 2; i++) {
      const client = await clientOf(scope, port)
      client.send(handshake())
      await client.until(agreement(handshake()).split('\r\n').at(0) ?? '')
      await client.until(/\r\n\r\n$/)
      client.send('echo')
      await client.until(/echo$/)
      client.destroy()
    }
    await until('the books', () => plane.routeStats('x.localhost').inFlight === 0)
    assert.equal([plane.instanceStats(gone.url).errors, plane.instanceStats(gone.url).inFlight], [1, 0])
  }),
)

test(
  'when one of three instances is killed under load no GET fails, and nothing stays in the books',
  scoped(async scope => {
    // Some answers take a while, so that requests are under way at the instance when it goes.
    const instances = await Promise.all(
      [1, 2, 3].map(() =>
        originOf(scope, socket => void setTimeout(() => socket.writable && socket.write(OK), Math.random() * 20)),
      ),
    )
    const {port, plane} = await serviceOf(scope, 'retry: {for: [connect, 502]}', instances, 2)
    let isOver = false
    const statuses: number[] = []
    const load = Array.from({length: 8}, async () => {
      const client = await clientOf(scope, port)
      for (let seen = 0; !isOver; ) {
        client.send('GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
        const text = await client.until(/\r\n\r\n(?:ok|[\s\S]*\n)$/, PATIENCE_MS, seen)
        seen += text.length
        statuses.push(answerOf(text).status)
      }
    })
    await until('load', () => statuses.length > 200)
    await instances[0]?.close()
    const then = statuses.length
    await until('more load', () => statuses.length > then + 400)
    isOver = true
    await Promise.all(load)
    assert.equal(
      statuses.filter(status => status !== 200),
      [],
    )
    await until('the books', () => plane.routeStats('x.localhost').inFlight === 0)
    for (const {url} of instances) assert.is(plane.instanceStats(url).inFlight, 0)
    assert.is(plane.routeStats('x.localhost').requests, statuses.length)
  }),
)

test.run()
