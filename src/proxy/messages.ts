// What the main thread and a worker say to each other: plain data. Snapshots travel in chunks, one per turn of the
// worker's loop, because one message with a hundred thousand routes would stop it for 150 ms.

import type {Address} from '../base/address.ts'
import type {ForwardHeaders, Instance, Member, Pool, Route, ServiceRoute} from '../snapshot/snapshot.ts'
import type {Edge} from './edge.ts'

/** Entries in one chunk: about 2 ms of a worker's time at the most. */
export const CHUNK = 500

export type WorkerStart = {
  readonly lane: number
  readonly lanes: number
  readonly edge: Edge
  /** Shared counters of open connections, and the secret of their hash. */
  readonly doors: SharedArrayBuffer
  readonly doorsSeed: number
}

export type ToWorker =
  | {readonly kind: 'segment'; readonly board: BoardName; readonly buffer: SharedArrayBuffer}
  | {readonly kind: 'begin'; readonly revision: string; readonly forward: ForwardHeaders}
  | {readonly kind: 'instances'; readonly instances: readonly WireInstance[]}
  | {readonly kind: 'pools'; readonly pools: readonly WirePool[]}
  | {readonly kind: 'routes'; readonly routes: readonly WireRoute[]}
  | {readonly kind: 'services'; readonly services: readonly WireService[]}
  | {readonly kind: 'commit'}
  /** Port 0 lets the system choose; the other workers are then told its choice. */
  | {readonly kind: 'listen'; readonly listeners: readonly Listener[]}
  /** Other members for one pool of the table in use. */
  | {readonly kind: 'pool'; readonly pool: WirePool; readonly instances: readonly WireInstance[]}
  | {readonly kind: 'addresses'; readonly host: string; readonly addresses: readonly string[]; readonly reason: string}
  | {readonly kind: 'drain'; readonly withinMs: number}

export type FromWorker =
  | {readonly kind: 'started'}
  /** Answers every piece of a table and every 'pool', so that the next may follow. */
  | {readonly kind: 'done'}
  | {readonly kind: 'listening'; readonly listeners: readonly Listener[]}
  | {readonly kind: 'refused'; readonly listener: Listener; readonly code: string}
  | {readonly kind: 'drained'}

/** Where requests are taken, and how they are matched there: by host and prefix, or by the slug of a service. */
export type Listener = {readonly kind: 'http' | 'service'; readonly address: Address}

/** A route with the slot of its counters; where it was written stays behind. */
export type WireRoute = Omit<Route, 'source'> & {readonly slot: number}

/** What a worker needs of a service, with the slot of its counters. */
export type WireService = Pick<ServiceRoute, 'slug' | 'pool' | 'stripSlug' | 'timeouts'> & {readonly slot: number}

/** With the slot of its state; null for a pool that has none: one member, no circuit, no queue. */
export type WirePool = Omit<Pool, 'members'> & {readonly members: readonly WireMember[]; readonly slot: number | null}

/** With the slot of its state. */
export type WireMember = Member & {readonly slot: number}

/** What has a scoreboard of its own. */
export type BoardName = 'routes' | 'instances' | 'pools' | 'members'

export type WireInstance = Instance & {readonly slot: number}
