// What the control plane hands to the data plane: a configuration in which nothing is left to decide. Plain data that a
// structured clone can carry, no optional fields, durations in milliseconds, names in lower case. Types only.

export type Snapshot = {
  /** The name of the commit or the files it was compiled from; see DESIGN §6. */
  readonly revision: string
  /** sha256 of everything below, hex: two snapshots with the same content route alike. */
  readonly content: string
  readonly routes: readonly Route[]
  readonly pools: readonly Pool[]
  readonly instances: readonly Instance[]
  readonly forward: ForwardHeaders
}

export type Route = {
  /** host + prefix in normal form: 'x.localhost', 'x.localhost/app'. */
  readonly id: string
  /** 'shop.example.com', '*.example.com' (one label) or '*' (anything). */
  readonly host: string
  /** '' for the whole host, else '/app' or '/app/admin': no trailing slash. */
  readonly prefix: string
  readonly action: Action
  /** null: heads pass as they are. */
  readonly head: HeadPolicy | null
  readonly timeouts: Timeouts
  readonly source: Source
}

/** What happens to a request that the route takes. */
export type Action =
  | {readonly kind: 'forward'; readonly pool: string}
  /** To `to`, and unless it is exact with what the path has behind the prefix, and the query. */
  | {readonly kind: 'redirect'; readonly to: string; readonly status: number; readonly isExact: boolean}
  /** `head` is a status line and field lines, `body` its bytes as latin1 text. */
  | {readonly kind: 'respond'; readonly status: number; readonly head: string; readonly body: string}

export type HeadPolicy = {
  /** The first `cut` characters of the path give way to `put`. */
  readonly rewrite: {readonly cut: number; readonly put: string} | null
  /** Host for the instance: the client's, the instance's own, or another. */
  readonly host:
    | {readonly kind: 'preserve'}
    | {readonly kind: 'target'}
    | {readonly kind: 'literal'; readonly value: string}
  readonly request: FieldEdits
  readonly response: FieldEdits
}

export type FieldEdits = {
  /** Names in lower case. */
  readonly drop: readonly string[]
  /** Field lines, each with its CRLF. */
  readonly append: string
  /** Lines for names that are not there: [name in lower case, line with its CRLF]. */
  readonly ifMissing: readonly (readonly [string, string])[]
}

export type Timeouts = {
  /** To an open connection, all addresses of the name together. */
  readonly connectMs: number
  /** Between two successful writes of the request. */
  readonly sendMs: number
  /** From the last byte of the request to the first byte of the response. */
  readonly responseMs: number
  /** Between two reads of the response. */
  readonly idleMs: number
  /** Silence in both directions of an upgraded connection. */
  readonly tunnelMs: number
}

/** Where a person wrote it. */
export type Source = {readonly file: string; readonly line: number}

/** Instances that may take each other's requests. A route with a `target` has a pool of one. */
export type Pool = {
  readonly key: string
  /** What a person calls it: the slug of the service, or the target. */
  readonly name: string
  readonly members: readonly Member[]
  readonly balance: Balance
  /** Indexes of members in the order in which round-robin goes through them, each as often as its weight says. */
  readonly rotation: readonly number[]
}

export type Balance =
  | {readonly kind: 'round-robin'}
  | {readonly kind: 'least-connections'}
  | {readonly kind: 'random-two'}
  | {readonly kind: 'hash'; readonly by: HashBy}

/** What tells one client, or one thing that is asked for, from another. Names in lower case. */
export type HashBy =
  | {readonly kind: 'client'}
  | {readonly kind: 'uri'}
  | {readonly kind: 'header'; readonly name: string}
  | {readonly kind: 'cookie'; readonly name: string}

export type Member = {
  /** Key of the instance. */
  readonly instance: string
  /** Path of the target URL that stands before the path of the request; '' or '/base'. */
  readonly basePath: string
  /** Its share in proportion to the weights of the others; 0 gets nothing. */
  readonly weight: number
  /** Gets requests only while no other is usable. */
  readonly isBackup: boolean
}

/** One origin. Its connections, health and counters outlive every snapshot that names it, so it is known by its key. */
export type Instance = {
  /** 'http://10.0.0.1:8080', always with its port. */
  readonly key: string
  readonly scheme: 'http' | 'https'
  /** A name, resolved by the control plane, or an IP address without brackets. */
  readonly host: string
  readonly port: number
  /** How an https instance is checked; null for http. */
  readonly tls: UpstreamTls | null
}

export type UpstreamTls = {
  /** Asked for by SNI and checked in the certificate; '' for an IP address. */
  readonly serverName: string
  /** PEM; '' for the system's authorities. */
  readonly ca: string
  /** PEM of our own certificate and its key; '' for none. */
  readonly cert: string
  readonly key: string
  /** The certificate is not checked. */
  readonly insecure: boolean
}

/** Headers sent besides X-Forwarded-For, -Proto, -Host and X-Real-IP. */
export type ForwardHeaders = {
  readonly forwarded: boolean
  readonly via: boolean
  readonly requestId: boolean
  readonly traceparent: boolean
}
