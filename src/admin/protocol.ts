// The wire between the daemon and its operator: HTTP/1.1 over a unix socket, JSON bodies, NDJSON for events.
//
//   GET /v1/status   → Status
//   GET /v1/routes   → RouteRow[]
//   GET /v1/config   → ConfigDump
//   GET /v1/events   → one JSON Event per line: first {type: 'snapshot'}, then what changes, and a heartbeat
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
  | {readonly type: 'heartbeat'}

export type ErrorBody = {readonly error: {readonly code: string; readonly message: string}}

/** What the server needs of the daemon. */
export type Operations = {
  status(): Status
  routes(): readonly RouteRow[]
  config(): ConfigDump
  /** Calls back on every event until the returned function is called. */
  subscribe(listener: (event: EventBody) => void): () => void
}
