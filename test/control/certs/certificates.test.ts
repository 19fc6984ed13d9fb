import {readFile, writeFile} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {silentLog} from '../../../src/base/log.ts'
import {
  type Certificates,
  type CertificatesParts,
  createCertificates,
  type Wanted,
} from '../../../src/control/certs/certificates.ts'
import {createLocalCa} from '../../../src/control/certs/local-ca.ts'
import type {OwnSource} from '../../../src/control/certs/own-certificates.ts'
import type {Desk} from '../../../src/control/certs/scheduler.ts'
import {stateVault} from '../../../src/control/certs/state-vault.ts'
import {openVault} from '../../../src/control/certs/vault.ts'
import type {Certificate} from '../../../src/snapshot/certificate.ts'
import {createFakeClock, type FakeClock} from '../../helpers/clock.ts'
import {type Folder, withFolder} from '../../helpers/folder.ts'
import {filesWith} from '../../helpers/scan.ts'
import {until} from '../../helpers/until.ts'

const DAY_MS = 86_400_000
const NO_ACME = 'acme is off: set it'

test(
  'local names have certificates before they are served, one each, and the same after a start',
  withFolder(async folder => {
    const desk = deskIn(folder)
    await desk.certificates.prepare(wanted('x.localhost', 'x.localhost', '[::1]', 'registry', '*'))
    assert.equal(
      desk.served().map(({names}) => names),
      [['::1'], ['registry'], ['x.localhost']],
    )
    const first = desk.served().map(({cert}) => cert)
    await desk.certificates.watch(wanted('x.localhost', '[::1]', 'registry', '*'))
    assert.is(desk.handed(), 1, 'the same set is not handed over again')
    const again = deskIn(folder)
    await again.certificates.prepare(wanted('x.localhost', '[::1]', 'registry'))
    assert.equal(
      again.served().map(({cert}) => cert),
      first,
    )
    assert.equal(
      again.certificates.rows().map(({id, state}) => [id, state]),
      [
        ['local-::1', 'valid'],
        ['local-registry', 'valid'],
        ['local-x.localhost', 'valid'],
      ],
    )
    assert.equal(again.certificates.failing(), [])
  }),
)

test(
  'a host that is being replaced keeps its certificate until the next set is served',
  withFolder(async folder => {
    const {certificates, served} = deskIn(folder)
    const names = () => served().flatMap(certificate => certificate.names)
    await certificates.watch(wanted('a.localhost'))
    await certificates.prepare(wanted('b.localhost'))
    assert.equal(names().sort(), ['a.localhost', 'b.localhost'])
    await certificates.watch(wanted('b.localhost'))
    assert.equal(names(), ['b.localhost'])
    assert.is(certificates.rows().length, 2, 'what was made is kept')
  }),
)

test(
  'they are renewed by themselves at two thirds of their life, for years',
  withFolder(async folder => {
    const {certificates, served, clock} = deskIn(folder)
    await certificates.watch(wanted('x.localhost'))
    const [first] = certificates.rows()
    const serials = new Set<string>()
    for (let day = 0; day < 800; day += 5) {
      await clock.advance(5 * DAY_MS)
      await until('a good certificate', () => certificates.rows().every(row => lifeLeft(row.notAfter, clock) > 24))
      for (const {serial} of certificates.rows()) serials.add(serial ?? '')
    }
    assert.ok(serials.size >= 12 && serials.size <= 14, `${serials.size} certificates in 800 days`)
    const [last] = certificates.rows()
    assert.is(last?.createdAt, first?.createdAt)
    assert.not.equal(last?.updatedAt, first?.updatedAt)
    assert.is(served().length, 1)
  }),
)

