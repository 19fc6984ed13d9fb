// The life of a circuit over the wire, with one worker and with two.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import {scoped} from '../helpers/scoped.ts'
import {holdingOrigin, serviceOf} from '../helpers/service.ts'
import {until} from '../helpers/until.ts'

const BUSY = 'HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n'

// A service whose instance has just failed often enough.
async function opened(scope: Scope, workers: number, open = '2s') {
  const origin = await holdingOrigin(scope)
  const keys = `circuit: {errorRate: 50%, minRequests: 4, window: 1m, open: ${open}}`
  const service = await serviceOf(scope, [origin], keys, {workers})
  const circuit = () => service.plane.poolState('s').circuit
  for (let i = 1; i <= 4; i++) {
    assert.is(circuit(), 'closed')
    const asked = service.ask()
    await until('the request', () => origin.held.length === 1)
    origin.release(BUSY)
    assert.is((await asked).line, 'HTTP/1.1 503 Busy')
  }
  await until('the circuit to open', () => circuit() === 'open')
  // Clients that ask all the time; the first that gets through is the probe.
  const probe = async () => {
    const asked = origin.paths.length
    while (origin.paths.length === asked) {
      const client = await service.begin()
      await until('an answer or a probe', () => client.text() !== '' || origin.paths.length > asked)
      if (client.text() === '') return client
      assert.match(client.text(), /^HTTP\/1\.1 503 /)
    }
    throw new Error('a probe without its client')
  }
  return {...service, origin, circuit, probe}
}

for (const workers of [1, 2]) {
  test(
    `an open circuit answers 503 and says for how long, and the instance is not asked; ${workers} workers`,
    scoped(async scope => {
      const {ask, origin} = await opened(scope, workers, '1m')
      for (let i = 0; i < 4; i++) {
        const answer = await ask()
        assert.is(answer.line, 'HTTP/1.1 503 Service Unavailable')
        assert.match(answer.values('Retry-After').join(), /^(60|[1-5]?\d)$/)
        assert.equal(answer.values('Proxy-Status'), ['routesd; error=destination_unavailable'])
        assert.match(answer.body, /circuit/)
      }
      assert.is(origin.paths.length, 4)
    }),
  )

  test(
    `half-open, one request of all probes: when it fails the circuit is open again, when it is well closed; ${workers} workers`,
    scoped(async scope => {
      const {ask, origin, circuit, probe} = await opened(scope, workers)
      const first = await probe()
      assert.is(circuit(), 'half-open')
      const others = await Promise.all(Array.from({length: 8}, () => ask()))
      assert.ok(others.every(({line}) => line === 'HTTP/1.1 503 Service Unavailable'))
      assert.is(origin.paths.length, 5)
      origin.release(BUSY)
      await first.until(/503 Busy/)
      await until('the circuit to open', () => circuit() === 'open')

      const second = await probe()
      origin.releaseAll()
      await second.until(/ok$/)
      await until('the circuit to close', () => circuit() === 'closed')
      for (let i = 0; i < 4; i++) assert.is((await ask()).line, 'HTTP/1.1 200 OK')
    }),
  )

  test(
    `a probe whose client goes away says nothing: the next request probes; ${workers} workers`,
    scoped(async scope => {
      const {origin, circuit, probe} = await opened(scope, workers)
      const gone = await probe()
      gone.destroy()
      const next = await probe()
      assert.is(origin.paths.length, 6)
      origin.releaseAll()
      await next.until(/ok$/)
      await until('the circuit to close', () => circuit() === 'closed')
    }),
  )
}

test(
  'a probe has its answer with the head: a body that goes on for long does not keep the circuit half-open',
  scoped(async scope => {
    const {origin, circuit, probe, ask} = await opened(scope, 1)
    const client = await probe()
    origin.release('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')
    await client.until(/half$/)
    await until('the circuit to close', () => circuit() === 'closed')
    origin.releaseAll()
    assert.is((await ask()).line, 'HTTP/1.1 200 OK')
  }),
)

test.run()
