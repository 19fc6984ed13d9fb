// Which certificate serves which host, and who sees to it that there is one:
//
//   hosts of the snapshot → own (files) | imported | local CA | public authority (scheduler) → data plane
//
// What fails fails alone: its row says so, and what there was before goes on.

import type {CertRow} from '../../admin/protocol.ts'
import type {Clock} from '../../base/clock.ts'
import {AppError, EXIT, messageOf} from '../../base/errors.ts'
import type {Log} from '../../base/log.ts'
import type {Certificate} from '../../snapshot/certificate.ts'
import {certificatesInUse, providedNames} from './in-use.ts'
import {inspect} from './inspect.ts'
import {createLocalCa} from './local-ca.ts'
import {createLocalCertificates, renewalOf} from './local-certificates.ts'
import {certificateName, isCoveredBy, isLocalName} from './names.ts'
import {createOwnCertificates, type OwnSource} from './own-certificates.ts'
import {type Renewal, rowOfKept, rowOfOwn, rowOfUnreadable, rowWithout} from './rows.ts'
import type {Desk, Scheduler} from './scheduler.ts'
import {createShelf} from './shelf.ts'
import {certificateId, type Kept} from './store.ts'
import type {Vault} from './vault.ts'

export type Wanted = {
  /** As routes have them: 'x.localhost', '*.example.com', '[::1]', '*'. */
  readonly hosts: readonly string[]
  readonly own: readonly OwnSource[]
}

export type Certificates = {
  /** Gets ready for hosts that are about to be served, besides those that are. Never throws. */
  prepare(next: Wanted): Promise<void>
  /** These are served now, and no others. Never throws. */
  watch(now: Wanted): Promise<void>
  /** By id. */
  rows(): CertRow[]
  /** Those of them that should serve a host and cannot, or not for long. */
  failing(): CertRow[]
  /** Keeps a certificate that somebody else has made; throws AppError when it cannot be used. */
  import(cert: string, key: string): Promise<CertRow>
  /** The certificate with this id, or the only one for this name, as PEM; throws AppError. */
  export(idOrName: string): Promise<{readonly id: string; readonly cert: string; readonly key: string}>
  /**
   * Has the one with this id, or the only one for this name, renewed now; throws AppError when it is not ours to renew, or
   * not time to try again. That of an authority is there later, or its row says why it is not.
   */
  renew(idOrName: string): Promise<CertRow>
  /** Roots of the local CA as PEM, none of them made for this. */
  roots(): Promise<string[]>
  /** Others see to the names of a public authority from now on. Never throws. */
  setScheduler(next: CertificatesParts['scheduler']): Promise<void>
  /** Opens the vault; throws AppError. Nothing that it is used for meets a change of certificates halfway. */
  withVault<T>(work: (vault: Vault) => Promise<T>): Promise<T>
  close(): void
}

export type CertificatesParts = {
  readonly clock: Clock
  readonly log: Log
  readonly plane: {
    setCertificates(certificates: readonly Certificate[]): Promise<void>
    setPendingNames(names: readonly string[]): void
  }
  readonly openVault: () => Promise<Vault>
  /** Whether there is anything in it. */
  readonly isVaultInUse: () => Promise<boolean>
  /** Or why there is none, and what to do about it. */
  readonly scheduler: ((desk: Desk) => Scheduler) | string
  /** Rows may be others. */
  readonly onChange: () => void
}

const REREAD_MS = 10_000
const RENEW_MS = 3_600_000
/** Made of the local CA before something else has its turn: some tenths of a second. The first ones are waited for. */
const ROUND = 100

