// Which certificate a connection gets, and what happens to it when the set changes.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Certificate} from '../../../src/snapshot/certificate.ts'
import {authorityOf} from '../../helpers/authority.ts'
import {hasOpenssl} from '../../helpers/certificates.ts'
import {clientOf} from '../../helpers/client.ts'
import {OK, originThatAnswers} from '../../helpers/origin.ts'
import {proxyOf} from '../../helpers/proxy.ts'
import {scoped} from '../../helpers/scoped.ts'
import {refusalOf, secureTo} from '../../helpers/tls-client.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'
const UNKNOWN = 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME'
const WORDS: readonly (readonly [string | null, string, string])[] = [
  ['a.test', 'a.test', 'its own'],
  ['A.Test', 'a.test', 'in any case'],
  ['b.w.test', '*.w.test', 'the wildcard'],
  ['c.w.test', 'c.w.test', 'the exact one before the wildcard'],
  ['d.c.w.test', '', 'a wildcard is one label'],
  ['w.test', '', 'and not none'],
  ['nobody.test', '', 'nobody'],
  ['xn--bcher-kva.test', 'xn--bcher-kva.test', 'in punycode'],
]

if (!hasOpenssl) console.log('SKIP tests of TLS: openssl is missing')
const check = hasOpenssl ? test : test.skip

for (const hasDefault of [false, true]) {
  check(
    `the certificate goes by the name that is asked for, ${hasDefault ? 'else it is the default' : 'else there is none'}`,
    scoped(async scope => {
      const authority = authorityOf(scope)
      const names = ['a.test', '*.w.test', 'c.w.test', 'xn--bcher-kva.test']
      const certificates = names.map(name => authority.certificate([name]))
      if (hasDefault) certificates.push(authority.certificate(['default.test'], {isDefault: true}))
      const {httpsPort} = await proxyOf(scope, {}, {certificates})
      for (const [name, expected, why] of WORDS) {
        if (expected === '' && !hasDefault) {
          assert.is(await refusalOf(secureTo(scope, httpsPort, {name})), UNKNOWN, why)
        } else {
          const shown = await secureTo(scope, httpsPort, {name, ca: authority.ca})
          assert.is(shown.name, expected || 'default.test', why)
          assert.ok(
            shown.socket.authorizationError === null || expected === '',
            String(shown.socket.authorizationError),
          )
        }
      }
    }),
  )
}

check(
  'a client that names nobody gets the certificate of the address, else the default, else an alert',
  scoped(async scope => {
    const authority = authorityOf(scope)
    const address = authority.certificate(['127.0.0.1'])
    const other = authority.certificate(['default.test'], {isDefault: true})
    const {httpsPort, plane} = await proxyOf(scope, {}, {certificates: [address, other]})
    assert.is((await secureTo(scope, httpsPort, {name: null})).name, '127.0.0.1')
    await plane.setCertificates([other])
    assert.is((await secureTo(scope, httpsPort, {name: null})).name, 'default.test')
    await plane.setCertificates([{...other, isDefault: false}])
    assert.is(await refusalOf(secureTo(scope, httpsPort, {name: null})), UNKNOWN)
  }),
)

check(
  'a set takes the place of the one before at once, on every worker, and connections stay',
  scoped(async scope => {
    const authority = authorityOf(scope)
    const origin = await originThatAnswers(scope, OK)
    const first = authority.certificate(['a.test'])
    const {httpsPort, plane} = await proxyOf(scope, {'a.test': origin.url}, {certificates: [first], workers: 2})
    const before = await Promise.all(Array.from({length: 8}, () => secureTo(scope, httpsPort, {name: 'a.test'})))
    const serials = (connections: typeof before) =>
      new Set(connections.map(({socket}) => socket.getPeerCertificate().serialNumber))
    const second = {...first, ...authority.sign('a.test')}
    await plane.setCertificates([second])
    const after = await Promise.all(Array.from({length: 8}, () => secureTo(scope, httpsPort, {name: 'a.test'})))
    assert.is(serials(before).size, 1)
    assert.is(serials(after).size, 1)
    assert.not.equal(serials(after), serials(before))
    for (const connection of [...before, ...after]) assert.match(await connection.ask(GET, true), /^HTTP\/1.1 200 /)
    await plane.setCertificates([])
    for (const connection of before) assert.match(await connection.ask(GET, true), /^HTTP\/1.1 200 /)
    assert.is(await refusalOf(secureTo(scope, httpsPort, {name: 'a.test'})), UNKNOWN)
  }),
)

