// openssl is the judge of what we sign.

import {spawnSync} from 'node:child_process'
import {generateKeyPairSync} from 'node:crypto'
import {once} from 'node:events'
import {connect, createServer, type Server} from 'node:tls'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {systemClock} from '../../../src/base/clock.ts'
import {integer, oid, time} from '../../../src/control/certs/der.ts'
import {inspect} from '../../../src/control/certs/inspect.ts'
import {createLocalCa} from '../../../src/control/certs/local-ca.ts'
import {PRIVATE} from '../../../src/control/certs/names.ts'
import {openVault} from '../../../src/control/certs/vault.ts'
import {signCertificate} from '../../../src/control/certs/x509.ts'
import {hasOpenssl} from '../../helpers/certificates.ts'
import {createFakeClock} from '../../helpers/clock.ts'
import {type Folder, withFolder} from '../../helpers/folder.ts'
import {filesWith} from '../../helpers/scan.ts'

const DAY_MS = 86_400_000
const KEY = {bytes: Buffer.from('nine green bottles'), from: 'test'}
const judged = hasOpenssl ? test : test.skip
if (!hasOpenssl) console.log('SKIP what openssl has to judge: it is not there')

judged(
  'a certificate for each kind of name is good to openssl for that name, by its root alone',
  withFolder(async folder => {
    const ca = await localCaIn(folder)
    for (const name of [
      'localhost',
      'x.localhost',
      'a.b.localhost',
      '127.0.0.1',
      '10.1.2.3',
      '::1',
      'fe80::1',
      'registry',
      '8.8.8.8',
      '2001:db8::1',
    ]) {
      const {cert, key} = await ca.issue([name])
      assert.equal(inspect(cert, key).names, [name])
      await folder.write({'leaf.pem': cert, 'roots.pem': (await ca.roots()).join('')})
      const flag = /^[\d.]+$|:/.test(name) ? '-verify_ip' : '-verify_hostname'
      const judgement = openssl(
        folder,
        'verify',
        '-x509_strict',
        '-purpose',
        'sslserver',
        '-CAfile',
        'roots.pem',
        flag,
        name,
        'leaf.pem',
      )
      assert.match(judgement, /leaf\.pem: OK/, name)
    }
    assert.is((await ca.roots()).length, 2)
  }),
)

judged(
  'what is in them',
  withFolder(async folder => {
    const ca = await localCaIn(folder)
    const {cert} = await ca.issue(['x.localhost', '127.0.0.1'])
    const [root = ''] = await ca.roots()
    await folder.write({'leaf.pem': cert, 'root.pem': root})
    const leaf = openssl(folder, 'x509', '-in', 'leaf.pem', '-noout', '-text')
    for (const part of [
      /Version: 3/,
      /Signature Algorithm: ecdsa-with-SHA256/,
      /Issuer: CN = routesd local CA [0-9a-f]{6}\n/,
      /Subject: CN = x\.localhost\n/,
      /NIST CURVE: P-256/,
      /Basic Constraints: critical\s+CA:FALSE/,
      /Key Usage: critical\s+Digital Signature\n/,
      /Extended Key Usage: \s+TLS Web Server Authentication\n/,
      /Subject Alternative Name: \s+DNS:x\.localhost, IP Address:127\.0\.0\.1\n/,
    ])
      assert.match(leaf, part)
    const authority = openssl(folder, 'x509', '-in', 'root.pem', '-noout', '-text')
    for (const part of [
      /Basic Constraints: critical\s+CA:TRUE, pathlen:0/,
      /Key Usage: critical\s+Certificate Sign, CRL Sign\n/,
      /Name Constraints: critical\s+Permitted:\s+DNS:localhost\s+IP:127\.0\.0\.0\/255\.0\.0\.0\s+IP:10\.0\.0\.0\/255\.0\.0\.0\s+IP:172\.16\.0\.0\/255\.240\.0\.0/,
      /IP:FC00:0:0:0:0:0:0:0\/FE00:0:0:0:0:0:0:0/,
    ])
      assert.match(authority, part)
    const idOf = (text: string, kind: string) => new RegExp(`${kind} Key Identifier: \\s+([0-9A-F:]+)`).exec(text)?.[1]
    assert.ok(idOf(authority, 'Subject'))
    assert.is(idOf(leaf, 'Authority'), idOf(authority, 'Subject'))
    const days = (text: string) => {
      const [before, after] = ['Before', 'After'].map(word =>
        Date.parse(new RegExp(`Not ${word} ?: (.*)`).exec(text)?.[1] ?? ''),
      )
      return ((after ?? 0) - (before ?? 0)) / DAY_MS
    }
    assert.is(days(leaf), 91)
    assert.is(days(authority), 3651)
  }),
)

