// What a thousand certificates must not cost: counted, because what it costs in time is for test/bench/certificates.ts.

import {readdir} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {silentLog} from '../../../src/base/log.ts'
import {type Certificates, createCertificates} from '../../../src/control/certs/certificates.ts'
import {createLocalCa} from '../../../src/control/certs/local-ca.ts'
import {openVault, type Vault} from '../../../src/control/certs/vault.ts'
import type {Certificate} from '../../../src/snapshot/certificate.ts'
import {createFakeClock} from '../../helpers/clock.ts'
import {type Folder, withFolder} from '../../helpers/folder.ts'
import {until} from '../../helpers/until.ts'

/** Several rounds of the local CA. */
const MANY = 450
const HOSTS = Array.from({length: MANY}, (_, n) => `h${n}.localhost`)

test(
  'who starts with many names for the first time waits for some; the others follow by themselves, and wait like orders',
  withFolder(async folder => {
    const {certificates, served, pending} = daemonIn(folder)
    await certificates.prepare({hosts: HOSTS, own: []})
    const atFirst = served().length
    assert.ok(atFirst >= 50 && atFirst <= 200, `${atFirst} were waited for`)
    assert.equal(pending(), HOSTS.slice(atFirst))
    assert.equal(countStates(certificates), {valid: atFirst, pending: MANY - atFirst})
    assert.equal(certificates.failing(), [], 'a certificate that is being made is no failure')
    await until('the last one', () => served().length === MANY)
    assert.equal(pending(), [])
    assert.equal(countStates(certificates), {valid: MANY})
  }),
)

test(
  'whoever comes while they are made has his turn before the next round',
  withFolder(async folder => {
    const {certificates, served} = daemonIn(folder)
    const brought = await pairElsewhere(folder, 'shop.example.com')
    await certificates.prepare({hosts: HOSTS, own: []})
    await certificates.import(brought.cert, brought.key)
    assert.ok(served().length < MANY, 'most of them are still to be made')
    assert.ok(served().some(({id}) => id === 'import-shop.example.com'))
    await until('all', () => served().length === MANY + 1)
  }),
)

test(
  'a name that can have none is said and keeps no other from its own',
  withFolder(async folder => {
    // 220 bytes are the most for a name in the vault.
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.localhost`
    const {certificates, served} = daemonIn(folder)
    await certificates.prepare({hosts: [...HOSTS.slice(0, 50), long, ...HOSTS.slice(50)], own: []})
    await until('all others', () => served().length === MANY)
    assert.equal(
      certificates.failing().map(({commonName}) => commonName),
      [long],
    )
    assert.match(certificates.failing()[0]?.error ?? '', /is no name for a thing in a vault/)
  }),
)

test(
  'who is stopped halfway has kept what was made, and goes on with the rest',
  withFolder(async folder => {
    const first = daemonIn(folder)
    await first.certificates.prepare({hosts: HOSTS, own: []})
    first.certificates.close()
    await first.certificates.roots()
    const kept = (await readdir(folder.at('vault/certificate'))).length
    assert.ok(kept >= first.served().length && kept < MANY, `${kept} are kept`)
    const {certificates, served, counts} = daemonIn(folder)
    await certificates.prepare({hosts: HOSTS, own: []})
    await until('all', () => served().length === MANY)
    assert.is(counts.reads, MANY + 1, 'each was looked for once, and the root')
    assert.equal(countStates(certificates), {valid: MANY})
  }),
)

test(
  'the next start opens the vault once, whatever its key costs, and reads each certificate once; all are there at once',
  withFolder(async folder => {
    const first = daemonIn(folder)
    await first.certificates.prepare({hosts: HOSTS, own: []})
    await until('all', () => first.served().length === MANY)
    const {certificates, served, counts, pending} = daemonIn(folder)
    await certificates.prepare({hosts: HOSTS, own: []})
    assert.is(served().length, MANY)
    assert.equal(pending(), [])
    await certificates.watch({hosts: HOSTS, own: []})
    assert.equal(counts, {opened: 1, reads: MANY, handed: 1})
    assert.equal(byId(served()), byId(first.served()))
  }),
)

test.run()

// ---

type Counts = {opened: number; reads: number; handed: number}

// What the daemon does with certificates, over a vault whose readings are counted.
function daemonIn(folder: Folder) {
  const counts: Counts = {opened: 0, reads: 0, handed: 0}
  let served: readonly Certificate[] = []
  let pending: readonly string[] = []
  const certificates = createCertificates({
    clock: createFakeClock(Date.now()),
    log: silentLog,
    plane: {
      async setCertificates(next) {
        served = next
        counts.handed++
      },
      setPendingNames(names) {
        pending = names
      },
    },
    async openVault() {
      counts.opened++
      return counting(await openVault({folder: folder.at('vault'), key: KEY}), counts)
    },
    isVaultInUse: async () => true,
    scheduler: 'there is no authority here',
    onChange: () => {},
  })
  folder.scope.defer(() => certificates.close())
  return {certificates, counts, served: () => served, pending: () => pending}
}

// A passphrase: each time that it is made a key costs a fifth of a second.
const KEY = {bytes: Buffer.from('nine green bottles'), from: 'test'}

function counting(vault: Vault, counts: Counts): Vault {
  return {
    ...vault,
    read(kind, name) {
      counts.reads++
      return vault.read(kind, name)
    },
  }
}

function countStates(certificates: Certificates): Record<string, number> {
  const groups = Object.entries(Object.groupBy(certificates.rows(), ({state}) => state))
  return Object.fromEntries(groups.map(([state, rows]) => [state, rows.length]))
}

function byId(certificates: readonly Certificate[]): readonly Certificate[] {
  return [...certificates].sort((a, b) => (a.id < b.id ? -1 : 1))
}

async function pairElsewhere(folder: Folder, name: string) {
  const vault = await openVault({folder: folder.at('elsewhere'), key: KEY})
  return createLocalCa({vault, clock: createFakeClock(Date.now())}).issue([name])
}
