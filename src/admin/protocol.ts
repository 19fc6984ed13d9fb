// The wire between the daemon and its operator: HTTP/1.1 over a unix socket, JSON bodies, NDJSON for events.
//
//   GET  /v1/status                   → Status
//   GET  /v1/routes                   → RouteRow[]
//   GET  /v1/services                 → ServiceRow[]
//   GET  /v1/instances                → InstanceRow[]
//   POST /v1/instances/{id}/drain     → DrainAnswer; its body is a DrainBody or nothing
//   POST /v1/instances/{id}/undrain   → UndrainAnswer
//   GET  /v1/config                   → ConfigDump
//   GET  /v1/events                   → one JSON Event per line: first {type: 'snapshot'}, then what changes, and a heartbeat
//
// A failure is {error: {code, message}} with a 4xx or 5xx. Fields are only ever added. This file imports nothing.

export type Status = {
  readonly sync: {
    readonly state: 'Synced' | 'OutOfSync' | 'Suspended'
    readonly reason: string
    readonly message: string
  }
  readonly health: {readonly state: 'Healthy' | 'Degraded'; readonly message: string}
  readonly revision: {
    readonly applied: string | null
    readonly fetched: string | null
    readonly verified: string | null
    readonly failed: string | null
  }
  readonly listeners: {
    readonly http: readonly string[]
    readonly https: readonly string[]
    readonly service: readonly string[]
  }
  readonly workers: readonly {
    readonly index: number
    readonly state: string
    readonly restarts: number
    readonly revision: string
  }[]
  readonly uptimeMs: number
  readonly conditions: readonly Condition[]
}

/** A condition is there while it holds, and gone when it does not. */
export type Condition = {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  /** A word for machines, e.g. 'ValidationFailed'. */
  readonly reason: string
  readonly message: string
  /** RFC 3339. */
  readonly since: string
  readonly revision: string | null
}

export type RouteRow = {
  readonly id: string
  readonly host: string
  readonly prefix: string
  readonly kind: string
  readonly destination: string
  readonly file: string
  readonly line: number
  readonly requests: number
  readonly errors: number
}

export type ServiceRow = {
  readonly slug: string
  readonly balance: string
  readonly instances: number
  /** Those that would be picked for a request. */
  readonly usable: number
}

export type InstanceRow = {
  /** 'orders@10.0.0.1:8080' */
  readonly id: string
  /** The slug of the service, or the target of a route. */
  readonly service: string
  readonly url: string
  readonly state: InstanceState
  readonly weight: number
  /** These count what the address was asked, by all services that have an instance there. */
  readonly inFlight: number
  readonly requests: number
  readonly errors: number
  /** null: not measured. */
  readonly latencyMs: number | null
  /** RFC 3339; null: as it was when the daemon first saw it. */
  readonly lastChange: string | null
  /** Why it is in this state; '' when there is nothing to say. */
  readonly reason: string
}

/** The first that holds of: drained by an operator, left out after failures, not to be used, not asked yet, well. */
export type InstanceState = 'draining' | 'ejected' | 'down' | 'unknown' | 'up'

/** What an operator has changed by hand, until when. Times are RFC 3339. */
export type Lease = {
  readonly id: string
  readonly since: string
  readonly until: string
  /** '' when nobody said. */
  readonly who: string
  readonly why: string
}

/** `for` is a duration such as '10m', an hour unless given and 30 days at the most. */
export type DrainBody = {readonly for?: string; readonly why?: string; readonly who?: string}
/** With what is left: a service without a usable instance answers 503. */
export type DrainAnswer = Lease & {readonly service: string; readonly usable: number}
/** null: it was not drained. */
export type UndrainAnswer = {readonly id: string; readonly lifted: Lease | null}

export type ConfigDump = {
  readonly revision: string | null
  /** Settings with every default filled in; secrets are references, so there is none to hide. */
  readonly settings: unknown
  /** The routes.d that is served, file by file, in the user's words with every default filled in. */
  readonly config: unknown
}

/** What `events` sends. `seq` grows by one with every event of a daemon, so that a gap can be seen. */
export type Event = {readonly seq: number; readonly at: string} & EventBody
export type EventBody =
  | {readonly type: 'snapshot'; readonly status: Status}
  | {readonly type: 'status'; readonly status: Status}
  /** Instances whose state has changed, and how many more have than fit; at most one in 250 ms. */
  | {readonly type: 'instances'; readonly changed: readonly InstanceRow[]; readonly more: number}
  | {readonly type: 'heartbeat'}

export type ErrorBody = {readonly error: {readonly code: string; readonly message: string}}

/** What came of a change that was asked for: its answer, or the status, code and message of a failure. */
export type Outcome<T> = {readonly answer: T} | {readonly refused: Refused}
export type Refused = {readonly status: number} & ErrorBody['error']

/** What the server needs of the daemon. */
export type Operations = {
  status(): Status
  routes(): readonly RouteRow[]
  services(): readonly ServiceRow[]
  instances(): readonly InstanceRow[]
  config(): ConfigDump
  drain(id: string, wish: {forMs: number; who: string; why: string}): Promise<Outcome<DrainAnswer>>
  undrain(id: string): Promise<Outcome<UndrainAnswer>>
  /** Calls back on every event until the returned function is called. */
  subscribe(listener: (event: EventBody) => void): () => void
}