test(
  'own certificates go first: that of the host, then that of the settings; no other is got',
  withFolder(async folder => {
    const {certificates, served} = deskIn(folder)
    await pairIn(folder, 'all', ['a.example.com', 'b.example.com', 'x.localhost'])
    await pairIn(folder, 'own', ['b.example.com', 'other.example.com'])
    const own = [sourceOf(folder, 'all', null, true), sourceOf(folder, 'own', 'b.example.com')]
    await certificates.watch({hosts: ['a.example.com', 'b.example.com', 'x.localhost'], own})
    assert.equal(
      served().map(({id, names, isDefault}) => [id, names, isDefault]),
      [
        ['file-b.example.com', ['b.example.com'], false],
        ['file-a.example.com', ['a.example.com', 'b.example.com', 'x.localhost'], true],
      ],
    )
    assert.equal(certificates.failing(), [])
    assert.equal(await filesWith(folder.path, ['RDV']), [], 'and there is no vault for nothing')
  }),
)

test(
  'files that are replaced are read again; what cannot be used changes nothing but what is said',
  withFolder(async folder => {
    const {certificates, served, clock, handed} = deskIn(folder)
    await pairIn(folder, 'own', ['a.example.com'])
    await certificates.watch({hosts: ['a.example.com'], own: [sourceOf(folder, 'own', 'a.example.com')]})
    const [before] = served()
    const old = await readFile(folder.at('own.key'), 'utf8')
    const next = await pairIn(folder, 'next', ['a.example.com'])
    const other = await pairIn(folder, 'other', ['b.example.com'])
    const stale = await pairIn(folder, 'stale', ['a.example.com'], Date.now() - 200 * DAY_MS)
    for (const [cert, key, why] of [
      [next.cert, old, /does not belong/],
      [other.cert, other.key, /routes\.d\/own: it is for b\.example\.com/],
      [stale.cert, stale.key, /it has expired/],
      ['', next.key, /there is no certificate/],
    ] as const) {
      await folder.write({'own.pem': cert, 'own.key': key})
      await clock.advance(10_000)
      const [row] = await until('what is wrong', () =>
        some(certificates.failing().filter(({error}) => why.test(error))),
      )
      assert.is(row?.state, 'failing')
      assert.equal(served(), [before])
    }
    await folder.remove('own.pem')
    await clock.advance(10_000)
    await until('the missing file', () =>
      certificates.rows().some(({error}) => /cert cannot be read|ENOENT/.test(error)),
    )
    assert.is(handed(), 1)
    await folder.write({'own.pem': next.cert, 'own.key': next.key})
    await clock.advance(10_000)
    await until('the next', () => served()[0]?.cert === next.cert)
    assert.equal(certificates.failing(), [])
  }),
)

test(
  'a name of the public internet says why it has no certificate, and one that is brought ends that',
  withFolder(async folder => {
    const {certificates, served, clock} = deskIn(folder)
    await certificates.watch(wanted('shop.example.com', 'x.localhost'))
    const [row] = certificates.failing()
    assert.equal(
      [row?.id, row?.commonName, row?.state, row?.error],
      ['acme-shop.example.com', 'shop.example.com', 'failing', NO_ACME],
    )
    assert.equal(
      served().flatMap(({names}) => names),
      ['x.localhost'],
    )
    const {cert, key} = await pairIn(folder, 'brought', ['shop.example.com', '*.shop.example.com'])
    const imported = await certificates.import(cert, key)
    assert.equal([imported.id, imported.renewAt, imported.state], ['import-shop.example.com', null, 'valid'])
    assert.equal(certificates.failing(), [])
    assert.equal(
      served().map(({id}) => id),
      ['import-shop.example.com', 'local-x.localhost'],
    )
    assert.equal(await certificates.export('shop.example.com'), {id: 'import-shop.example.com', cert, key})
    await clock.advance(84 * DAY_MS)
    assert.is(certificates.rows().find(({id}) => id === imported.id)?.state, 'expiring')
    await clock.advance(10 * DAY_MS)
    assert.is(certificates.failing().find(({id}) => id === imported.id)?.state, 'expired')
    for (const [given, why] of [
      [[cert, (await pairIn(folder, 'other', ['b'])).key], /does not belong/],
      [[cert, key], /the certificate expired on/],
    ] as const) {
      const error = await certificates.import(given[0] ?? '', given[1] ?? '').then(() => '', String)
      assert.match(error, why)
    }
  }),
)

