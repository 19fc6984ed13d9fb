// What the main thread and a worker say to each other: plain data. Snapshots travel in chunks, one per turn of the
// worker's loop, because one message with a hundred thousand routes would stop it for 150 ms.

import type {Address} from '../base/address.ts'
import type {Certificate, ChallengeAnswer} from '../snapshot/certificate.ts'
import type {ForwardHeaders, Host, Instance, Member, Pool, Route, ServiceRoute} from '../snapshot/snapshot.ts'
import type {SpanChunk} from '../snapshot/spans.ts'
import type {AccessLogOptions} from './access-log.ts'
import type {Edge} from './edge.ts'
import type {TicketKeys} from './tls/certificates.ts'

/** Entries in one chunk: about 2 ms of a worker's time at the most. */
export const CHUNK = 500
/** Certificates in one chunk, each of some KB. */
export const CERTIFICATES_CHUNK = 100

export type WorkerStart = {
  readonly lane: number
  readonly lanes: number
  readonly edge: Edge
  /** Shared counters of open connections, and the secret of their hash. */
  readonly doors: SharedArrayBuffer
  readonly doorsSeed: number
  readonly ticketKeys: TicketKeys
  /** How the workers are; see scoreboard/gauges.ts. */
  readonly gauges: SharedArrayBuffer
  /** What is written of each exchange; null: nothing. */
  readonly access: AccessLogOptions | null
}

export type ToWorker =
  | {readonly kind: 'segment'; readonly board: BoardName; readonly buffer: SharedArrayBuffer}
  | {readonly kind: 'begin'; readonly revision: string; readonly forward: ForwardHeaders}
  /** Like 'begin', but what follows is taken into the table in use: what is not spoken of stays. */
  | ({readonly kind: 'change'} & WireHead)
  | {readonly kind: 'gone'; readonly gone: WireGone}
  /** Pools that have other members and are otherwise what they were. */
  | {readonly kind: 'members'; readonly pools: readonly WirePool[]}
  | {readonly kind: 'instances'; readonly instances: readonly WireInstance[]}
  | {readonly kind: 'pools'; readonly pools: readonly WirePool[]}
  | {readonly kind: 'routes'; readonly routes: readonly WireRoute[]}
  | {readonly kind: 'services'; readonly services: readonly WireService[]}
  | {readonly kind: 'hosts'; readonly hosts: readonly Host[]}
  | {readonly kind: 'commit'}
  /** Port 0 lets the system choose; the other workers are then told its choice. */
  | {readonly kind: 'listen'; readonly listeners: readonly Listener[]}
  /** Other members for one pool of the table in use. */
  | {readonly kind: 'pool'; readonly pool: WirePool; readonly instances: readonly WireInstance[]}
  /** Certificates that are new or changed; the last piece says which are in use from now on. */
  | {
      readonly kind: 'certificates'
      readonly changed: readonly Certificate[]
      readonly order: readonly string[] | null
    }
  | {readonly kind: 'ticketKeys'; readonly keys: TicketKeys}
  | {readonly kind: 'pendingNames'; readonly names: readonly string[]}
  | {readonly kind: 'challenges'; readonly answers: readonly ChallengeAnswer[]}
  | {readonly kind: 'addresses'; readonly host: string; readonly addresses: readonly string[]; readonly reason: string}
  | {readonly kind: 'drain'; readonly withinMs: number}
  /** Other bounds for clients. */
  | {readonly kind: 'edge'; readonly edge: Edge}
  /** Lines go elsewhere, or are written in another way, from now on. */
  | {readonly kind: 'access'; readonly access: AccessLogOptions | null}
  /** Opens the file of the access log again: it was moved away. */
  | {readonly kind: 'reopen'}
  /** Lines were taken; the next may follow. */
  | {readonly kind: 'logged'}
  /** Share of the traces that begin here and are recorded; null: requests have no spans. */
  | {readonly kind: 'sampling'; readonly sample: number | null}
  /** Spans were taken; the next may follow. */
  | {readonly kind: 'spansTaken'}

export type FromWorker =
  | {readonly kind: 'started'}
  /** Answers every piece of a table and of certificates, 'pool', 'challenges', 'edge' and 'access', so that the next may follow. */
  | {readonly kind: 'done'}
  | {readonly kind: 'listening'; readonly listeners: readonly Listener[]}
  | {readonly kind: 'refused'; readonly listener: Listener; readonly code: string}
  | {readonly kind: 'drained'}
  /** No answer: a certificate was asked for that cannot be used. */
  | {readonly kind: 'unusable'; readonly certificate: string; readonly why: string}
  /** Whole lines of the access log, for stdout; answered with 'logged'. */
  | {readonly kind: 'log'; readonly lines: string}
  /** Spans, and how many more there was no room for; answered with 'spansTaken'. */
  | {readonly kind: 'spans'; readonly spans: SpanChunk; readonly dropped: number}

/** Where requests are taken, and how they are matched there: by host and prefix, or by the slug of a service. */
export type Listener = {readonly kind: 'http' | 'https' | 'service'; readonly address: Address}

/** A route with the slot of its counters; where it was written stays behind. */
export type WireRoute = Omit<Route, 'source'> & {readonly slot: number}

/** What a changed table is beside its entries. */
export type WireHead = {
  readonly revision: string
  readonly forward: ForwardHeaders
  /** Its hosts are those of the table in use; else they follow. */
  readonly keepsHosts: boolean
}

/** What is in the table no more. */
export type WireGone = {
  readonly routes: readonly {readonly id: string; readonly host: string; readonly prefix: string}[]
  readonly services: readonly string[]
  /** Keys. */
  readonly pools: readonly string[]
  readonly instances: readonly string[]
}

/** What a worker needs of a service, with the slot of its counters. */
export type WireService = Pick<ServiceRoute, 'slug' | 'pool' | 'stripSlug' | 'timeouts'> & {readonly slot: number}

/** With the slot of its state; null for a pool that has none: one member, no circuit, no queue. */
export type WirePool = Omit<Pool, 'members'> & {readonly members: readonly WireMember[]; readonly slot: number | null}

/** With the slot of its state. */
export type WireMember = Member & {readonly slot: number}

/** What has a scoreboard of its own. */
export type BoardName = 'routes' | 'instances' | 'pools' | 'members' | 'answers'

export type WireInstance = Instance & {readonly slot: number}
