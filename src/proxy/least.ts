// The member with the fewest requests under way per weight, of all workers. The search reads nothing but the loads, which stand
// densely in shared memory: which members are open is found out beforehand, and again only when a gate has changed, an
// ejection is over, a name got its addresses, or, during a slow start, a tick has gone by.

import {EJECTED, ejectedFor, GATE, gateChanges, readmit} from '../scoreboard/member.ts'
import {TURN} from '../scoreboard/pool.ts'
import type {MemberEntry, PoolEntry} from './entries.ts'
import {isWarm, shareOf} from './slow-start.ts'

/** What the search reads of a pool. */
export type Loads = {
  readonly blocks: readonly Block[]
  /** The rotation, as places in the order of the blocks. */
  readonly turns: Int32Array
  /** Those of them that are open: where the search begins, turn by turn. */
  starts: Int32Array
}

/** Members whose numbers stand in the same memory: all of a pool, unless it spans segments of the scoreboard. */
type Block = {
  readonly members: readonly MemberEntry[]
  readonly states: Int32Array
  readonly loads: Int32Array
  /** Of this worker: how often names got addresses or lost them. */
  readonly resolutions: Int32Array
  // As of the last look: the open ones, their places in `loads`, and what one request under way at them weighs.
  open: MemberEntry[]
  slots: Int32Array
  costs: Float64Array
  /** How many of the members before each place are open. */
  readonly openBefore: Int32Array
  hasEqualCosts: boolean
  isRamping: boolean
  gateChanges: number
  seenResolutions: number
  /** Deciseconds after which it has to be looked at again; NaN: not by itself. */
  validUntil: number
}

/** The least loaded primary with room; null when there is none. */
export function pickLeast(pool: PoolEntry): MemberEntry | null {
  const loads = pool.loads()
  const {blocks} = loads
  for (let b = 0; b < blocks.length; b++) if (isStale(pool, blocks[b] as Block)) look(pool, loads, blocks[b] as Block)
  const {starts} = loads
  if (starts.length === 0) return null
  // From the member whose turn it is, so that equals, idle ones above all, get their shares by weight.
  const turn = Atomics.add(pool.states, pool.at + TURN, 1) >>> 0
  const start = starts[turn % starts.length] as number
  let least: MemberEntry | null = null
  let leastLoad = Number.POSITIVE_INFINITY
  // Those from the start on, then those before it.
  for (let part = 0; part < 2; part++) {
    let before = 0
    for (let b = 0; b < blocks.length; b++) {
      const block = blocks[b] as Block
      const size = block.members.length
      const middle = block.openBefore[Math.min(size, Math.max(0, start - before))] as number
      before += size
      const found = part === 0 ? leastIn(pool, block, middle, block.open.length) : leastIn(pool, block, 0, middle)
      if (found < 0) continue
      const count = block.loads[block.slots[found] as number] as number
      const member = block.open[found] as MemberEntry
      if (count === 0 && (!block.isRamping || isWarm(member))) return member
      const load = weigh(block, found, count)
      if (load >= leastLoad) continue
      least = member
      leastLoad = load
    }
  }
  return least
}

/** What a search among `primaries` needs; `rotation` holds indexes into `members`. */
export function createLoads(
  members: readonly MemberEntry[],
  rotation: readonly number[],
  primaries: readonly MemberEntry[],
): Loads {
  const groups: MemberEntry[][] = []
  for (const member of primaries) {
    const group = groups.find(
      ([first]) => first?.states === member.states && first.origin.loads === member.origin.loads,
    )
    if (group) group.push(member)
    else groups.push([member])
  }
  const places = new Map(groups.flat().map((member, place) => [member, place]))
  return {
    blocks: groups.map(blockOf),
    turns: Int32Array.from(rotation, index => places.get(members[index] as MemberEntry) ?? 0),
    starts: new Int32Array(0),
  }
}

// ---

