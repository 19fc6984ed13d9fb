import {readFile, writeFile} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {settledValue} from '../../../src/base/settle.ts'
import {inspect} from '../../../src/control/certs/inspect.ts'
import {certificateName, isCoveredBy, isLocalName} from '../../../src/control/certs/names.ts'
import {certificateId, createStore, type NewRecord, type Store} from '../../../src/control/certs/store.ts'
import {openVault} from '../../../src/control/certs/vault.ts'
import {certificates, hasOpenssl} from '../../helpers/certificates.ts'
import {withFolder} from '../../helpers/folder.ts'
import {scoped} from '../../helpers/scoped.ts'

const KEY = {bytes: Buffer.from('nine green bottles'), from: 'test'}
const AT = '2026-01-01T00:00:00.000Z'
const LATER = '2026-02-01T00:00:00.000Z'
const made = hasOpenssl ? test : test.skip
if (!hasOpenssl) console.log('SKIP what openssl has to make: it is not there')

made(
  'a certificate is kept with its key, and keeps the time of the first',
  withFolder(async folder => {
    const {server, address} = certificates(folder.scope)
    const store = createStore(await openVault({folder: folder.path, key: KEY}))
    const id = certificateId('import', ['inner.test'])
    const first = await put(store, {id, names: ['inner.test'], ...server, issuer: 'import', updatedAt: AT})
    assert.is(first.createdAt, AT)
    const next = {id, names: ['127.0.0.1'], ...address, issuer: 'import', updatedAt: LATER} as const
    assert.equal(await put(store, next), {...next, createdAt: AT})
    const {kept, unreadable} = await store.load()
    assert.equal(kept, [{record: {...next, createdAt: AT}, facts: inspect(address.cert, address.key)}])
    assert.equal(unreadable, [])
    await store.remove(id)
    assert.equal(await store.load(), {kept: [], unreadable: []})
  }),
)

made(
  'a key of another certificate is not kept',
  withFolder(async folder => {
    const {server, client} = certificates(folder.scope)
    const store = createStore(await openVault({folder: folder.path, key: KEY}))
    const mixed = {
      id: 'import-x',
      names: ['x'],
      cert: server.cert,
      key: client.key,
      issuer: 'import',
      updatedAt: AT,
    } as const
    const error = await put(store, mixed).then(() => 'kept', String)
    assert.match(error, /the key does not belong to the certificate/)
    assert.equal(await store.load(), {kept: [], unreadable: []})
  }),
)

made(
  'what cannot be read is named, and the others are there',
  withFolder(async folder => {
    const {server} = certificates(folder.scope)
    const vault = await openVault({folder: folder.path, key: KEY})
    const store = createStore(vault)
    for (const id of ['import-a', 'import-b', 'import-c'])
      await put(store, {id, names: ['inner.test'], ...server, issuer: 'import', updatedAt: AT})
    const path = vault.pathOf('certificate', 'import-b')
    await writeFile(path, (await readFile(path)).subarray(1))
    await vault.write('certificate', 'import-d', Buffer.from('{"names": []}'))
    const {kept, unreadable} = await store.load()
    assert.equal(
      kept.map(({record}) => record.id),
      ['import-a', 'import-c'],
    )
    assert.equal(
      unreadable.map(({id}) => id),
      ['import-b', 'import-d'],
    )
    assert.ok(unreadable[0]?.message.includes(path))
    assert.match(unreadable[1]?.message ?? '', /import-d\.sealed holds no certificate record/)
  }),
)

made(
  'a certificate that cannot be used is refused in words that say why',
  scoped(async scope => {
    const {ca, server, address, client, selfSigned} = certificates(scope)
    const encrypted = '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n'
    for (const [cert, key, why] of [
      ['', server.key, /there is no certificate/],
      [server.key, server.key, /there is no certificate/],
      ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', server.key, /cannot be read/],
      [server.cert, '', /no PEM of a private key/],
      [server.cert, server.cert, /no PEM of a private key/],
      [server.cert, encrypted, /the key is encrypted/],
      [server.cert, client.key, /does not belong/],
      [ca + server.cert, server.key, /wrong order: that of the key comes first/],
      [server.cert + address.cert, server.key, /wrong order: number 2 did not sign number 1/],
      [server.cert + ca + address.cert, server.key, /wrong order: number 3 did not sign number 2/],
      [server.cert.repeat(30), server.key, /30 certificates/],
    ] as const) {
      assert.throws(
        () => inspect(cert, key),
        (error: Error) => {
          assert.match(error.message, why)
          assert.not.match(error.message, /PRIVATE KEY/)
          return true
        },
      )
    }
    const facts = inspect(server.cert + ca, server.key)
    assert.equal([facts.commonName, facts.names, facts.issuer], ['inner.test', ['inner.test'], 'test ca'])
    assert.match(facts.serial, /^[0-9a-f]{16,}$/)
    assert.equal(inspect(selfSigned.cert, selfSigned.key).names, ['inner.test', '127.0.0.1'])
    assert.equal(inspect(address.cert, address.key).names, ['127.0.0.1'])
  }),
)

test('which names are ours, and which certificate is good for a name', () => {
  for (const name of ['localhost', 'x.localhost', '*.localhost', '127.0.0.1', '::1', '8.8.8.8', 'registry'])
    assert.ok(isLocalName(name), name)
  for (const name of ['example.com', 'a.example.com', '*.example.com', 'localhost.example.com', 'xlocalhost.com'])
    assert.not.ok(isLocalName(name), name)
  assert.is(certificateName('[0:0::1]'), '::1')
  assert.is(certificateName('x.localhost'), 'x.localhost')
  assert.ok(isCoveredBy('a.example.com', ['*.example.com']))
  assert.ok(isCoveredBy('*.example.com', ['*.example.com']))
  assert.not.ok(isCoveredBy('a.b.example.com', ['*.example.com']))
  assert.not.ok(isCoveredBy('example.com', ['*.example.com']))
  assert.not.ok(isCoveredBy('*.example.com', ['*.com']))
  assert.not.ok(isCoveredBy('1.2.3.4', ['*.2.3.4']))
})

test.run()

// ---

async function put(store: Store, record: NewRecord) {
  return settledValue((await store.putEach([record]))[0]).record
}
