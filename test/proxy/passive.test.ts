// Passive health over the wire: what the client of a failing instance gets, what is counted, and who is left out.

import type {Socket} from 'node:net'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {OK, originOf, originThatAnswers} from '../helpers/origin.ts'
import {scoped} from '../helpers/scoped.ts'
import {holdingOrigin, serviceOf} from '../helpers/service.ts'
import {until} from '../helpers/until.ts'

const PASSIVE = 'passive: {maxFails: 3, window: 1m, eject: 1m}'

type Fault = {
  readonly name: string
  readonly serve: (socket: Socket) => void
  /** What the client gets. */
  readonly line: RegExp
  readonly isCounted: boolean
}

const HALF = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'

const FAULTS: readonly Fault[] = [
  {name: 'accepts and never answers', serve: () => {}, line: /^HTTP\/1\.1 504 /, isCounted: true},
  {
    name: 'resets in the middle of a body',
    serve: socket => void socket.write(HALF, () => setTimeout(() => socket.resetAndDestroy(), 20)),
    line: /^HTTP\/1\.1 200 OK$/,
    isCounted: true,
  },
  {name: 'closes before it answers', serve: socket => void socket.destroy(), line: /^HTTP\/1\.1 502 /, isCounted: true},
  {
    name: 'answers garbage',
    serve: socket => void socket.write('HELO\r\n\r\n'),
    line: /^HTTP\/1\.1 502 /,
    isCounted: true,
  },
  {name: 'answers 502', serve: answers(502), line: /^HTTP\/1\.1 502 /, isCounted: true},
  {name: 'answers 503', serve: answers(503), line: /^HTTP\/1\.1 503 /, isCounted: true},
  {name: 'answers 504', serve: answers(504), line: /^HTTP\/1\.1 504 /, isCounted: true},
  {name: 'answers 500', serve: answers(500), line: /^HTTP\/1\.1 500 /, isCounted: false},
  {name: 'answers 404', serve: answers(404), line: /^HTTP\/1\.1 404 /, isCounted: false},
  {
    name: 'is slow, but within its time',
    serve: socket => void setTimeout(() => socket.write(OK), 300),
    line: /^HTTP\/1\.1 200 /,
    isCounted: false,
  },
]

for (const workers of [1, 2]) {
  for (const {name, serve, line, isCounted} of FAULTS) {
    test(
      `an instance that ${name} is ${isCounted ? '' : 'not '}ejected after three requests; ${workers} workers`,
      scoped(async scope => {
        const bad = await originOf(scope, serve)
        const good = await originThatAnswers(scope, OK)
        const {ask, state, plane} = await serviceOf(scope, [bad, good], PASSIVE, {
          workers,
          route: 'timeouts: {response: 2s}',
        })
        const answers: string[] = []
        for (let i = 0; i < 6; i++) answers.push((await ask()).line)
        // The rotation takes turns: three of the six were the failing one's.
        assert.is(
          answers.filter(answer => line.test(answer)).length,
          line.test('HTTP/1.1 200 OK') ? 6 : 3,
          answers.join(),
        )
        assert.ok(answers.every(answer => line.test(answer) || answer === 'HTTP/1.1 200 OK'))
        await until('the end of all', () => plane.instanceStats(bad.url).inFlight === 0)
        assert.is(plane.instanceStats(bad.url).requests, 3)
        assert.is(state(bad).isEjected, isCounted)
        assert.is(state(bad).ejectedForMs > 30_000, isCounted)
        assert.is(state(good).isEjected, false)
        if (isCounted) for (let i = 0; i < 4; i++) assert.is((await ask()).line, 'HTTP/1.1 200 OK')
        assert.is(plane.instanceStats(bad.url).requests, 3)
      }),
    )
  }
}