export function createCertificates(parts: CertificatesParts): Certificates {
  const {clock, log, plane, onChange, isVaultInUse} = parts
  const own = createOwnCertificates(clock)
  const shelf = createShelf(parts)
  const local = createLocalCertificates({shelf, clock})
  const failures = new Map<string, string>()
  let served: Wanted = {hosts: [], own: []}
  let names: readonly string[] = []
  let provided: ReadonlySet<string> = new Set()
  /** Whose certificates of the local CA are made in the next rounds. */
  let waiting: readonly string[] = []
  let isGoingOn = false
  let scheduler: Scheduler | null = null
  let scheduling = parts.scheduler
  let given: readonly Certificate[] = []
  let last: Promise<unknown> = Promise.resolve()
  let isClosed = false
  let rereading: {cancel(): void} | null = null
  const renewing = every(RENEW_MS, refresh)

  // One thing at a time: each reads what the one before it has left.
  function alone<T>(work: () => Promise<T>): Promise<T> {
    const run = last.then(work, work)
    last = run.catch(() => {})
    return run
  }

  function every(ms: number, work: () => Promise<void>): {cancel(): void} {
    const timer = {cancel: () => {}}
    const wait = () => {
      timer.cancel = clock.after(ms, () => {
        alone(work)
          .catch(error => log.error('certificates could not be looked after', {why: messageOf(error)}))
          .finally(() => {
            if (!isClosed) wait()
          })
      })
    }
    wait()
    return timer
  }

  async function setWanted(wanted: Wanted): Promise<void> {
    names = [...new Set(wanted.hosts.filter(host => host !== '*').map(certificateName))]
    try {
      await own.watch(wanted.own)
      if (wanted.own.length > 0) rereading ??= every(REREAD_MS, rereadOwn)
      await refresh()
    } catch (error) {
      log.error('certificates could not be handed over', {why: messageOf(error)})
    }
  }

  async function rereadOwn(): Promise<void> {
    if (await own.reread()) await refresh()
  }

  async function refresh(): Promise<void> {
    failures.clear()
    await lookThrough()
  }

  async function lookThrough(): Promise<void> {
    provided = providedNames(own.list(), shelf.kept(), clock.now())
    // Only certificates in files do without the vault.
    const vault = names.some(isUnprovided) || (await isVaultInUse()) ? await shelf.tryOpen() : null
    provided = providedNames(own.list(), shelf.kept(), clock.now())
    await issueSome(vault)
    const orders = publicNames()
    if (scheduler === null && vault !== null && orders.length > 0 && typeof scheduling === 'function')
      scheduler = scheduling(deskOf(vault))
    scheduler?.want(orders)
    await handOver()
    onChange()
    goOn()
  }

  async function issueSome(vault: Vault | null): Promise<void> {
    const due = local.due(names.filter(isLocalName).filter(isUnprovided)).filter(name => !failures.has(name))
    waiting = vault === null ? [] : due.slice(ROUND)
    if (vault === null) for (const name of due) failures.set(name, shelf.problem())
    else for (const [name, why] of await local.issueEach(due.slice(0, ROUND), vault)) failures.set(name, why)
  }

  // Whatever came meanwhile goes before the next round.
  function goOn(): void {
    if (waiting.length === 0 || isGoingOn || isClosed) return
    isGoingOn = true
    alone(async () => {
      isGoingOn = false
      if (!isClosed) await lookThrough()
    }).catch(error => log.error('certificates could not be made', {why: messageOf(error)}))
  }

  function isUnprovided(name: string): boolean {
    return !isCoveredBy(name, provided)
  }

  function publicNames(): string[] {
    return names.filter(name => !isLocalName(name) && isUnprovided(name))
  }

  function deskOf(vault: Vault): Desk {
    return {
      vault,
      kept: () => shelf.kept().flatMap(({record}) => (record.issuer === 'acme' ? [record] : [])),
      keep: ({names: made, cert, key}) =>
        alone(async () => {
          await shelf.keep({id: certificateId('acme', made), names: made, cert, key, issuer: 'acme', updatedAt: now()})
          await handOver()
          onChange()
        }),
      changed: onChange,
    }
  }

  async function handOver(): Promise<void> {
    const next = certificatesInUse(own.list(), shelf.kept(), names, clock.now())
    const covered = new Set(next.flatMap(certificate => certificate.names))
    const orders = scheduler === null ? [] : publicNames()
    const pending = [...waiting, ...orders].filter(name => !isCoveredBy(name, covered))
    if (next.length !== given.length || !next.every((certificate, at) => isSame(certificate, given[at]))) {
      await plane.setCertificates(next)
      given = next
    }
    // Not before its certificate is there: between the two a name would be unknown.
    plane.setPendingNames(pending)
  }

  function rows(): CertRow[] {
    const nowMs = clock.now()
    const held = [
      ...own.list().map(state => rowOfOwn(state, nowMs)),
      ...shelf.kept().map(entry => rowOfKept(entry, renewalIn(entry), nowMs)),
      ...shelf.unreadable().map(rowOfUnreadable),
    ]
    const ids = new Set(held.map(({id}) => id))
    const covered = new Set(held.filter(({notAfter}) => notAfter !== null).flatMap(row => row.names))
    const missing = names.filter(name => !isCoveredBy(name, covered)).map(rowOfMissing)
    return [...held, ...missing.filter(({id}) => !ids.has(id))].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  function renewalIn(entry: Kept): Renewal {
    const {issuer, names: made} = entry.record
    const [name = ''] = made
    if (issuer === 'acme' && scheduler !== null) return scheduler.stateOf(name)
    if (issuer !== 'local') return {renewAt: null, error: ''}
    return {renewAt: new Date(renewalOf(entry)).toISOString(), error: failures.get(name) ?? ''}
  }

  function rowOfMissing(name: string): CertRow {
    if (isLocalName(name)) {
      const why = failures.get(name)
      return rowWithout(certificateId('local', [name]), name, why === undefined ? 'pending' : 'failing', why ?? '')
    }
    const id = certificateId('acme', [name])
    if (scheduler === null)
      return rowWithout(id, name, 'failing', typeof scheduling === 'string' ? scheduling : shelf.problem())
    const {renewAt, error} = scheduler.stateOf(name)
    return {...rowWithout(id, name, error === '' ? 'pending' : 'failing', error), renewAt}
  }

  function find(idOrName: string): {id: string; cert: string; key: string} {
    const all = [
      ...own.list().flatMap(({id, held}) => (held === null ? [] : [{...held, id}])),
      ...shelf.kept().map(({record}) => record),
    ]
    const {id, cert, key} = only(all, idOrName)
    return {id, cert, key}
  }

  async function renew(idOrName: string): Promise<CertRow> {
    const {id, names: made} = only(rows(), idOrName)
    const [name = ''] = made
    if (id === certificateId('local', made)) await local.issue(name, await shelf.open())
    else if (id !== certificateId('acme', made))
      throw new AppError(`${id} is renewed by whoever has made it`, {hint: 'renew it there, and bring it again'})
    else if (scheduler !== null) scheduler.renew(name)
    else throw new AppError(typeof scheduling === 'string' ? scheduling : shelf.problem())
    await handOver()
    onChange()
    return only(rows(), id)
  }

  const now = () => new Date(clock.now()).toISOString()

  return {
    prepare: next =>
      alone(() => setWanted({hosts: [...served.hosts, ...next.hosts], own: joined(served.own, next.own)})),
    watch: wanted =>
      alone(async () => {
        served = wanted
        await setWanted(wanted)
      }),
    rows,
    failing: () =>
      rows().filter(
        ({id, names: made, state}) =>
          FAILING.has(state) && (id.startsWith('file-') || names.some(name => isCoveredBy(name, made))),
      ),
    import: (cert, key) =>
      alone(async () => {
        const {names: made} = checkGiven(cert, key, clock.now())
        await shelf.open()
        const record = {
          id: certificateId('import', made),
          names: made,
          cert,
          key,
          issuer: 'import',
          updatedAt: now(),
        } as const
        const entry = await shelf.keep(record)
        await refresh()
        return rowOfKept(entry, renewalIn(entry), clock.now())
      }),
    export: idOrName =>
      alone(async () => {
        if (await isVaultInUse()) await shelf.open()
        return find(idOrName)
      }),
    renew: idOrName => alone(() => renew(idOrName)),
    roots: () =>
      alone(async () => ((await isVaultInUse()) ? createLocalCa({vault: await shelf.open(), clock}).roots() : [])),
    setScheduler: next =>
      alone(async () => {
        scheduler?.close()
        scheduler = null
        scheduling = next
        await setWanted(served)
      }),
    withVault: work => alone(async () => work(await shelf.open())),
    close() {
      isClosed = true
      rereading?.cancel()
      renewing.cancel()
      scheduler?.close()
    },
  }
}

// ---

const FAILING: ReadonlySet<string> = new Set(['expired', 'failing', 'unreadable'])

// What of it the data plane goes by.
function isSame(one: Certificate, other: Certificate | undefined): boolean {
  const {id, names, cert, isDefault} = one
  return id === other?.id && cert === other.cert && isDefault === other.isDefault && names.join() === other.names.join()
}

function only<T extends {readonly id: string; readonly names: readonly string[]}>(
  all: readonly T[],
  idOrName: string,
): T {
  const found = all.find(({id}) => id === idOrName)
  const [first, second] = found ? [found] : all.filter(entry => entry.names.includes(idOrName))
  if (first === undefined) throw new AppError(`there is no certificate '${idOrName}'`, {exitCode: EXIT.findings})
  if (second !== undefined)
    throw new AppError(`there are several for ${idOrName}, ${first.id} and ${second.id}: name one of them`)
  return first
}

function joined(before: readonly OwnSource[], next: readonly OwnSource[]): OwnSource[] {
  const isNext = (source: OwnSource) => next.some(({place, host}) => place === source.place && host === source.host)
  return [...next, ...before.filter(source => !isNext(source))]
}

function checkGiven(cert: string, key: string, nowMs: number) {
  try {
    const facts = inspect(cert, key)
    if (facts.notAfterMs <= nowMs)
      throw new Error(`the certificate expired on ${new Date(facts.notAfterMs).toISOString()}`)
    return facts
  } catch (error) {
    throw new AppError(messageOf(error), {exitCode: EXIT.findings})
  }
}
