// The wire between the daemon and its operator: HTTP/1.1 over a unix socket, JSON bodies, NDJSON for events.
//
//   GET  /v1/status                   → Status
//   GET  /v1/routes                   → RouteRow[]
//   GET  /v1/services                 → ServiceRow[]
//   GET  /v1/instances                → InstanceRow[]
//   POST /v1/instances/{id}/drain     → DrainAnswer; its body is a DrainBody or nothing
//   POST /v1/instances/{id}/undrain   → UndrainAnswer
//   POST /v1/instances/{id}/weight    → WeighAnswer; its body is a WeighBody
//   POST /v1/instances/{id}/unweight  → UnweighAnswer
//   GET  /v1/certs                    → CertRow[]
//   POST /v1/certs/import             → CertRow; its body is a CertImport
//   POST /v1/certs/export             → CertExport; {"id": …, "withKey": true}: the only answer that ever has a key in it
//   POST /v1/certs/{id}/renew         → CertRow; by its id or a name in it. It is got later: the row says when it is there, or why not
//   POST /v1/certs/roots              → {roots: PEM[]} of the local CA
//   POST /v1/certs/rekey              → RekeyAnswer; its body is a RekeyBody
//   GET  /v1/config                   → ConfigDump
//   GET  /v1/history                  → HistoryRow[], newest first
//   GET  /v1/explain?url=…            → ExplainAnswer; besides method, clientIp, and header ('Name: value') as often as needed
//   POST /v1/sync                     → SyncAnswer, when a run with a fetch has ended
//   POST /v1/suspend                  → Suspension; its body is a SuspendBody or nothing
//   POST /v1/resume                   → ResumeAnswer
//   POST /v1/confirm                  → ConfirmAnswer
//   POST /v1/rollback                 → RollbackAnswer; its body is a RollbackBody or nothing
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
  /** Address of /metrics, /healthz and /readyz; null: they are off. */
  readonly metrics?: string | null
  readonly conditions: readonly Condition[]
  /** Of all answers of the last ten seconds; null while there were none. */
  readonly latency?: Latency | null
  readonly traffic?: Rates
}

/** How long half and 99 % of the answers took at the most, to the resolution of the histograms in /metrics. */
export type Latency = {readonly p50Ms: number; readonly p99Ms: number}

/** Answers of all routes and of none, and those of 500 and above, a second; a mean over so much time. */
export type Rates = {readonly requestsPerSecond: number; readonly errorsPerSecond: number; readonly overMs: number}

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
  /** The lines in question as `check` shows them, where a file is the reason. */
  readonly excerpt?: string
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
  /** What it is picked by. */
  readonly weight: number
  /** What is written; another one while an operator has changed it. */
  readonly configuredWeight?: number
  /** These count what the address was asked, by all services that have an instance there. */
  readonly inFlight: number
  readonly requests: number
  readonly errors: number
  /** From a request to the head of its answer, a moving mean; null: nothing was answered yet. */
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

/** An instance that is picked by another weight than is written; 0: it gets nothing. */
export type WeightLease = Lease & {readonly weight: number}
/** The terms of a DrainBody; `weight` is a whole number from 0 to 1000. */
export type WeighBody = DrainBody & {readonly weight: number}
export type WeighAnswer = WeightLease & {
  readonly configuredWeight: number
  readonly service: string
  readonly usable: number
}
/** null: it had the weight that is written. */
export type UnweighAnswer = {readonly id: string; readonly lifted: WeightLease | null}

/** A certificate, or a name that should have one. Never a key. Times are RFC 3339, and null where there is no certificate. */
export type CertRow = {
  /** 'acme-shop.example.com' */
  readonly id: string
  readonly commonName: string
  readonly names: readonly string[]
  /** Who signed it; '' where there is none yet. */
  readonly issuer: string
  readonly notBefore: string | null
  readonly notAfter: string | null
  /** Hex. */
  readonly serial: string | null
  readonly createdAt: string | null
  readonly updatedAt: string | null
  /** Of one that could not be got or renewed, the next try; null: somebody else renews it. */
  readonly renewAt: string | null
  readonly state: CertState
  /** What is wrong with it, or failed last; '' when nothing did. */
  readonly error: string
}

/**
 * expiring: within a week, and nobody here renews it; pending: the first is being ordered; failing: the last try to get or
 * read it failed, what there was before is used; unreadable: its file in the vault cannot be opened.
 */
export type CertState = 'valid' | 'expiring' | 'expired' | 'pending' | 'failing' | 'unreadable'

/** PEM of both. */
export type CertImport = {readonly cert: string; readonly key: string}
/** PEM; `key` is null unless it was asked for. */
export type CertExport = {readonly id: string; readonly cert: string; readonly key: string | null}
export type CertRoots = {readonly roots: readonly string[]}
/** `key` in base64, and where it was read; null: a new one takes the place of the key file that was made by routesd. */
export type RekeyBody = {readonly key: string | null; readonly from: string}
export type RekeyAnswer = {
  /** Files that were sealed anew. */
  readonly rewritten: number
  /** Files that could not be opened, and are as they were. */
  readonly left: readonly string[]
  /** What the operator has to do; '' for nothing. */
  readonly next: string
}

