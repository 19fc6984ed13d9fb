// Sessions are taken up again at every worker, for two periods of the keys, and never at another host.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {systemClock} from '../../../src/base/clock.ts'
import {authorityOf} from '../../helpers/authority.ts'
import {hasOpenssl} from '../../helpers/certificates.ts'
import {createFakeClock} from '../../helpers/clock.ts'
import {OK, originThatAnswers} from '../../helpers/origin.ts'
import {proxyOf} from '../../helpers/proxy.ts'
import {scoped} from '../../helpers/scoped.ts'
import {secureTo} from '../../helpers/tls-client.ts'
import {until} from '../../helpers/until.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n'
const PERIOD_MS = 12 * 3_600_000

if (!hasOpenssl) console.log('SKIP tests of TLS: openssl is missing')
const check = hasOpenssl ? test : test.skip

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  check(
    `${maxVersion}: a session is resumed at any of two workers`,
    scoped(async scope => {
      const origin = await originThatAnswers(scope, OK)
      const certificates = [authorityOf(scope).certificate(['a.test'])]
      const {httpsPort} = await proxyOf(scope, {'a.test': origin.url}, {certificates, workers: 2})
      const first = await secureTo(scope, httpsPort, {name: 'a.test', maxVersion})
      assert.not.ok(first.isResumed)
      assert.match(await first.ask(GET), /ok$/)
      const session = await until('a ticket', () => first.session())
      // By chance all of these meet the worker that made the ticket once in a million times.
      for (let i = 0; i < 20; i++) {
        const again = await secureTo(scope, httpsPort, {name: 'a.test', maxVersion, session})
        assert.ok(again.isResumed, `connection ${i}`)
        assert.match(await again.ask(GET), /ok$/)
      }
    }),
  )

  check(
    `${maxVersion}: a session outlives one change of the keys, and not two`,
    scoped(async scope => {
      const origin = await originThatAnswers(scope, OK)
      const certificates = [authorityOf(scope).certificate(['a.test'])]
      const fake = createFakeClock()
      const clock = {
        ...fake,
        after: (ms: number, fn: () => void) => (ms < PERIOD_MS ? systemClock : fake).after(ms, fn),
      }
      const {httpsPort, plane} = await proxyOf(scope, {'a.test': origin.url}, {certificates, clock})
      const secure = (session?: Buffer) =>
        secureTo(scope, httpsPort, {name: 'a.test', maxVersion, ...(session ? {session} : {})})
      const first = await secure()
      await first.ask(GET)
      const session = await until('a ticket', () => first.session())
      await fake.advance(PERIOD_MS)
      await plane.setChallenges([])
      assert.ok((await secure(session)).isResumed, 'after one period')
      const second = await secure()
      await second.ask(GET)
      const next = await until('a ticket', () => second.session())
      await fake.advance(PERIOD_MS)
      await plane.setChallenges([])
      assert.not.ok((await secure(session)).isResumed, 'after two periods')
      assert.ok((await secure(next)).isResumed, 'of the period before')
    }),
  )
}

check(
  'a renewed certificate does not end sessions of its names',
  scoped(async scope => {
    const authority = authorityOf(scope)
    const origin = await originThatAnswers(scope, OK)
    const {httpsPort, plane} = await proxyOf(
      scope,
      {'a.test': origin.url},
      {certificates: [authority.certificate(['a.test'])]},
    )
    const first = await secureTo(scope, httpsPort, {name: 'a.test'})
    await first.ask(GET)
    const session = await until('a ticket', () => first.session())
    await plane.setCertificates([authority.certificate(['a.test'], {id: 'renewed'})])
    assert.ok((await secureTo(scope, httpsPort, {name: 'a.test', session})).isResumed)
  }),
)

test.run()
