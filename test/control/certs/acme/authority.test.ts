// What authorities do on bad days, and what Let's Encrypt does and Pebble does not: a front of Pebble does it.

import {X509Certificate} from 'node:crypto'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createScope, type Scope} from '../../../../src/base/scope.ts'
import type {AcmeIssuer} from '../../../../src/control/certs/acme/issuer.ts'
import {createTransport} from '../../../../src/control/certs/acme/transport.ts'
import {inspect} from '../../../../src/control/certs/inspect.ts'
import {AcmeError} from '../../../../src/control/certs/issuer.ts'
import {type Fault, type Front, frontOf} from '../../../helpers/acme/front.ts'
import {type Lab, labAt, labOf} from '../../../helpers/acme/issuer.ts'
import {hasPebble, type Pebble, pebbleOf} from '../../../helpers/acme/pebble.ts'
import {scoped} from '../../../helpers/scoped.ts'

if (!hasPebble) console.log('SKIP pebble is not installed: nothing is ordered')
const acme = hasPebble ? test : test.skip

// One for those that ask nothing special of it: its own keys take it seconds.
const shared = createScope()
let started: Promise<Pebble> | null = null
const pebble = () => {
  started ??= pebbleOf(shared)
  return started
}
test.after(() => shared.close())

acme(
  'too many orders: what it says and how long it asks to wait are kept',
  faulty({kind: 'limit', path: 'order-plz', retryAfterS: 3600}, async ({issuer}) => {
    const error = await refused(issuer)
    assert.is(error.status, 429)
    assert.is(error.type, 'urn:ietf:params:acme:error:rateLimited')
    assert.match(error.detail, 'too many certificates')
    assert.is(error.retryAfterMs, 3_600_000)
    assert.ok(error.retryable)
  }),
)

for (const path of ['dir', 'nonce-plz', 'order-plz', 'finalize-order/']) {
  acme(
    `busy at ${path}: a page of HTML is an error with its Retry-After`,
    faulty({kind: 'busy', path}, async ({issuer}) => {
      const error = await refused(issuer)
      assert.is(error.status, 503)
      assert.is(error.retryAfterMs, 7_000)
      // An answer to HEAD has no page.
      assert.match(error.detail, path === 'nonce-plz' ? 'HTTP status 503' : 'Service busy; retry later')
      assert.not.match(error.detail, '<')
    }),
  )
}

for (const kind of ['hang', 'stall'] as const) {
  acme(
    `an answer that does not come (${kind}) ends with the deadline`,
    faulty({kind, path: 'order-plz'}, async ({issuer}) => {
      const error = await refused(issuer)
      assert.is(error.type, 'ETIMEDOUT')
      assert.ok(error.retryable)
    }),
  )
}

acme(
  'a connection that is reset is an error of the system, and the next order goes well',
  faulty({kind: 'reset', path: 'finalize-order/'}, async ({issuer, front, lab}) => {
    assert.is((await refused(issuer)).type, 'ECONNRESET')
    assert.equal(lab.responder.answers(), [])
    front.faults = []
    await issuer.issue(['shop.example.com'])
  }),
)

acme(
  'nobody there: refused, and said so',
  scoped(async scope => {
    const lab = await labOf(scope)
    await lab.pebble.stop()
    const error = await refused(lab.issuer)
    assert.is(error.type, 'ECONNREFUSED')
    assert.is(error.status, 0)
  }),
)

acme(
  'a validation that takes its time is answered once and then looked at',
  faulty({kind: 'slow-validation', ms: 400}, async ({issuer, front}) => {
    await issuer.issue(['shop.example.com'])
    assert.ok((front.counts['POST chalZ'] ?? 0) > 2)
  }),
)

acme(
  'a certificate that is there at once is taken at once',
  faulty({kind: 'finalize-at-once'}, async ({issuer, front}) => {
    await issuer.issue(['shop.example.com'])
    assert.is(front.counts['POST finalize-order'], 1)
  }),
)

acme(
  'a wrong answer to the challenge: what the authority saw, and no answer left',
  scoped(async scope => {
    const {issuer, responder} = await labAt(scope, await pebble())
    responder.lie('nonsense')
    const error = await refused(issuer)
    assert.is(error.type, 'urn:ietf:params:acme:error:unauthorized')
    assert.match(error.detail, 'shop.example.com was not validated (http-01)')
    assert.match(error.detail, 'nonsense')
    assert.equal(responder.answers(), [])
  }),
)

acme(
  'every second nonce refused, twenty orders at once',
  scoped(async scope => {
    const {issuer} = await labOf(scope, {badNonces: 50})
    // One of a hundred requests is refused seven times.
    const outcomes = await Promise.allSettled(Array.from({length: 20}, (_, at) => issuer.issue([`h${at}.example.com`])))
    const issued = outcomes.filter(({status}) => status === 'fulfilled').length
    assert.ok(issued >= 15, `${issued} of 20`)
  }),
)

acme(
  'an authority that insists on the letter, and one that uses authorizations again',
  scoped(async scope => {
    const {issuer} = await labOf(scope, {isStrict: true, reusedAuthorizations: 100})
    const first = await issuer.issue(['shop.example.com'])
    const second = await issuer.issue(['shop.example.com'])
    assert.is.not(inspect(first.cert, first.key).serial, inspect(second.cert, second.key).serial)
  }),
)

acme(
  'an account that the authority has forgotten is opened again with the same key',
  faulty(
    {kind: 'refuse', path: 'order-plz', status: 400, type: 'accountDoesNotExist', times: 1},
    async ({issuer, front}) => {
      await issuer.issue(['shop.example.com'])
      assert.is(front.counts['POST sign-me-up'], 2)
      await issuer.issue(['www.example.com'])
      assert.is(front.counts['POST sign-me-up'], 2)
    },
  ),
)

