// The hand-over: what the control plane may ask of the data plane. Types only.

import type {Certificate, ChallengeAnswer} from './certificate.ts'
import type {Instance, Pool, Snapshot} from './snapshot.ts'

export type DataPlane = {
  /** Starts the workers; nothing is served yet. */
  start(): Promise<void>
  /** Resolves when every live worker serves this snapshot. It cannot be refused: compile has proved it. */
  apply(snapshot: Snapshot): Promise<void>
  /**
   * Gives a pool of the snapshot other members and leaves everything else as it is; `instances` are those that they name.
   * Resolves when every live worker picks from them. A pool that there is not is passed over.
   */
  setPool(pool: Pool, instances: readonly Instance[]): Promise<void>
  /** Opens the listeners on every worker; throws AppError when an address is taken or may not be opened. */
  listen(): Promise<Listeners>
  /**
   * The whole set from now on; unchanged certificates cost nothing. Of two for one name the first is used. Resolves when
   * every live worker uses it; connections keep what they were made with.
   */
  setCertificates(certificates: readonly Certificate[]): Promise<void>
  /** Names whose first certificate is being ordered: their handshakes wait for it, at most 10 s. */
  setPendingNames(names: readonly string[]): void
  /** The whole set; resolves when every live worker answers them, before redirects, access rules and limits. */
  setChallenges(answers: readonly ChallengeAnswer[]): Promise<void>
  /** Share of the traces that begin here and get spans, 0 to 1; null, as at first: no request has spans. */
  setSampling(sample: number | null): void
  /** The addresses of a name in an instance; none means that the instance is down, for the reason given. */
  setAddresses(host: string, addresses: readonly string[], reason: string): void
  /** What `setAddresses` was told last; null for a name that has not been resolved yet. */
  addressesOf(host: string): Resolved | null
  /** What active health has found; a member that is down gets no requests. */
  setVerdict(member: string, isDown: boolean): void
  /** A drained member finishes what it has and gets nothing new. */
  setDrained(member: string, isDrained: boolean): void
  memberState(member: string): MemberState
  /** Of a pool by its key, the slug of its service or its target. */
  poolState(pool: string): PoolState
  workers(): readonly WorkerStats[]
  routeStats(id: string): Counted
  instanceStats(key: string): Counted
  latencyOf(key: string): Latency
  /** What a route has answered, or, of null, what was answered without one; null: it has no record yet. */
  answersOf(id: string | null): Answered | null
  /** What was answered since this was called last, by all routes and without one; for one caller. */
  tally(): Tally
  /** Upper bounds of the buckets of `answersOf`; a last bucket takes what is slower. */
  readonly durationBoundsMs: readonly number[]
  /** Of the worker with this index. */
  workerGauges(index: number): WorkerGauges
  /** The files of the access log were moved away. */
  reopenLogs(): void
  /**
   * Takes no new connections, finishes what is under way, at most `withinMs`, then ends the workers; whether all of them
   * have ended.
   */
  drain(withinMs: number): Promise<boolean>
}

export type Listeners = {
  /** 'host:port' as bound, so that port 0 can be asked for. */
  readonly http: readonly string[]
  readonly https: readonly string[]
  readonly service: readonly string[]
}

export type WorkerStats = {
  readonly index: number
  readonly state: 'starting' | 'serving' | 'dead'
  /** How often this one was replaced. */
  readonly restarts: number
  /** Revision it serves; '' before the first. */
  readonly revision: string
}

/** Addresses and a reason: the last answer is kept. */
export type Resolved = {readonly addresses: readonly string[]; readonly reason: string}

/** Why a member gets no requests; none of it: it gets them. */
export type MemberState = {
  readonly isDown: boolean
  readonly isDrained: boolean
  /** Left out for its failures, and for how long still; 0 when it is not. */
  readonly isEjected: boolean
  readonly ejectedForMs: number
}

export type PoolState = {
  readonly circuit: 'closed' | 'open' | 'half-open'
  /** Requests that wait for a place at an instance. */
  readonly queued: number
  /** Where its rotation goes on, of all workers together. */
  readonly turn: number
}

export type Counted = {
  readonly requests: number
  readonly errors: number
  readonly inFlight: number
  /** Of upgraded connections, from their clients and to them. */
  readonly bytesIn: number
  readonly bytesOut: number
  /** Requests that a mirror should have got and did not: too long, too many at once, or nobody to take them. */
  readonly copiesDropped: number
}

/** From a try at an instance to the head of its answer. */
export type Latency = {
  /** A moving mean of all workers; null before the first answer. */
  readonly meanMs: number | null
  readonly sumMs: number
  readonly count: number
}

export type Answered = {
  /** Status 0, method 'other': pairs for which there was no room. */
  readonly counts: readonly {readonly method: string; readonly status: number; readonly count: number}[]
  /** Of each bucket by itself. */
  readonly buckets: readonly number[]
  readonly sumMs: number
}

export type Tally = {
  /** Of each bucket by itself. */
  readonly buckets: Float64Array
  /** Answers of 500 and above. */
  readonly errors: number
}

export type WorkerGauges = {
  readonly connections: number
  readonly accepted: number
  /** Connections above the bounds. */
  readonly turnedAway: number
  /** How late its loop was at the most in the last 10 to 20 s. */
  readonly lagMs: number
  readonly activeMs: number
  readonly heapBytes: number
  /** Lines of the access log. */
  readonly linesLogged: number
  readonly linesDropped: number
  /** Copies for mirrors under way. */
  readonly copies: number
}
