// dns-01 by a service of the operator: a real server, a real authority and its name server.

import type {ServerResponse} from 'node:http'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createScope, type Scope} from '../../../../src/base/scope.ts'
import {createDnsWebhook, type DnsWebhook} from '../../../../src/control/certs/acme/dns-webhook.ts'
import {isOutage} from '../../../../src/control/certs/acme/problem.ts'
import {inspect} from '../../../../src/control/certs/inspect.ts'
import {AcmeError} from '../../../../src/control/certs/issuer.ts'
import {type Lab, labAt} from '../../../helpers/acme/issuer.ts'
import {hasPebble, type Pebble, pebbleOf} from '../../../helpers/acme/pebble.ts'
import {type DnsService, dnsServiceOf} from '../../../helpers/acme/webhook.ts'
import {scoped} from '../../../helpers/scoped.ts'

if (!hasPebble) console.log('SKIP pebble is not installed: nothing is ordered')
const acme = hasPebble ? test : test.skip

const shared = createScope()
let started: Promise<Pebble> | null = null
const pebble = () => {
  started ??= pebbleOf(shared)
  return started
}
test.after(() => shared.close())

const RECORD = '_acme-challenge.example.com'

acme(
  'a wildcard: its record is set and removed, and nothing is asked over http',
  withService(async ({lab, service, issue}) => {
    const {cert, key} = await issue()
    assert.equal(inspect(cert, key).names, ['*.example.com'])
    assert.equal(actionsOf(service), [`set ${RECORD}`, `remove ${RECORD}`])
    const [set, remove] = service.asked
    assert.match(set?.value ?? '', /^[\w-]{43}$/)
    assert.is(remove?.value, set?.value)
    assert.is(set?.authorization, undefined)
    assert.is(lab.responder.asked(), 0)
    assert.equal(lab.leftBehind, [])
  }),
)

acme(
  'on https, by an authority of one’s own and with a token, which is read again for every request',
  scoped(async scope => {
    const lab = await labAt(scope, await pebble())
    const service = await dnsServiceOf(scope, lab.pebble, 'https')
    let reads = 0
    const readSecrets = async () => ({token: `token-${++reads}`, ca: lab.pebble.ca})
    await issuerAt(lab, service, {readSecrets}).issue(['*.example.com'])
    assert.equal(
      service.asked.map(({authorization}) => authorization),
      ['Bearer token-1', 'Bearer token-2'],
    )
    const stranger = await refused(issuerAt(lab, service, {readSecrets: async () => ({token: null, ca: null})}))
    assert.match(stranger.detail, /unable to verify|self-signed/)
    assert.is(service.asked.length, 2)
  }),
)

acme(
  'what may pass is tried again, as it was',
  withService(async ({service, issue}) => {
    service.answers = [response => response.destroy(), answering(503)]
    await issue()
    assert.equal(actionsOf(service), [`set ${RECORD}`, `set ${RECORD}`, `set ${RECORD}`, `remove ${RECORD}`])
    assert.is(new Set(service.asked.map(({value}) => value)).size, 1)
  }),
)

acme(
  'what stays broken is given up after three tries, and is no outage of the authority',
  withService(async ({lab, service}) => {
    service.answers = Array.from({length: 6}, () => answering(500, 'the zone is locked'))
    const error = await refused(issuerAt(lab, service))
    assert.match(error.detail, `set ${RECORD} failed: POST ${service.url}: the zone is locked`)
    assert.not(isOutage(error))
    assert.ok(error.retryable)
    assert.equal(actionsOf(service).slice(0, 4), [
      ...Array.from({length: 3}, () => `set ${RECORD}`),
      `remove ${RECORD}`,
    ])
  }),
)

for (const [what, answer, words] of [
  ['a refusal', answering(403, 'the token is not known'), 'the token is not known'],
  [
    'a redirect',
    (response: ServerResponse) => response.writeHead(307, {location: 'http://127.0.0.1:1/'}).end(),
    'HTTP status 307, and redirects are not followed',
  ],
] as const) {
  acme(
    `${what} is said in words, and not asked for again`,
    withService(async ({lab, service}) => {
      service.answers = [answer]
      assert.match((await refused(issuerAt(lab, service))).detail, words)
      assert.equal(actionsOf(service), [`set ${RECORD}`, `remove ${RECORD}`])
    }),
  )
}

acme(
  'no answer within the deadline is none',
  withService(async ({lab, service}) => {
    service.answers = [() => {}, () => {}, () => {}]
    const error = await refused(issuerAt(lab, service, {deadlineMs: 50}))
    assert.match(error.detail, 'no answer within 50 ms')
  }),
)

acme(
  'a record that cannot be removed does not keep the certificate back',
  withService(async ({lab, service, issue}) => {
    service.answers = []
    const push = service.asked.push.bind(service.asked)
    service.asked.push = (...asked) => {
      if (asked[0]?.action === 'remove') service.answers = [answering(400)]
      return push(...asked)
    }
    await issue()
    assert.equal(lab.leftBehind, ['*.example.com'])
  }),
)

test.run()

// ---

type Bench = {readonly lab: Lab; readonly service: DnsService; issue(): Promise<{cert: string; key: string}>}

function withService(body: (bench: Bench) => Promise<void>): () => Promise<void> {
  return scoped(async (scope: Scope) => {
    const lab = await labAt(scope, await pebble())
    const service = await dnsServiceOf(scope, lab.pebble)
    await body({lab, service, issue: () => issuerAt(lab, service).issue(['*.example.com'])})
  })
}

function issuerAt(lab: Lab, {url}: DnsService, parts: Partial<DnsWebhook> = {}) {
  const readSecrets = async () => ({token: null, ca: null})
  const webhook = {url, readSecrets, propagationMs: 10, userAgent: 'routesd/test', waitsMs: [5, 10], ...parts}
  return lab.issuerWith({prover: async () => createDnsWebhook(webhook)})
}

function answering(status: number, words = ''): (response: ServerResponse) => void {
  return response => response.writeHead(status, {'content-type': 'text/plain'}).end(words)
}

function actionsOf({asked}: DnsService): string[] {
  return asked.map(({action, name}) => `${action} ${name}`)
}

async function refused(issuer: ReturnType<typeof issuerAt>): Promise<AcmeError> {
  const error = await issuer.issue(['*.example.com']).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof AcmeError)) throw new Error(`not an AcmeError: ${error}`)
  return error
}