acme(
  'the key of the account is sealed before the authority sees it',
  faulty({kind: 'reset', path: 'sign-me-up'}, async ({issuer, front, lab}) => {
    await refused(issuer)
    const [name = ''] = await lab.vault.list('acme-account')
    const sealed = await lab.vault.read('acme-account', name)
    front.faults = []
    await lab.issuerWith({directoryUrl: front.directoryUrl}).issue(['shop.example.com'])
    const after = JSON.parse(String(await lab.vault.read('acme-account', name)))
    assert.equal(after.key, JSON.parse(String(sealed)).key)
    assert.type(after.kid, 'string')
  }),
)

acme(
  'contacts are told only where there are some',
  scoped(async scope => {
    const lab = await labAt(scope, await pebble())
    const front = await frontOf(scope, lab.pebble)
    await lab.issuerWith({directoryUrl: front.directoryUrl}).issue(['shop.example.com'])
    assert.equal(front.said('sign-me-up'), {termsOfServiceAgreed: true})
    const other = await frontOf(scope, lab.pebble)
    await lab.issuerWith({directoryUrl: other.directoryUrl, email: 'ops@example.com'}).issue(['shop.example.com'])
    assert.equal(other.said('sign-me-up'), {termsOfServiceAgreed: true, contact: ['mailto:ops@example.com']})
  }),
)

acme(
  'an external account: bound with its key, and asked for in words without one',
  scoped(async scope => {
    const hmacKey = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'
    const lab = await labOf(scope, {externalKeys: {'kid-1': hmacKey}})
    assert.match((await refused(lab.issuer)).detail, 'set acme.eab')
    await lab.issuerWith({externalAccount: {keyId: 'kid-1', hmacKey}}).issue(['shop.example.com'])
  }),
)

acme(
  'a profile is asked for by its name',
  faulty(null, async ({issuer, front}) => {
    await issuer.issue(['shop.example.com'], {profile: 'shortlived'})
    assert.is(front.said('order-plz')['profile'], 'shortlived')
  }),
)

acme(
  'a suggested time, and the certificate that is replaced, go by the identifier of RFC 9773',
  faulty(null, async ({issuer, front}) => {
    const startMs = Date.parse('2027-01-01T00:00:00Z')
    front.window = {startMs, endMs: startMs + 86_400_000, retryAfterS: 21_600}
    const first = await issuer.issue(['shop.example.com'])
    assert.equal(await issuer.renewalInfo(first.cert), {startMs, endMs: startMs + 86_400_000, retryAfterMs: 21_600_000})
    await issuer.issue(['shop.example.com'], {replaces: first.cert})
    const [, serial = ''] = (front.renewalIds[0] ?? '').split('.')
    assert.is(front.said('order-plz')['replaces'], front.renewalIds[0])
    assert.is(BigInt(`0x${Buffer.from(serial, 'base64url').toString('hex')}`), serialOf(first.cert))
  }),
)

acme(
  'a certificate that was replaced already is renewed all the same',
  faulty(
    {kind: 'refuse', path: 'order-plz', status: 409, type: 'alreadyReplaced', times: 1},
    async ({issuer, front}) => {
      front.window = {startMs: 0, endMs: 1, retryAfterS: 60}
      const faults = front.faults
      front.faults = []
      const first = await issuer.issue(['shop.example.com'])
      front.faults = faults
      await issuer.issue(['shop.example.com'], {replaces: first.cert})
      assert.not('replaces' in front.said('order-plz'))
      assert.is(front.counts['POST order-plz'], 3)
    },
  ),
)

acme(
  'an authority without suggestions has none',
  faulty(null, async ({issuer}) => {
    const {cert} = await issuer.issue(['shop.example.com'])
    assert.is(await issuer.renewalInfo(cert), null)
  }),
)

acme(
  'names that no public authority signs are refused before anything is sent',
  faulty(null, async ({issuer, front}) => {
    for (const [name, words] of [
      ['*.example.com', 'needs acme.dns'],
      ['münchen.example.com', 'is no name'],
      ['localhost', 'is no name'],
    ] as const) {
      const error = await issuer.issue([name]).catch((thrown: unknown) => thrown)
      assert.instance(error, AcmeError)
      assert.match((error as AcmeError).detail, words)
      assert.not((error as AcmeError).retryable)
    }
    assert.is(front.counts['POST order-plz'], undefined)
  }),
)

test('an https directory that leads to http is not followed', async () => {
  const {send} = createTransport({userAgent: 'routesd/test', ca: null, isSecure: true})
  const error = await send({method: 'GET', url: 'http://127.0.0.1:1/'}).catch((thrown: unknown) => thrown)
  assert.instance(error, AcmeError)
  assert.match((error as AcmeError).detail, 'leads elsewhere')
})

test.run()

// ---

type Bad = {readonly lab: Lab; readonly front: Front; readonly issuer: AcmeIssuer}

function faulty(fault: Fault | null, body: (bad: Bad) => Promise<void>): () => Promise<void> {
  return scoped(async (scope: Scope) => {
    const lab = await labAt(scope, await pebble())
    const front = await frontOf(scope, lab.pebble)
    front.faults = fault === null ? [] : [fault]
    const issuer = lab.issuerWith({directoryUrl: front.directoryUrl, deadlineMs: 2_000})
    await body({lab, front, issuer})
  })
}

async function refused(issuer: AcmeIssuer): Promise<AcmeError> {
  const error = await issuer.issue(['shop.example.com']).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof AcmeError)) throw new Error(`not an AcmeError: ${error}`)
  return error
}

function serialOf(pem: string): bigint {
  return BigInt(`0x${new X509Certificate(pem).serialNumber}`)
}