judged(
  'whoever has stolen the key of the root can use it for nothing of the public internet',
  withFolder(async folder => {
    const pair = generateKeyPairSync('ec', {namedCurve: 'P-256'})
    const base = {issuer: 'r', publicKey: pair.publicKey, issuerPublicKey: pair.publicKey, issuerKey: pair.privateKey}
    const dates = {notBeforeMs: Date.now() - DAY_MS, notAfterMs: Date.now() + DAY_MS}
    const root = signCertificate({...base, ...dates, subject: 'r', use: {kind: 'authority', permitted: PRIVATE}})
    await folder.write({'root.pem': root})
    for (const name of ['example.com', 'localhost.example.com', '8.8.8.8', '2001:db8::1']) {
      await folder.write({
        'leaf.pem': signCertificate({...base, ...dates, subject: '', use: {kind: 'server', names: [name]}}),
      })
      assert.match(openssl(folder, 'verify', '-CAfile', 'root.pem', 'leaf.pem'), /permitted subtree violation/, name)
    }
  }),
)

test(
  'a client that trusts the root talks to a server with such a certificate',
  withFolder(async folder => {
    const ca = await localCaIn(folder)
    const {cert, key} = await ca.issue(['x.localhost', '127.0.0.1'])
    const [root = ''] = await ca.roots()
    const server: Server = createServer({cert, key}, socket => socket.end('hello')).listen(0, '127.0.0.1')
    folder.scope.defer(() => server.close())
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    for (const servername of ['x.localhost', '']) {
      const client = connect({host: '127.0.0.1', port, ca: root, ...(servername ? {servername} : {})})
      await once(client, 'secureConnect')
      assert.ok(client.authorized)
      client.destroy()
    }
  }),
)

test(
  'the root is the same after a start, and another one before it ends; nothing of its key lies on the disk',
  withFolder(async folder => {
    const clock = createFakeClock(Date.now())
    const vault = await openVault({folder: folder.at('vault'), key: KEY})
    const first = createLocalCa({vault, clock})
    assert.equal(await first.roots(), [], 'asking makes none')
    await first.issue(['localhost'])
    const [root] = await first.roots()
    const again = createLocalCa({vault: await openVault({folder: folder.at('vault'), key: KEY}), clock})
    await again.issue(['x.localhost'])
    assert.equal(await again.roots(), [root])
    await clock.advance(3559 * DAY_MS)
    await again.issue(['localhost'])
    assert.equal(await again.roots(), [root])
    await clock.advance(2 * DAY_MS)
    await again.issue(['localhost'])
    assert.not.equal(await again.roots(), [root])
    const {key = ''} = JSON.parse(String(await vault.read('local-ca', 'private')))
    const der = Buffer.from(key.replace(/-----.*-----|\s/g, ''), 'base64')
    // The 32 bytes of the private number stand 36 bytes into PKCS #8 of P-256.
    assert.equal(
      await filesWith(folder.path, ['PRIVATE KEY', der.subarray(36, 68), der.toString('base64').slice(20, 60)]),
      [],
    )
  }),
)

test(
  'many askers at once make one root',
  withFolder(async folder => {
    const ca = await localCaIn(folder)
    const made = await Promise.all(Array.from({length: 20}, (_, n) => ca.issue([`h${n}.localhost`])))
    const issuers = new Set(made.map(({cert, key}) => inspect(cert, key).issuer))
    assert.is(issuers.size, 1)
    assert.is((await ca.roots()).length, 1)
  }),
)

test('numbers, names of things and times as X.690 and RFC 5280 have them', () => {
  const hex = (bytes: Buffer) => bytes.toString('hex')
  assert.is(hex(integer(Buffer.from([0]))), '020100')
  assert.is(hex(integer(Buffer.from([0, 0, 127]))), '02017f')
  assert.is(hex(integer(Buffer.from([128]))), '02020080')
  assert.is(hex(integer(Buffer.alloc(200, 1))).slice(0, 8), '0281c801')
  assert.is(hex(oid('1.2.840.10045.4.3.2')), '06082a8648ce3d040302')
  assert.is(String(time(Date.UTC(2049, 11, 31, 23, 59, 59)).subarray(2)), '491231235959Z')
  assert.is(String(time(Date.UTC(2050, 0, 1)).subarray(2)), '20500101000000Z')
})

test.run()

// ---

async function localCaIn(folder: Folder) {
  return createLocalCa({vault: await openVault({folder: folder.at('vault'), key: KEY}), clock: systemClock})
}

function openssl(folder: Folder, ...args: string[]): string {
  const {stdout, stderr} = spawnSync('openssl', args, {cwd: folder.path, encoding: 'utf8'})
  return stdout + stderr
}
