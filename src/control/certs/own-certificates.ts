// Certificates that somebody else looks after, in files: read again and again, because whoever renews them tells nobody. A
// pair that cannot be used, or is caught between the writing of its two files, changes nothing but what is said of it.

import type {Clock} from '../../base/clock.ts'
import {messageOf} from '../../base/errors.ts'
import {type Facts, inspect} from './inspect.ts'
import {isCoveredBy} from './names.ts'

export type OwnSource = {
  /** 'tls.certificates[0]', 'hosts of routes.d/shop.yaml:3': unlike that of any other. */
  readonly place: string
  /** The host that it is for alone; null: every name in it. */
  readonly host: string | null
  readonly isDefault: boolean
  /** PEM of both; throws an Error in words. */
  readonly read: () => Promise<{readonly cert: string; readonly key: string}>
}

export type OwnCertificate = {
  readonly source: OwnSource
  readonly cert: string
  readonly key: string
  readonly facts: Facts
  /** Those that it is used for. */
  readonly names: readonly string[]
  readonly createdAt: string
  readonly updatedAt: string
}

/** `held` is what is used, perhaps from before; `problem` is '' when it is what the files say. */
export type OwnState = {
  readonly id: string
  readonly source: OwnSource
  readonly held: OwnCertificate | null
  readonly problem: string
}

export type OwnCertificates = {
  /** From now on these; those with the same place and host go on from what they were. */
  watch(sources: readonly OwnSource[]): Promise<void>
  /** Reads them all again; true when anything is another. Never throws. */
  reread(): Promise<boolean>
  list(): readonly OwnState[]
}

/** Files read at a time. */
const PARALLEL = 16

export function createOwnCertificates(clock: Clock): OwnCertificates {
  let states: readonly OwnState[] = []

  // What was not renewed in time is still better than nothing, but no better than one that is good.
  async function read(source: OwnSource, held: OwnCertificate | null): Promise<Read> {
    try {
      const {cert, key} = await source.read()
      if (held !== null && held.cert === cert && held.key === key) return {source, held, problem: ''}
      const facts = inspect(cert, key)
      const {host} = source
      if (host !== null && !isCoveredBy(host, facts.names)) throw new Error(`it is for ${facts.names.join(', ')}`)
      const nowMs = clock.now()
      if (facts.notAfterMs <= nowMs && held !== null && held.facts.notAfterMs > nowMs) throw new Error('it has expired')
      const at = new Date(nowMs).toISOString()
      const names = host === null ? facts.names : [host]
      const createdAt = held?.createdAt ?? at
      return {source, held: {source, cert, key, facts, names, createdAt, updatedAt: at}, problem: ''}
    } catch (error) {
      return {source, held, problem: messageOf(error)}
    }
  }

  async function readAll(sources: readonly OwnSource[]): Promise<boolean> {
    const before = new Map(states.map(state => [identityOf(state.source), state]))
    const next: Read[] = []
    for (let from = 0; from < sources.length; from += PARALLEL) {
      const some = sources.slice(from, from + PARALLEL)
      next.push(...(await Promise.all(some.map(source => read(source, before.get(identityOf(source))?.held ?? null)))))
    }
    const isSame = (state: Read, at: number) => states[at]?.held === state.held && states[at]?.problem === state.problem
    const isChanged = next.length !== states.length || !next.every(isSame)
    states = withIds(next)
    return isChanged
  }

  return {
    async watch(sources) {
      await readAll(sources)
    },
    reread: () => readAll(states.map(({source}) => source)),
    list: () => states,
  }
}

// ---

type Read = Omit<OwnState, 'id'>

// 'file-shop.example.com'; a second one for the same name, say of another kind of key, is 'file-shop.example.com-2'.
function withIds(states: readonly Read[]): OwnState[] {
  const taken = new Map<string, number>()
  return states.map(state => {
    const {source, held} = state
    const name = (source.host ?? held?.names[0] ?? source.place).replace('*', '_')
    const count = (taken.get(name) ?? 0) + 1
    taken.set(name, count)
    return {id: `file-${name}${count === 1 ? '' : `-${count}`}`, ...state}
  })
}

function identityOf({place, host}: OwnSource): string {
  return `${place}\n${host ?? ''}`
}
