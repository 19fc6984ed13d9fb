import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {type Origin, originThatAnswers} from '../helpers/origin.ts'
import {scoped} from '../helpers/scoped.ts'
import {type Service, serviceOf} from '../helpers/service.ts'

const KEYS = 'hashBy: uri, slowStart: 10m'
/** Requests of which some must meet an instance that gets a thirtieth of them. */
const SMALL_OF = 600

for (const policy of ['round-robin', 'least-connections', 'random-two', 'hash']) {
  test(
    `${policy}: an instance that comes back, or is new, begins with a small share`,
    scoped(async scope => {
      const origins = await Promise.all(['0', '1', '2'].map(body => originThatAnswers(scope, answer(body))))
      const [first, second] = origins
      assert.ok(first && second)
      const service = await serviceOf(scope, origins.slice(0, 2), `balance: ${policy}, ${KEYS}`)
      // At the beginning all are equal.
      const atFirst = await sharesOf(service, 200)
      assert.ok((atFirst['1'] ?? 0) > 0.3, JSON.stringify(atFirst))
      service.plane.setDrained(`s ${second?.url}`, true)
      assert.equal(await sharesOf(service, 20), {0: 1})
      service.plane.setDrained(`s ${second?.url}`, false)
      // By chance, about one in twenty; in so many that none at all would take a fault.
      const back = await sharesOf(service, SMALL_OF)
      assert.ok((back['1'] ?? 0) > 0 && (back['1'] ?? 0) < 0.2, JSON.stringify(back))
      await service.reload(`balance: ${policy}, ${KEYS}`, origins)
      const added = await sharesOf(service, SMALL_OF)
      assert.ok((added['2'] ?? 0) > 0 && (added['2'] ?? 0) < 0.2, JSON.stringify(added))
      await service.reload(`balance: ${policy}, hashBy: uri`, origins)
      const off = await sharesOf(service, 300)
      assert.ok((off['2'] ?? 0) > 0.2, JSON.stringify(off))
    }),
  )
}

test(
  'when all that are left have just come back, nobody is turned away',
  scoped(async scope => {
    const origin: Origin = await originThatAnswers(scope, answer('0'))
    const other = await originThatAnswers(scope, answer('1'))
    const service = await serviceOf(scope, [origin, other], KEYS)
    for (const {url} of [origin, other]) {
      service.plane.setVerdict(`s ${url}`, true)
      service.plane.setVerdict(`s ${url}`, false)
    }
    const shares = await sharesOf(service, 100)
    assert.is((shares['0'] ?? 0) + (shares['1'] ?? 0), 1)
    assert.ok((shares['0'] ?? 0) > 0.2 && (shares['1'] ?? 0) > 0.2, JSON.stringify(shares))
  }),
)

test.run()

// ---

function answer(body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${body}`
}

async function sharesOf({ask}: Service, count: number): Promise<Record<string, number>> {
  const shares: Record<string, number> = {}
  for (let i = 0; i < count; i++) {
    const {body} = await ask(`/${i}`)
    shares[body] = (shares[body] ?? 0) + 1 / count
  }
  return Object.fromEntries(Object.entries(shares).map(([who, share]) => [who, Math.round(share * 1000) / 1000]))
}