// Index of the least loaded of a range of the open ones; -1 when none has room.
function leastIn(pool: PoolEntry, block: Block, from: number, to: number): number {
  const limit = pool.maxInFlight === 0 ? 0x7fffffff : pool.maxInFlight
  if (block.hasEqualCosts) return fewestIn(block.loads, block.slots, from, to, limit)
  const {loads, slots} = block
  let least = -1
  let leastLoad = Number.POSITIVE_INFINITY
  for (let i = from; i < to; i++) {
    const count = loads[slots[i] as number] as number
    if (count >= limit) continue
    const load = weigh(block, i, count)
    if (load >= leastLoad) continue
    least = i
    leastLoad = load
  }
  return least
}

function fewestIn(loads: Int32Array, slots: Int32Array, from: number, to: number, limit: number): number {
  let fewest = -1
  let count = limit
  for (let i = from; i < to && count > 0; i++) {
    const found = loads[slots[i] as number] as number
    if (found >= count) continue
    fewest = i
    count = found
  }
  return fewest
}

// An idle member that is not warm yet counts as if it had one.
function weigh({costs, isRamping}: Block, index: number, count: number): number {
  return (isRamping ? Math.max(1, count) : count) * (costs[index] as number)
}

function isStale({ticks}: PoolEntry, block: Block): boolean {
  return (
    block.gateChanges !== gateChanges(block.states) ||
    block.seenResolutions !== block.resolutions[0] ||
    ((ticks.nowDs - block.validUntil) | 0) > 0
  )
}

function look({ticks}: PoolEntry, loads: Loads, block: Block): void {
  const {members, states} = block
  const now = ticks.nowDs
  block.gateChanges = gateChanges(states)
  block.seenResolutions = block.resolutions[0] as number
  block.validUntil = Number.NaN
  block.open = members.filter((member, place) => {
    block.openBefore[place + 1] = block.openBefore[place] as number
    const {at, origin} = member
    const gate = states[at + GATE]
    const isOpen = gate === 0 || (gate === EJECTED && readmit(states, at, now))
    if (!isOpen) expire(block, now, ejectedFor(states, at, now))
    if (!isOpen || origin.addresses.length === 0) return false
    block.openBefore[place + 1] = (block.openBefore[place] as number) + 1
    return true
  })
  block.slots = Int32Array.from(block.open, ({origin}) => origin.load)
  const shares = block.open.map(shareOf)
  block.isRamping = shares.some(share => share < 1)
  if (block.isRamping) expire(block, now, 1)
  block.costs = Float64Array.from(block.open, ({weight}, i) => 1 / (weight * (shares[i] as number)))
  block.hasEqualCosts = !block.isRamping && block.costs.every(cost => cost === block.costs[0])
  loads.starts = loads.turns.filter(turn => isOpenAt(loads.blocks, turn))
}

function isOpenAt(blocks: readonly Block[], place: number): boolean {
  let at = place
  for (const {members, openBefore} of blocks) {
    if (at < members.length) return openBefore[at + 1] !== openBefore[at]
    at -= members.length
  }
  return false
}

// To be looked at again in `span`, when that is not 0 and comes before what else there is.
function expire(block: Block, now: number, span: number): void {
  if (span === 0) return
  const until = (now + span - 1) | 0
  if (Number.isNaN(block.validUntil) || ((block.validUntil - until) | 0) > 0) block.validUntil = until
}

function blockOf(members: readonly MemberEntry[]): Block {
  const {states, origin} = members[0] as MemberEntry
  return {
    members,
    states,
    loads: origin.loads,
    resolutions: origin.resolutions,
    open: [],
    slots: new Int32Array(0),
    costs: new Float64Array(0),
    openBefore: new Int32Array(members.length + 1),
    hasEqualCosts: true,
    isRamping: false,
    gateChanges: -1,
    seenResolutions: -1,
    validUntil: Number.NaN,
  }
}
