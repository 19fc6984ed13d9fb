// When certificates are got and renewed: the scheduler alone, with a clock that is moved by hand.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {AppError} from '../../../../src/base/errors.ts'
import {AcmeError} from '../../../../src/control/certs/issuer.ts'
import {createOffice, type Office} from '../../../helpers/acme/desk.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const NAME = 'shop.example.com'

for (const [days, left, most] of [
  [64, 1 / 3, 10],
  [45, 1 / 3, 14],
  [6, 1 / 2, 140],
] as const) {
  test(`a year of certificates of ${days} days: never without one, and none more than needed`, async () => {
    const office = createOffice()
    office.lifeMs = days * DAY
    office.start().want([NAME])
    await office.clock.advance(MINUTE)
    const endMs = office.clock.now() + 365 * DAY
    while (office.clock.now() < endMs) {
      await office.clock.advance(12 * HOUR)
      assert.ok(office.notAfter(NAME) - office.clock.now() > (left - 0.01) * days * DAY - 12 * HOUR)
    }
    const least = Math.floor(365 / (days * (1 - left)))
    assert.ok(office.orders.length >= least && office.orders.length <= most, `${office.orders.length} orders`)
    assert.ok(gapsOf(office).every(gap => Math.abs(gap - (1 - left) * days * DAY) < 0.06 * days * DAY))
  })
}

test('a suggestion is asked for twice a day, kept to, and the certificate is said to be replaced', async () => {
  const office = createOffice()
  const firstMs = office.clock.now()
  office.suggestion = () => {
    const issuedMs = office.orders.at(-1)?.atMs ?? 0
    return {startMs: issuedMs + 10 * DAY, endMs: issuedMs + 12 * DAY, retryAfterMs: 18 * HOUR}
  }
  office.start().want([NAME])
  await office.clock.advance(10 * DAY)
  assert.is(office.orders.length, 1)
  assert.equal(
    office.questions.map(atMs => Math.round((atMs - firstMs) / HOUR)),
    Array.from({length: 21}, (_, at) => at * 12),
  )
  await office.clock.advance(2 * DAY)
  assert.is(office.orders.length, 2)
  assert.is(Math.round(((office.orders[1]?.atMs ?? 0) - firstMs) / HOUR), 11 * 24)
  assert.match(office.orders[1]?.options.replaces ?? '', 'BEGIN CERTIFICATE')
})

test('a certificate that is revoked is renewed as soon as the authority suggests it', async () => {
  const office = createOffice()
  office.start().want([NAME])
  await office.clock.advance(DAY)
  const nowMs = office.clock.now()
  office.suggestion = () => ({startMs: nowMs - 2 * DAY, endMs: nowMs - DAY, retryAfterMs: HOUR})
  await office.clock.advance(12 * HOUR)
  assert.is(office.orders.length, 2)
})

test('an authority that always suggests to renew is not followed all the time', async () => {
  const office = createOffice()
  office.suggestion = () => ({startMs: 0, endMs: 1, retryAfterMs: MINUTE})
  office.start().want([NAME])
  await office.clock.advance(DAY - MINUTE)
  assert.is(office.orders.length, 4)
})

test('a suggestion that comes too late is not kept to', async () => {
  const office = createOffice()
  office.suggestion = () => ({startMs: Date.UTC(2040, 0), endMs: Date.UTC(2041, 0), retryAfterMs: HOUR})
  office.start().want([NAME])
  await office.clock.advance(64 * DAY)
  assert.is(office.orders.length, 2)
})

test('an authority that suggests nothing, or cannot be asked, changes nothing', async () => {
  const office = createOffice()
  office.suggestion = () => {
    throw failure({status: 503})
  }
  office.start().want([NAME])
  await office.clock.advance(30 * DAY)
  assert.is(office.orders.length, 1)
  await office.clock.advance(20 * DAY)
  assert.is(office.orders.length, 2)
})

test('failures are left alone for 1, 10 and 100 minutes and then for a day, and what is served stays', async () => {
  const office = createOffice()
  const scheduler = office.start()
  scheduler.want([NAME])
  await office.clock.advance(MINUTE)
  const served = office.notAfter(NAME)
  office.answer = () => {
    throw failure({status: 403, type: 'unauthorized'})
  }
  await office.clock.advance(50 * DAY)
  const gaps = gapsOf(office).slice(1)
  assert.equal(gaps.slice(0, 3).map(minutesOf), [1, 10, 105])
  assert.ok(gaps.slice(3).every(gap => gap >= DAY && gap < 1.1 * DAY))
  assert.is(office.notAfter(NAME), served)
  assert.match(scheduler.stateOf(NAME).error, 'no luck (unauthorized)')
  assert.ok(Date.parse(scheduler.stateOf(NAME).renewAt ?? '') > office.clock.now())
  office.answer = () => {}
  await office.clock.advance(2 * DAY)
  assert.ok(office.notAfter(NAME) > served)
  assert.is(scheduler.stateOf(NAME).error, '')
})

