// kill -9 while a vault is made, certificates are ordered, renewed, and sealed with another key. After each: every certificate
// that there was is there, old or new, with its own key; no key lies open on the disk; no order is left alone for longer than
// its back-off.

import {createPrivateKey} from 'node:crypto'
import {cp, mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import * as assert from 'uvu/assert'
import {createAdminClient} from '../../../src/admin/client.ts'
import {createScope} from '../../../src/base/scope.ts'
import {readKeyFile} from '../../../src/control/certs/key-file.ts'
import {createStore} from '../../../src/control/certs/store.ts'
import {hasSealedFiles, openVault, type Vault} from '../../../src/control/certs/vault.ts'
import {type HttpsDaemon, httpsDaemonIn, routeOf} from '../../helpers/acme/daemon.ts'
import type {Folder} from '../../helpers/folder.ts'
import {filesBelow, filesWith} from '../../helpers/scan.ts'
import {secureTo} from '../../helpers/tls-client.ts'
import {until} from '../../helpers/until.ts'
import {createRandom, type Random} from '../random.ts'
import {
  arm,
  chooseDeath,
  type Death,
  found,
  type Kills,
  nodeArgsOf,
  noteDeath,
  type Tally,
  untilDead,
  untilSo,
} from './plan.ts'

/** Throws what is wrong, with the round and what was done in it. */
export async function killCertificates(folder: Folder, {rounds, seed, limitMs}: Kills): Promise<Tally> {
  const began = performance.now()
  const tally: Tally = {rounds: 0, deaths: new Map()}
  const random = createRandom(seed)
  const daemon = await httpsDaemonIn(folder, [hostOf(0)])
  const bench: Bench = {
    folder,
    daemon,
    random,
    tally,
    root: await daemon.pebble.root(),
    admin: createAdminClient(folder.at('.routesd/admin.sock'), ACTION_MS),
    hosts: [hostOf(0)],
    known: new Set(),
    tries: new Map(),
    named: 1,
  }
  await daemon.row(`acme-${hostOf(0)}`, ({state}) => state === 'valid')
  await killNow(daemon)
  for (; tally.rounds < rounds && performance.now() - began < limitMs; tally.rounds++) {
    const kind = KINDS[tally.rounds % KINDS.length] ?? 'order'
    const death = chooseDeath(random, CHANGES[kind])
    try {
      if (kind === 'first') await begin(bench, death)
      else await act(bench, kind, death)
      await checkDisk(bench)
      if (random.chance(TWICE)) await dieAgain(bench)
    } catch (error) {
      throw found(error, `round ${tally.rounds} of seed ${seed}, ${kind}`, death, daemon.running())
    }
  }
  await startAndCheck(bench)
  const abandoned = (await filesBelow(folder.at('.routesd'))).filter(path => path.endsWith('.tmp'))
  assert.ok(abandoned.length <= ABANDONED_MAX, `${abandoned.length} temporary files: ${abandoned}`)
  return tally
}

// ---

type Kind = 'first' | 'order' | 'renew' | 'rekey'

type Bench = {
  readonly folder: Folder
  readonly daemon: HttpsDaemon
  readonly random: Random
  readonly tally: Tally
  /** Who signs, after all. */
  readonly root: string
  readonly admin: ReturnType<typeof createAdminClient>
  hosts: string[]
  /** Those that have had a certificate. */
  readonly known: Set<string>
  /** Orders that may have been cut off, since the last that was not. */
  readonly tries: Map<string, number>
  named: number
}

const KINDS = ['first', 'order', 'renew', 'rekey'] as const
/** About as many changes as each makes; beyond them it is killed when it is done. */
const CHANGES: Readonly<Record<Kind, number>> = {first: 80, order: 45, renew: 20, rekey: 40}
const TWICE = 0.25
const ACTION_MS = 30_000
const HEAL_MAX = 3
/** RFC 9773 is not spoken here, so it is 1, 10, 100 minutes and then a day, and up to a tenth more (src/control/certs/acme/plan.ts). */
const BACK_OFF_MS = [60_000, 600_000, 6_000_000, 86_400_000]
/** What was half written is removed by a start that is a minute later; so many may be younger. */
const ABANDONED_MAX = 60

const hostOf = (at: number) => `h${at}.example.com`

// Everything anew: the key of the vault, the account, the first certificate.
async function begin(bench: Bench, death: Death): Promise<void> {
  const {folder, daemon, known, tries} = bench
  await folder.remove('.routesd')
  await folder.remove('config')
  known.clear()
  tries.clear()
  bench.hosts = []
  const host = await addHost(bench)
  const started = daemon.start(nodeArgsOf(folder.path, death, true))
  const work = started.then(() => untilSo(daemon.running(), async () => (await rowOf(bench, host))?.state === 'valid'))
  await die(bench, 'first', death, work)
}

async function act(bench: Bench, kind: Exclude<Kind, 'first'>, death: Death): Promise<void> {
  const {folder, daemon, admin, random, tries} = bench
  await startAndCheck(bench, nodeArgsOf(folder.path, death, false))
  await heal(bench)
  await arm(daemon.running(), folder.path)
  const host = random.pick(bench.hosts)
  const work = {
    order: async () => {
      const added = await addHost(bench)
      await untilSo(daemon.running(), async () => (await rowOf(bench, added))?.state === 'valid')
    },
    renew: async () => {
      tries.set(host, 1)
      const {serial} = await admin.renewCert(`acme-${host}`)
      await untilSo(daemon.running(), async () => (await rowOf(bench, host))?.serial !== serial)
    },
    rekey: () => admin.rekey({key: null, from: ''}),
  }
  await die(bench, kind, death, work[kind]())
}

// A start has to finish what the last run was killed in, and may be killed in that.
async function dieAgain(bench: Bench): Promise<void> {
  const {folder, daemon, random} = bench
  const death = chooseDeath(random, 12)
  const work = daemon.start(nodeArgsOf(folder.path, death, true))
  await die(bench, 'start', death, work)
  await checkDisk(bench)
}

async function die({folder, daemon, tally}: Bench, what: string, death: Death, work: Promise<unknown>): Promise<void> {
  await untilDead(daemon.running(), death, work)
  await work.catch(() => {}) // what it was killed in fails, here too
  noteDeath(tally, folder.path, what, death)
}

async function addHost(bench: Bench): Promise<string> {
  const host = hostOf(bench.named++)
  bench.tries.set(host, 1)
  bench.hosts.push(host)
  await bench.folder.write({'routes.d/hosts.yaml': bench.hosts.map(routeOf).join('')})
  return host
}

async function killNow(daemon: HttpsDaemon): Promise<void> {
  daemon.running().child.kill('SIGKILL')
  await daemon.running().ended
}

// Every host is there: with a certificate, which is served, or with a time that is not later than the back-off.
async function startAndCheck(bench: Bench, nodeArgs: readonly string[] = []): Promise<void> {
  const {daemon, hosts, known, tries, root} = bench
  await daemon.start(nodeArgs)
  const rows = await until(
    'all hosts',
    async () => {
      const now = await daemon.rows()
      const isSaid = (host: string) =>
        now.some(({id, notAfter, renewAt}) => id === `acme-${host}` && (notAfter ?? renewAt))
      return hosts.every(isSaid) && now
    },
    ACTION_MS,
  )
  assert.equal(rows.map(({id}) => id).sort(), hosts.map(host => `acme-${host}`).sort())
  for (const host of hosts) {
    const row = rows.find(({id}) => id === `acme-${host}`)
    assert.ok(Date.parse(row?.renewAt ?? '') > 0, `${host}: when it is renewed`)
    if (row?.notAfter) {
      known.add(host)
      await checkServed(daemon.httpsPort(), host, row.serial, root)
      continue
    }
    assert.not.ok(known.has(host), `${host} had a certificate, and now: ${row?.state} ${row?.error}`)
    const backOffMs = BACK_OFF_MS[Math.min(tries.get(host) ?? 1, BACK_OFF_MS.length) - 1] ?? 0
    const inMs = Date.parse(row?.renewAt ?? '') - Date.now()
    assert.ok(inMs <= backOffMs * 1.1, `${host} is ordered in ${inMs / 1000} s only`)
    tries.set(host, (tries.get(host) ?? 1) + 1)
  }
}

async function checkServed(port: number, host: string, serial: string | null, ca: string): Promise<void> {
  const scope = createScope()
  try {
    const {socket} = await secureTo(scope, port, {name: host, ca, rejectUnauthorized: true})
    assert.is(socket.getPeerCertificate().serialNumber.toLowerCase(), serial, `${host} is served with what is kept`)
  } finally {
    await scope.close()
  }
}

// What was cut off is ordered now, so that the next round begins with a certificate for every host.
async function heal(bench: Bench): Promise<void> {
  const {daemon, admin, hosts, known, tries} = bench
  for (const host of hosts.filter(one => !known.has(one))) {
    // On a machine that is very busy an authority may look for longer than it has patience.
    for (let orders = 0, state = ''; state !== 'valid'; orders++) {
      assert.ok(orders < HEAL_MAX, `${host} is ordered in vain`)
      await admin.renewCert(`acme-${host}`)
      state = (await daemon.row(`acme-${host}`, row => row.state === 'valid' || row.error !== '')).state
    }
    known.add(host)
    tries.set(host, 0)
  }
}

async function rowOf({daemon}: Bench, host: string) {
  return (await daemon.rows()).find(({id}) => id === `acme-${host}`)
}

// As it lies there, before a start has looked at it; in a copy, because to open it may be to repair it.
async function checkDisk({folder, known}: Bench): Promise<void> {
  const key = await readKeyFile(folder.at('config/vault.key'))
  const isSealed = await hasSealedFiles(folder.at('.routesd/vault'))
  if (key === null) return assert.not.ok(isSealed, 'something was sealed with a key that is lost')
  const copy = await mkdtemp(join(tmpdir(), 'routesd-kills-'))
  try {
    if (isSealed) await cp(folder.at('.routesd/vault'), join(copy, 'vault'), {recursive: true})
    const vault = await openVault({folder: join(copy, 'vault'), key: {bytes: key, from: 'vault.key'}})
    const {kept, unreadable} = await createStore(vault).load()
    assert.equal(unreadable, [])
    const records = kept.map(({record}) => record)
    for (const host of known)
      assert.ok(
        records.some(({names}) => names[0] === host),
        `the certificate of ${host} is lost`,
      )
    const keys = records.map(({key: pem}) => pem)
    assert.equal(await filesWith(folder.at('.routesd'), needlesOf(key, [...keys, ...(await otherKeys(vault))])), [])
  } finally {
    await rm(copy, {recursive: true})
  }
}

async function otherKeys(vault: Vault): Promise<string[]> {
  const pems: string[] = []
  for (const name of await vault.list('acme-account')) {
    const account = JSON.parse(String(await vault.read('acme-account', name))) as {key: {privateKeyPem: string}}
    pems.push(account.key.privateKeyPem)
  }
  for (const name of await vault.list('acme-plan')) JSON.parse(String(await vault.read('acme-plan', name)))
  return pems
}

// A key as it could lie there: as PEM, as JWK, as bytes.
function needlesOf(vaultKey: Buffer, pems: readonly string[]): (string | Buffer)[] {
  const hex = vaultKey.toString().trim()
  const secrets = pems.map(pem => String(createPrivateKey(pem).export({format: 'jwk'}).d))
  return [
    ...['PRIVATE', 'BEGIN ', 'privateKey', hex, Buffer.from(hex, 'hex')],
    ...secrets,
    ...secrets.map(secret => Buffer.from(secret, 'base64url')),
  ]
}
