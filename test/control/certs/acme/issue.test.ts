// Certificates from a real authority over real http-01.

import {X509Certificate} from 'node:crypto'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {inspect} from '../../../../src/control/certs/inspect.ts'
import {labOf} from '../../../helpers/acme/issuer.ts'
import {hasPebble} from '../../../helpers/acme/pebble.ts'
import {scoped} from '../../../helpers/scoped.ts'

if (!hasPebble) console.log('SKIP pebble is not installed: nothing is ordered')
const acme = hasPebble ? test : test.skip

acme(
  'a first certificate: its chain, its own key, and nothing left to answer',
  scoped(async scope => {
    const {issuer, responder} = await labOf(scope)
    const {cert, key, names} = await issuer.issue(['shop.example.com'])
    const facts = inspect(cert, key)
    assert.equal(names, ['shop.example.com'])
    assert.equal(facts.names, ['shop.example.com'])
    assert.is((cert.match(/BEGIN CERTIFICATE/g) ?? []).length, 2)
    assert.match(key, /^-----BEGIN PRIVATE KEY-----\n/)
    assert.equal(responder.answers(), [])
    assert.ok(responder.asked() > 0)
  }),
)

acme(
  'twenty hosts at once, each with a certificate and a key of its own',
  scoped(async scope => {
    const {issuer} = await labOf(scope)
    const names = Array.from({length: 20}, (_, at) => `h${at}.example.com`)
    const issued = await Promise.all(names.map(name => issuer.issue([name])))
    for (const [at, {cert, key}] of issued.entries()) assert.equal(inspect(cert, key).names, [names[at]])
    const keys = issued.map(({cert}) => new X509Certificate(cert).publicKey.export({type: 'spki', format: 'pem'}))
    assert.is(new Set(keys).size, names.length)
  }),
)

test.run()