check(
  'of two certificates for one name the first of the set is used',
  scoped(async scope => {
    const authority = authorityOf(scope)
    const [one, two] = [authority.certificate(['one.test', 'a.test']), authority.certificate(['two.test', 'a.test'])]
    const {httpsPort, plane} = await proxyOf(scope, {}, {certificates: [one, two]})
    assert.is((await secureTo(scope, httpsPort, {name: 'a.test'})).name, 'one.test')
    await plane.setCertificates([two, one])
    assert.is((await secureTo(scope, httpsPort, {name: 'a.test'})).name, 'two.test')
  }),
)

check(
  'a certificate that OpenSSL cannot use ends the handshakes that ask for it, and nothing else',
  scoped(async scope => {
    const authority = authorityOf(scope)
    const broken: Certificate = {...authority.certificate(['b.test']), key: authority.sign('b.test').key}
    const {httpsPort, plane} = await proxyOf(scope, {}, {certificates: [authority.certificate(['a.test']), broken]})
    for (let i = 0; i < 3; i++) {
      assert.is(await refusalOf(secureTo(scope, httpsPort, {name: 'b.test'})), 'internal error')
      assert.is((await secureTo(scope, httpsPort, {name: 'a.test'})).name, 'a.test')
    }
    assert.equal(
      plane.workers().map(({restarts}) => restarts),
      [0],
    )
  }),
)

check(
  'TLS 1.1 is refused, TLS 1.2 is spoken unless the settings want 1.3',
  scoped(async scope => {
    const authority = authorityOf(scope)
    const certificates = [authority.certificate(['a.test'])]
    const versions = async (edge: {minTlsVersion?: 'TLSv1.3'}) => {
      const {httpsPort} = await proxyOf(scope, {}, {certificates, edge})
      const spoken: (string | null)[] = []
      for (const version of ['TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const) {
        // Our own OpenSSL would not offer the old ones otherwise.
        const only = {minVersion: version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0'}
        const attempt = secureTo(scope, httpsPort, {name: 'a.test', ...only})
        spoken.push((await refusalOf(attempt)) === '' ? (await attempt).socket.getProtocol() : null)
      }
      return spoken
    }
    assert.equal(await versions({}), [null, 'TLSv1.2', 'TLSv1.3'])
    assert.equal(await versions({minTlsVersion: 'TLSv1.3'}), [null, null, 'TLSv1.3'])
  }),
)

check(
  'who speaks plain http on the https port is told so, and other bytes end the connection',
  scoped(async scope => {
    const {httpsPort} = await proxyOf(scope, {}, {certificates: [authorityOf(scope).certificate(['a.test'])]})
    const plain = await clientOf(scope, httpsPort)
    plain.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n')
    assert.match((await plain.ended()).text, /^HTTP\/1\.1 400 .*https is spoken on this port\n$/s)
    for (const bytes of ['\0', '\x16\x02', '\x16\x03\x01\0\0', '\x16\x03\x01\xff\xff', 'SSH-2.0-x\r\n']) {
      const client = await clientOf(scope, httpsPort)
      client.send(bytes)
      assert.is((await client.ended()).text, '', JSON.stringify(bytes))
    }
  }),
)

check(
  'clients are spoken to with AES-128, unless they would rather have ChaCha20 or have nothing else',
  scoped(async scope => {
    const {httpsPort} = await proxyOf(
      scope,
      {'x.localhost': 'http://127.0.0.1:1'},
      {certificates: [authorityOf(scope).certificate(['x.localhost'])]},
    )
    const suiteFor = async (ciphers: string) =>
      (await secureTo(scope, httpsPort, {ciphers})).socket.getCipher().standardName
    const [aes256, chacha, aes128] = [
      'TLS_AES_256_GCM_SHA384',
      'TLS_CHACHA20_POLY1305_SHA256',
      'TLS_AES_128_GCM_SHA256',
    ]
    assert.is(await suiteFor(`${aes256}:${chacha}:${aes128}`), aes128)
    assert.is(await suiteFor(`${chacha}:${aes128}:${aes256}`), chacha)
    assert.is(await suiteFor(`${aes256}`), aes256)
    const before13 = 'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256'
    const {socket} = await secureTo(scope, httpsPort, {maxVersion: 'TLSv1.2', ciphers: before13})
    assert.is(socket.getCipher().name, 'ECDHE-ECDSA-AES128-GCM-SHA256')
  }),
)

test.run()