test(
  'an instance that refuses connections is ejected, and no client sees it',
  scoped(async scope => {
    const [bad, good] = [await originThatAnswers(scope, OK), await originThatAnswers(scope, OK)]
    await bad.close()
    const {ask, state} = await serviceOf(scope, [bad, good], PASSIVE)
    for (let i = 0; i < 8; i++) assert.is((await ask()).line, 'HTTP/1.1 200 OK')
    assert.ok(state(bad).isEjected)
  }),
)

for (const [status, isCounted] of [
  [503, true],
  [500, false],
] as const) {
  test(
    `a ${status} that no client sees, because the route tries again, is ${isCounted ? '' : 'not '}counted`,
    scoped(async scope => {
      const [bad, good] = [await originOf(scope, answers(status)), await originThatAnswers(scope, OK)]
      const {ask, state, plane} = await serviceOf(scope, [bad, good], PASSIVE, {
        route: `retry: {times: 1, for: [${status}], budget: 100%}`,
      })
      for (let i = 0; i < 6; i++) assert.is((await ask()).line, 'HTTP/1.1 200 OK')
      assert.is(plane.instanceStats(bad.url).requests, 3)
      assert.is(state(bad).isEjected, isCounted)
    }),
  )
}

test(
  'a client that goes away is no fault of the instance',
  scoped(async scope => {
    const [slow, good] = [await holdingOrigin(scope), await originThatAnswers(scope, OK)]
    const {begin, state, plane} = await serviceOf(scope, [slow, good], PASSIVE)
    for (let i = 1; i <= 5; i++) {
      const clients = [await begin(), await begin()]
      await until('the request', () => slow.paths.length === i)
      for (const client of clients) client.destroy()
      await until('its end', () => plane.instanceStats(slow.url).inFlight === 0)
    }
    assert.not(state(slow).isEjected)
  }),
)

for (const [count, most] of [
  [1, 0],
  [2, 1],
  [3, 1],
  [4, 2],
] as const) {
  test(
    `of ${count} instances that all fail ${most} are ejected at the most, by two workers`,
    scoped(async scope => {
      const origins = await Promise.all(
        Array.from({length: count}, () => originThatAnswers(scope, 'HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n')),
      )
      const {ask, state} = await serviceOf(scope, origins, PASSIVE, {workers: 2})
      const load = Array.from({length: 8}, async () => {
        for (let i = 0; i < 10; i++) {
          assert.is((await ask()).line, 'HTTP/1.1 503 Busy')
          assert.ok(origins.filter(origin => state(origin).isEjected).length <= most)
        }
      })
      await Promise.all(load)
      await until('the ejections', () => origins.filter(origin => state(origin).isEjected).length === most)
    }),
  )
}

test(
  'an ejected instance is back after its time, and out for longer the next time',
  scoped(async scope => {
    let answer = 'HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n'
    const bad = await originThatAnswers(scope, () => answer)
    const good = await originThatAnswers(scope, OK)
    const {ask, state, plane} = await serviceOf(scope, [bad, good], 'passive: {maxFails: 1, window: 1m, eject: 2s}')
    const askUntil = (what: string, look: () => boolean) =>
      until(
        what,
        async () => {
          await ask()
          return look()
        },
        15_000,
      )
    await askUntil('the ejection', () => state(bad).isEjected)
    assert.ok(state(bad).ejectedForMs <= 2_000)
    const before = plane.instanceStats(bad.url).requests
    await askUntil('its return', () => plane.instanceStats(bad.url).requests > before)
    await askUntil('the second ejection', () => state(bad).isEjected)
    assert.ok(state(bad).ejectedForMs > 2_000 && state(bad).ejectedForMs <= 4_000)
    answer = OK
    await askUntil('its return', () => !state(bad).isEjected)
    for (let i = 0; i < 4; i++) assert.is((await ask()).line, 'HTTP/1.1 200 OK')
  }),
)

test.run()

// ---

function answers(status: number): (socket: Socket) => void {
  return socket => void socket.write(`HTTP/1.1 ${status} Said\r\nContent-Length: 0\r\n\r\n`)
}