test(
  'a scheduler is asked for the names that nobody has brought, and what it keeps is served',
  withFolder(async folder => {
    const asked: (readonly string[])[] = []
    const state = {renewAt: null as string | null, error: ''}
    let desk: Desk | null = null
    const {certificates, served, pending} = deskIn(folder, given => {
      desk = given
      return {want: names => void asked.push(names), stateOf: () => state, renew: () => {}, close: () => {}}
    })
    await certificates.prepare(wanted('shop.example.com', '*.example.org', 'x.localhost'))
    assert.equal(asked.at(-1), ['shop.example.com', '*.example.org'])
    assert.equal(pending(), ['shop.example.com', '*.example.org'])
    assert.equal(
      certificates.rows().map(({id, state: at}) => [id, at]),
      [
        ['acme-_.example.org', 'pending'],
        ['acme-shop.example.com', 'pending'],
        ['local-x.localhost', 'valid'],
      ],
    )
    const pair = await pairIn(folder, 'issued', ['shop.example.com'])
    if (desk === null) throw new Error('the scheduler was not made')
    await (desk as Desk).keep({names: ['shop.example.com'], ...pair})
    assert.equal(pending(), ['*.example.org'])
    assert.equal(
      served().map(({id}) => id),
      ['acme-shop.example.com', 'local-x.localhost'],
    )
    assert.equal(
      (desk as Desk).kept().map(({names}) => names),
      [['shop.example.com']],
    )
    state.error = 'the authority says no'
    assert.equal(
      certificates.failing().map(({commonName, error}) => [commonName, error]),
      [
        ['*.example.org', 'the authority says no'],
        ['shop.example.com', 'the authority says no'],
      ],
    )
    assert.equal(served().length, 2, 'a renewal that fails takes nothing away')
  }),
)

test(
  'a spoiled file costs its own certificate and no other',
  withFolder(async folder => {
    const first = deskIn(folder)
    await first.certificates.watch(wanted('a.localhost', 'b.localhost'))
    const path = folder.at('state/vault/certificate/local-a.localhost.sealed')
    const bytes = await readFile(path)
    bytes[20] = (bytes[20] ?? 0) ^ 1
    await writeFile(path, bytes)
    const {certificates, served} = deskIn(folder)
    await certificates.watch(wanted('a.localhost', 'b.localhost'))
    assert.equal(
      served().flatMap(({names}) => names),
      ['b.localhost'],
    )
    const [row, ...others] = certificates.failing()
    assert.equal(others, [])
    assert.is(row?.state, 'unreadable')
    assert.ok(row?.error.includes(path), row?.error)
    assert.equal(await readFile(path), bytes, 'it is left as it is')
  }),
)

test(
  'with a wrong key files still serve, and it is said what the key should be',
  withFolder(async folder => {
    await deskIn(folder).certificates.watch(wanted('a.localhost'))
    await writeFile(folder.at('config/vault.key'), 'nine green bottles hang')
    await pairIn(folder, 'own', ['shop.example.com'])
    const {certificates, served} = deskIn(folder)
    await certificates.watch({hosts: ['a.localhost', 'shop.example.com'], own: [sourceOf(folder, 'own', null)]})
    assert.equal(
      served().flatMap(({names}) => names),
      ['shop.example.com'],
    )
    assert.match(certificates.failing()[0]?.error ?? '', /scrypt\.json is missing/)
    await folder.remove('config/vault.key')
    const lost = deskIn(folder).certificates
    await lost.watch(wanted('a.localhost'))
    assert.match(lost.failing()[0]?.error ?? '', /there is no vault key at .*vault\.key, and .* was sealed with one/)
    assert.match(await lost.import('x', 'y').then(() => '', String), /there is no certificate/)
  }),
)

