// Which member of a pool a request would get at this moment, and why not the others: the rules of proxy/pick.ts in words, over
// what is known of the members. What chance or other requests decide stays open.

import {hashOf} from '../base/hash.ts'
import type {HashBy, Member, Pool} from '../snapshot/snapshot.ts'
import {createRing, nextOnRing} from './ring.ts'
import {stickyValue} from './sticky-value.ts'

export type Standing = {
  /** Does it get requests at all, as far as it is concerned? If not, `reason` says why. */
  readonly isUsable: boolean
  readonly reason: string
  /** Requests under way at its instance. */
  readonly inFlight: number
}

export type Asked = {
  /** Field lines of the head, each with its CRLF, as latin1. */
  readonly fields: string
  /** null: not known. */
  readonly clientIp: string | null
  /** Path and query, as the instance would be asked without its base path. */
  readonly target: string
}

export type Prospect = {
  /** possible: chance, or what is not known of the request, decides. */
  readonly outcome: 'picked' | 'possible' | 'passed'
  readonly why: string
}

/** One for each member, in their order. `turn` is that of the rotation, which all workers share. */
export function wouldPick(pool: Pool, standings: readonly Standing[], turn: number, asked: Asked): Prospect[] {
  const {among, why, others} = chosenFrom(pool, standings, turn, asked)
  const outcome = among.length === 1 ? 'picked' : 'possible'
  return standings.map((standing, at): Prospect => {
    if (among.includes(at)) return {outcome, why}
    if (!standing.isUsable) return {outcome: 'passed', why: standing.reason || 'it gets no requests'}
    if (!hasRoom(pool, standing)) return {outcome: 'passed', why: fullWords(standing)}
    const isSpare = pool.members[at]?.isBackup ?? false
    return {outcome: 'passed', why: isSpare && !among.some(other => pool.members[other]?.isBackup) ? BACKUP : others}
  })
}

// ---

const BACKUP = 'a backup, while others are usable'

type Chosen = {
  /** Places of the members that it may be. */
  readonly among: readonly number[]
  readonly why: string
  /** Why not those that could have taken it. */
  readonly others: string
}

function chosenFrom(pool: Pool, standings: readonly Standing[], turn: number, asked: Asked): Chosen {
  const {members, sticky} = pool
  const isFree = (at: number) => standings[at]?.isUsable === true && hasRoom(pool, standings[at])
  const usable = [...members.keys()].filter(at => standings[at]?.isUsable)
  const primaries = usable.filter(at => !members[at]?.isBackup)
  const kept = sticky === null ? -1 : members.findIndex(member => isKeptAt(member, sticky.cookie, asked))
  if (isFree(kept) && (primaries.length === 0 || !members[kept]?.isBackup)) {
    const others = `its cookie ${sticky?.cookie} keeps the client at another one`
    return {among: [kept], why: `the cookie ${sticky?.cookie} names it`, others}
  }
  // The only one stands for itself, full or not.
  if (members.length === 1) return {among: usable, why: 'it is the only one', others: ''}
  const free = primaries.filter(isFree)
  if (free.length === 1) return {among: free, why: 'it is the only one that can take it', others: ''}
  if (free.length > 1) return byPolicy(pool, standings, free, turn, asked)
  if (primaries.length > 0) return {among: [], why: '', others: BACKUP}
  const backups = usable.filter(isFree)
  return {among: backups, why: 'a backup, and nobody else is usable', others: ''}
}

function byPolicy(
  {members, rotation, balance}: Pool,
  standings: readonly Standing[],
  free: readonly number[],
  turn: number,
  asked: Asked,
): Chosen {
  switch (balance.kind) {
    case 'round-robin': {
      const turns = rotation.map((_, i) => rotation[(turn + i) % rotation.length] ?? 0)
      const next = turns.find(at => free.includes(at))
      return {among: next === undefined ? [] : [next], why: 'it is its turn', others: 'it is the turn of another one'}
    }
    case 'least-connections': {
      const loadOf = (at: number) => (standings[at]?.inFlight ?? 0) / (members[at]?.weight || 1)
      const least = Math.min(...free.map(loadOf))
      const equals = free.filter(at => loadOf(at) === least)
      // Of equals the first one from the member on whose turn it is.
      const starts = rotation.filter(at => standings[at]?.isUsable)
      const start = starts[turn % starts.length] ?? 0
      const next = equals.find(at => at >= start) ?? equals[0] ?? start
      const why = `it has the fewest requests under way for its weight: ${standings[next]?.inFlight ?? 0}`
      if (equals.length === 1) return {among: [next], why, others: 'another one is less loaded'}
      return {
        among: [next],
        why: `${why}, and it is its turn`,
        others: 'another one is as little loaded, or less, and first',
      }
    }
    case 'random-two':
      return {among: free, why: 'two are drawn, and the less loaded one takes it', others: ''}
    case 'hash':
      return byHash(members, free, balance.by, asked)
  }
}

function byHash(members: readonly Member[], free: readonly number[], by: HashBy, asked: Asked): Chosen {
  const key = hashKey(by, asked)
  const what = by.kind === 'client' || by.kind === 'uri' ? by.kind : `${by.kind} ${by.name}`
  if (key === null) return {among: free, why: `the hash of ${what} decides; --client-ip says which client`, others: ''}
  const ringed = members.filter(({isBackup, isDown, weight}) => !isBackup && !isDown && weight > 0)
  const ring = createRing(ringed, ({instance}) => instance)
  const owner = nextOnRing(ring, hashOf(key), member => free.includes(members.indexOf(member)))
  const others = `the hash of ${what} falls to another one`
  return {among: owner === null ? [] : [members.indexOf(owner)], why: `the hash of ${what} falls to it`, others}
}

// null: the address of the client, which nobody has said.
function hashKey(by: HashBy, {fields, clientIp, target}: Asked): string | null {
  switch (by.kind) {
    case 'client':
      return clientIp
    case 'uri':
      return target
    case 'header':
      return fieldIn(fields, by.name) || clientIp
    case 'cookie':
      return cookieIn(fields, by.name) || clientIp
  }
}

function isKeptAt({id, isDown}: Member, cookie: string, {fields}: Asked): boolean {
  return !isDown && cookieIn(fields, cookie) === stickyValue(id)
}

function cookieIn(fields: string, name: string): string {
  const pairs = fieldIn(fields, 'cookie').split(';')
  const pair = pairs.find(text => text.slice(0, text.indexOf('=')).trim() === name)
  return pair === undefined ? '' : pair.slice(pair.indexOf('=') + 1).trim()
}

function fieldIn(fields: string, name: string): string {
  const line = fields.split('\r\n').find(text => text.slice(0, text.indexOf(':')).toLowerCase() === name)
  return line === undefined ? '' : line.slice(line.indexOf(':') + 1).trim()
}

function hasRoom({maxInFlight}: Pool, standing: Standing | undefined): boolean {
  return maxInFlight === 0 || (standing?.inFlight ?? 0) < maxInFlight
}

function fullWords({inFlight}: Standing): string {
  return `${inFlight} requests are under way, as many as may be`
}