test('as long as the authority asks for, nobody comes back, whatever is restarted', async () => {
  const office = createOffice()
  office.answer = () => {
    throw failure({status: 429, type: 'rateLimited', retryAfterMs: 3 * DAY})
  }
  const first = office.start()
  first.want([NAME])
  await office.clock.advance(MINUTE)
  first.close()
  for (let day = 0; day < 3; day++) {
    const again = office.start()
    again.want([NAME])
    await office.clock.advance(DAY - MINUTE)
    again.close()
  }
  assert.is(office.orders.length, 1)
  office.start().want([NAME])
  await office.clock.advance(HOUR)
  assert.is(office.orders.length, 2)
})

test('an order that a crash has cut off is made again after the back-off, not at once and again and again', async () => {
  const office = createOffice()
  office.answer = () => new Promise(() => {})
  for (let run = 0; run < 5; run++) {
    const scheduler = office.start()
    scheduler.want([NAME])
    await office.clock.advance(1_000)
    scheduler.close()
  }
  assert.is(office.orders.length, 1)
  office.answer = () => {}
  office.start().want([NAME])
  await office.clock.advance(2 * MINUTE)
  assert.is(office.orders.length, 2)
  assert.ok(office.notAfter(NAME) > 0)
})

test('four orders at once, and no name in two of them', async () => {
  const office = createOffice()
  const waiting: (() => void)[] = []
  office.answer = () => new Promise<void>(resolve => void waiting.push(resolve))
  const scheduler = office.start()
  const names = Array.from({length: 20}, (_, at) => `h${at}.example.com`)
  scheduler.want(names)
  for (let served = 0; served < 20; served++) {
    await office.clock.advance(0)
    scheduler.want([...names, ...names])
    waiting.shift()?.()
  }
  await office.clock.advance(0)
  assert.is(office.busy.most, 4)
  assert.equal(office.orders.map(({name}) => name).sort(), [...names].sort())
})

test('an authority that is down is asked by one now and then, and by all when it is back', async () => {
  const office = createOffice()
  office.answer = () => {
    throw failure({status: 0, type: 'ECONNREFUSED'})
  }
  office.start().want(Array.from({length: 20}, (_, at) => `h${at}.example.com`))
  await office.clock.advance(MINUTE - 1)
  assert.is(office.orders.length, 4)
  await office.clock.advance(MINUTE)
  assert.is(office.orders.length, 8)
  office.answer = () => {}
  await office.clock.advance(2 * HOUR)
  assert.is(office.held().length, 20)
})

test('what will never be signed is tried once a day', async () => {
  const office = createOffice()
  office.answer = () => {
    throw failure({status: 400, type: 'rejectedIdentifier', retryable: false})
  }
  office.start().want([NAME])
  await office.clock.advance(3 * DAY + 12 * HOUR)
  assert.is(office.orders.length, 4)
})

test('an operator may try again at once, but not into the limit on failures', async () => {
  const office = createOffice()
  office.answer = () => {
    throw failure({status: 403, type: 'unauthorized'})
  }
  const scheduler = office.start()
  scheduler.want([NAME])
  await office.clock.advance(1_000)
  for (let tries = 2; tries <= 4; tries++) {
    scheduler.renew(NAME)
    await office.clock.advance(1_000)
    assert.is(office.orders.length, tries)
  }
  assert.throws(
    () => scheduler.renew(NAME),
    (error: unknown) => error instanceof AppError && /failed too often: not before/.test(error.message),
  )
  await office.clock.advance(HOUR)
  scheduler.renew(NAME)
  await office.clock.advance(1_000)
  assert.is(office.orders.length, 5)
})

test('an operator may renew what is good', async () => {
  const office = createOffice()
  const scheduler = office.start()
  scheduler.want([NAME])
  await office.clock.advance(DAY)
  const before = office.notAfter(NAME)
  scheduler.renew(NAME)
  await office.clock.advance(1_000)
  assert.ok(office.notAfter(NAME) > before)
  assert.throws(() => scheduler.renew('other.example.com'), /no host on https needs/)
})

test('an operator who asks while the last certificate is being kept gets another one', async () => {
  const office = createOffice()
  const keeping = Promise.withResolvers<void>()
  office.kept = () => keeping.promise
  const scheduler = office.start()
  scheduler.want([NAME])
  await office.clock.advance(1_000)
  const before = office.notAfter(NAME)
  scheduler.renew(NAME)
  keeping.resolve()
  await office.clock.advance(1_000)
  assert.is(office.orders.length, 2)
  assert.ok(office.notAfter(NAME) > before)
  await office.clock.advance(1_000)
  assert.is(office.orders.length, 2)
})

test('what nobody wants any more is not renewed', async () => {
  const office = createOffice()
  const scheduler = office.start()
  scheduler.want([NAME])
  await office.clock.advance(DAY)
  scheduler.want([])
  await office.clock.advance(100 * DAY)
  assert.is(office.orders.length, 1)
  assert.equal(scheduler.stateOf(NAME), {renewAt: null, error: ''})
})

test.run()

// ---

function failure({
  status,
  type = '',
  retryAfterMs = null,
  retryable = true,
}: {
  status: number
  type?: string
  retryAfterMs?: number | null
  retryable?: boolean
}): AcmeError {
  return new AcmeError({status, type, detail: 'no luck', retryAfterMs, retryable})
}

function gapsOf({orders}: Office): number[] {
  return orders.slice(1).map(({atMs}, at) => atMs - (orders[at]?.atMs ?? 0))
}

function minutesOf(ms: number): number {
  return Math.floor(ms / MINUTE)
}