test(
  'nothing that is told has a key in it, and nothing below state is in the clear',
  withFolder(async folder => {
    const lines: string[] = []
    const note = (message: string, fields?: unknown) => void lines.push(JSON.stringify([message, fields]))
    const {certificates} = deskIn(folder, NO_ACME, {debug: note, info: note, warn: note, error: note})
    const {cert, key} = await pairIn(folder, 'brought', ['shop.example.com'])
    await certificates.watch(wanted('x.localhost', 'shop.example.com'))
    await certificates.import(cert, key)
    const failure = await certificates.import(key, cert).then(() => '', String)
    const told = [...lines, JSON.stringify(certificates.rows()), failure].join('\n')
    const secrets = await Promise.all(
      ['x.localhost', 'shop.example.com'].map(async name => (await certificates.export(name)).key),
    )
    const bodies = secrets.flatMap(pem => {
      const body = pem.replace(/-----.*-----|\s/g, '')
      return [body.slice(40, 80), Buffer.from(body, 'base64').subarray(36, 68)]
    })
    assert.not.match(told, /PRIVATE/)
    for (const secret of bodies) assert.not.ok(told.includes(String(secret)))
    assert.ok(lines.length >= 2)
    assert.equal(await filesWith(folder.at('state'), ['PRIVATE KEY', 'BEGIN ', ...bodies]), [])
  }),
)

test.run()

// ---

type TestDesk = {
  readonly certificates: Certificates
  readonly clock: FakeClock
  served(): readonly Certificate[]
  pending(): readonly string[]
  /** How often a set was handed over. */
  handed(): number
}

function deskIn(folder: Folder, scheduler: CertificatesParts['scheduler'] = NO_ACME, log = silentLog): TestDesk {
  const clock = createFakeClock(Date.now())
  const vault = stateVault({state: folder.at('state'), readKey: null, env: {ROUTESD_CONFIG_DIR: folder.at('config')}})
  let served: readonly Certificate[] = []
  let pending: readonly string[] = []
  let handed = 0
  const certificates = createCertificates({
    clock,
    log,
    plane: {
      async setCertificates(next) {
        served = next
        handed++
      },
      setPendingNames(next) {
        pending = next
      },
    },
    openVault: vault.open,
    isVaultInUse: vault.isInUse,
    scheduler,
    onChange: () => {},
  })
  folder.scope.defer(() => certificates.close())
  return {certificates, clock, served: () => served, pending: () => pending, handed: () => handed}
}

function wanted(...hosts: string[]): Wanted {
  return {hosts, own: []}
}

// A certificate of somebody else's making, as files.
async function pairIn(folder: Folder, name: string, names: readonly string[], nowMs = Date.now()) {
  const key = {bytes: Buffer.from('another vault, elsewhere'), from: 'test'}
  const vault = await openVault({folder: folder.at(`elsewhere-${name}`), key})
  const pair = await createLocalCa({vault, clock: createFakeClock(nowMs)}).issue(names)
  await folder.remove(`elsewhere-${name}`)
  await folder.write({[`${name}.pem`]: pair.cert, [`${name}.key`]: pair.key})
  return pair
}

function sourceOf(folder: Folder, name: string, host: string | null, isDefault = false): OwnSource {
  const read = async () => ({
    cert: await readFile(folder.at(`${name}.pem`), 'utf8'),
    key: await readFile(folder.at(`${name}.key`), 'utf8'),
  })
  return {place: `routes.d/${name}`, host, isDefault, read}
}

function lifeLeft(notAfter: string | null, clock: FakeClock): number {
  return (Date.parse(notAfter ?? '') - clock.now()) / DAY_MS
}

function some<T>(list: readonly T[]): readonly T[] | null {
  return list.length > 0 ? list : null
}