/** What became of a revision that was to be served. */
export type HistoryRow = {
  readonly revision: string
  /** '': nobody has committed it, or git cannot say. */
  readonly author: string
  readonly subject: string
  /** RFC 3339. */
  readonly at: string
  /** What made the daemon look: 'watch', 'git', 'webhook', 'admin', … */
  readonly trigger: string
  /** 'unchanged': another name for the routes that were served. 'reverted': it was served, and is no longer. */
  readonly outcome: 'applied' | 'unchanged' | 'refused' | 'reverted'
  /** A word for machines. */
  readonly reason: string
  readonly message: string
  /** The first findings, each with its place. */
  readonly diagnostics: readonly {readonly place: string; readonly rule: string; readonly message: string}[]
  /** Counts of what became another; null where nothing was compared. */
  readonly diff: {
    readonly added: number
    readonly removed: number
    readonly moved: number
    readonly changed: number
  } | null
  /** What was served after this; null: nothing. */
  readonly serving: string | null
}

export type SyncAnswer = Pick<Status, 'sync' | 'health' | 'revision'> & {
  /** What routesd.yaml says in vain: SettingsRefused, RestartNeeded. */
  readonly settings?: readonly Condition[]
}

/** `until` is a time in RFC 3339, `for` a duration such as '2h'; without either it lasts until `resume`. */
export type SuspendBody = {readonly until?: string; readonly for?: string; readonly why?: string; readonly who?: string}
/** Nothing is applied meanwhile. Times are RFC 3339; `until` null: until somebody says otherwise. */
export type Suspension = {
  readonly since: string
  readonly until: string | null
  readonly who: string
  readonly why: string
}

/** What was lifted: a suspension, or else the quarantine of these revisions; `left` are those that still are in it. */
export type ResumeAnswer = {
  readonly suspension: Suspension | null
  readonly quarantine: readonly string[]
  readonly left: readonly string[]
}

export type ConfirmAnswer = {readonly revision: string}

/** `revision` is one that was served or any commit before the one that is; without it, what was served before. */
export type RollbackBody = {readonly revision?: string; readonly why?: string; readonly who?: string}
export type RollbackAnswer = {readonly from: string; readonly to: string; readonly quarantined: readonly string[]}

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
  /** Once a second, until a minute after the last answer: rates of that second, latency of ten. */
  | {readonly type: 'traffic'; readonly traffic: Rates; readonly latency: Latency | null}
  | {readonly type: 'heartbeat'}

/** A request that somebody asks about. `clientIp` null: not known. */
export type ExplainAsked = {
  readonly method: string
  readonly url: string
  readonly headers: readonly {readonly name: string; readonly value: string}[]
  readonly clientIp: string | null
}

/** What `explain` says of routes, from what is served at this moment, and what only a daemon knows. */
export type ExplainAnswer = {
  readonly method: string
  readonly url: string
  readonly revision: string
  readonly route: {
    readonly id: string
    readonly file: string
    readonly line: number
    /** Who put the line there; null: nobody has committed it, or git cannot say. */
    readonly commit: string | null
    readonly author: string | null
    readonly subject: string | null
  } | null
  readonly variant: string | null
  readonly candidates: readonly {
    readonly id: string
    readonly variant?: string
    readonly outcome: 'won' | 'lost'
    readonly why: string
  }[]
  readonly upstream: {readonly service: string; readonly url: string} | null
  readonly forward: string | null
  readonly split:
    | readonly {
        readonly service: string
        readonly url: string | null
        readonly share: string
        readonly taken: boolean
      }[]
    | null
  readonly answer: {readonly status: number; readonly why: string; readonly location: string | null} | null
  readonly policies: readonly {readonly name: string; readonly value: string}[]
  readonly live: LiveAnswer
}

export type LiveAnswer = {
  readonly revision: string
  /** Who the request may go to: one, or the parts of a split whose client is not known. */
  readonly pools: readonly {
    readonly service: string
    readonly balance: string
    readonly circuit: 'closed' | 'open' | 'half-open'
    /** Requests that wait for a place. */
    readonly queued: number
  }[]
  readonly instances: readonly LiveInstance[]
}

export type LiveInstance = InstanceRow & {
  readonly backup: boolean
  /** What an operator has ordered; null for nothing. */
  readonly lease: Lease | null
  /** Would it get the request now? 'possible': chance, or what is not known of the request, decides. */
  readonly outcome: 'picked' | 'possible' | 'passed'
  readonly why: string
}

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
  readonly certs: CertOperations
  config(): ConfigDump
  drain(id: string, wish: {forMs: number; who: string; why: string}): Promise<Outcome<DrainAnswer>>
  undrain(id: string): Promise<Outcome<UndrainAnswer>>
  weigh(id: string, weight: number, wish: {forMs: number; who: string; why: string}): Promise<Outcome<WeighAnswer>>
  unweigh(id: string): Promise<Outcome<UnweighAnswer>>
  history(): readonly HistoryRow[]
  explain(asked: ExplainAsked): Promise<Outcome<ExplainAnswer>>
  sync(): Promise<SyncAnswer>
  suspend(wish: {until: string | null; who: string; why: string}): Promise<Outcome<Suspension>>
  resume(): Promise<Outcome<ResumeAnswer>>
  confirm(): Promise<Outcome<ConfirmAnswer>>
  rollback(wish: {revision: string | null; who: string; why: string}): Promise<Outcome<RollbackAnswer>>
  /** Calls back on every event until the returned function is called. */
  subscribe(listener: (event: EventBody) => void): () => void
}

export type CertOperations = {
  rows(): readonly CertRow[]
  import(cert: string, key: string): Promise<Outcome<CertRow>>
  export(idOrName: string, withKey: boolean): Promise<Outcome<CertExport>>
  renew(idOrName: string): Promise<Outcome<CertRow>>
  roots(): Promise<Outcome<CertRoots>>
  rekey(key: {readonly bytes: Uint8Array; readonly from: string} | null): Promise<Outcome<RekeyAnswer>>
}
