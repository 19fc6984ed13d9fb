// What a scheduler works with, in memory: a vault, certificates, and an authority that signs at once and does as it is told.

import {generateKeyPairSync} from 'node:crypto'
import {silentLog} from '../../../src/base/log.ts'
import {createAcmeScheduler} from '../../../src/control/certs/acme/scheduler.ts'
import {inspect} from '../../../src/control/certs/inspect.ts'
import type {CertificateIssuer, IssueOptions, RenewalInfo} from '../../../src/control/certs/issuer.ts'
import type {Desk, Scheduler} from '../../../src/control/certs/scheduler.ts'
import {type CertificateRecord, certificateId} from '../../../src/control/certs/store.ts'
import type {Vault} from '../../../src/control/certs/vault.ts'
import {signCertificate} from '../../../src/control/certs/x509.ts'
import {createFakeClock, type FakeClock} from '../clock.ts'

export type Order = {readonly name: string; readonly atMs: number; readonly options: IssueOptions}

export type Office = {
  readonly clock: FakeClock
  readonly orders: Order[]
  /** When it was asked for suggestions. */
  readonly questions: number[]
  /** How many orders are under way, and were at the most. */
  readonly busy: {now: number; most: number}
  /** Called with each order; what it throws is the answer. */
  answer: (order: Order) => Promise<void> | void
  /** Called when a certificate is kept, and waited for. */
  kept: () => Promise<void> | void
  suggestion: (cert: string) => RenewalInfo | null
  lifeMs: number
  held(): readonly CertificateRecord[]
  notAfter(name: string): number
  /** A scheduler as after a (re)start. */
  start(): Scheduler
}

export function createOffice(): Office {
  const clock = createFakeClock()
  const vault = createMemoryVault()
  const kept = new Map<string, CertificateRecord>()
  const keys = generateKeyPairSync('ec', {namedCurve: 'P-256'})
  const key = keys.privateKey.export({type: 'pkcs8', format: 'pem'}).toString()
  const office: Office = {
    clock,
    orders: [],
    questions: [],
    busy: {now: 0, most: 0},
    answer: () => {},
    kept: () => {},
    suggestion: () => null,
    lifeMs: 64 * 86_400_000,
    held: () => [...kept.values()],
    notAfter: name => {
      const record = kept.get(certificateId('acme', [name]))
      return record === undefined ? 0 : inspect(record.cert, record.key).notAfterMs
    },
    start: () => createAcmeScheduler({desk, issuer, profile: '', clock, log: silentLog, random: () => 0.5}),
  }
  const desk: Desk = {
    vault,
    kept: office.held,
    async keep({names, cert, key: own}) {
      const id = certificateId('acme', names)
      const at = new Date(clock.now()).toISOString()
      kept.set(id, {id, names, cert, key: own, issuer: 'acme', createdAt: at, updatedAt: at})
      await office.kept()
    },
    changed: () => {},
  }
  const issuer: CertificateIssuer = {
    async issue(names, options = {}) {
      const order = {name: names[0] ?? '', atMs: clock.now(), options}
      office.orders.push(order)
      office.busy.now++
      office.busy.most = Math.max(office.busy.most, office.busy.now)
      try {
        await office.answer(order)
      } finally {
        office.busy.now--
      }
      return {cert: sign(names), key, names}
    },
    async renewalInfo(cert) {
      office.questions.push(clock.now())
      return office.suggestion(cert)
    },
  }

  function sign(names: readonly string[]): string {
    return signCertificate({
      subject: names[0] ?? '',
      issuer: 'office',
      publicKey: keys.publicKey,
      issuerPublicKey: keys.publicKey,
      issuerKey: keys.privateKey,
      notBeforeMs: clock.now(),
      notAfterMs: clock.now() + office.lifeMs,
      use: {kind: 'server', names},
    })
  }

  return office
}

// ---

function createMemoryVault(): Vault {
  const files = new Map<string, Buffer>()
  const unused = () => Promise.reject(new Error('not for schedulers'))
  return {
    read: async (kind, name) => files.get(`${kind}/${name}`) ?? null,
    async write(kind, name, content) {
      files.set(`${kind}/${name}`, Buffer.from(content))
    },
    writeEach: unused,
    list: async kind =>
      [...files.keys()].filter(path => path.startsWith(`${kind}/`)).map(path => path.slice(kind.length + 1)),
    async remove(kind, name) {
      files.delete(`${kind}/${name}`)
    },
    pathOf: (kind, name) => `${kind}/${name}`,
    rekey: unused,
    finishRekey: unused,
    keyId: () => '',
  }
}
