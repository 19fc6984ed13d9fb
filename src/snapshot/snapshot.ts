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
  /** How instances are asked whether they are well. */
  readonly checks: readonly Check[]
  /** What service mode serves, by slug. */
  readonly services: readonly ServiceRoute[]
  /** What belongs to hosts, not to prefixes. */
  readonly hosts: readonly Host[]
  readonly forward: ForwardHeaders
}

export type Route = {
  /** host + prefix in normal form: 'x.localhost', 'x.localhost/app'. */
  readonly id: string
  /** 'shop.example.com', '*.example.com' (one label) or '*' (anything). */
  readonly host: string
  /** '' for the whole host, else '/app' or '/app/admin': no trailing slash. */
  readonly prefix: string
  /** Other destinations for some requests of this place; the first one that matches takes the request. */
  readonly variants: readonly Variant[]
  readonly action: Action
  /** A copy of some requests; its answers are thrown away. */
  readonly mirror: Mirror | null
  /** null: only what was provably not sent is tried again. */
  readonly retry: Retry | null
  /** null: heads pass as they are. */
  readonly head: HeadPolicy | null
  readonly timeouts: Timeouts
  readonly source: Source
}

/** What happens to a request that the route takes. */
export type Action =
  | {readonly kind: 'forward'; readonly pool: string}
  /** Each client to one of the parts, always the same. */
  | {readonly kind: 'split'; readonly parts: readonly SplitPart[]}
  /** To `to`, and unless it is exact with what the path has behind the prefix, and the query. */
  | {readonly kind: 'redirect'; readonly to: string; readonly status: number; readonly isExact: boolean}
  /** `head` is a status line and field lines, `body` its bytes as latin1 text. */
  | {readonly kind: 'respond'; readonly status: number; readonly head: string; readonly body: string}

export type SplitPart = {
  readonly pool: string
  /** 0.05 for 5 % of the clients. */
  readonly share: number
  /** Clients whose hash (32 bits) is below this, and not below that of the part before, are this part's. */
  readonly below: number
}

export type Variant = {
  readonly name: string
  readonly when: Condition
  readonly action: Action
}

/**
 * All of it must hold. Names of headers in lower case; '' as value: the name must be there. What stands for bytes of a head
 * (headers, cookies) has one character for each byte, what stands for a query is decoded text.
 */
export type Condition = {
  /** Any of these; empty: every method. */
  readonly methods: readonly string[]
  readonly headers: readonly (readonly [string, string])[]
  readonly cookies: readonly (readonly [string, string])[]
  readonly query: readonly (readonly [string, string])[]
}

/** `share` is the chance of each request to be copied. */
export type Mirror = {readonly pool: string; readonly share: number}

export type Retry = {
  /** Tries beyond the first. */
  readonly times: number
  readonly connect: boolean
  readonly timeout: boolean
  /** Statuses of an answer, or of the failure in its place. */
  readonly statuses: readonly number[]
  /** Retries in proportion to requests, 0.2 for 20 %. */
  readonly budget: number
  /** Also what an instance may have processed and that may not be done twice. */
  readonly unsafe: boolean
}

export type HeadPolicy = {
  /** The first `cut` characters of the path give way to `put`. */
  readonly rewrite: {readonly cut: number; readonly put: string} | null
  /** Host for the instance: the client's, the instance's own, or another. */
  readonly host:
    | {readonly kind: 'preserve'}
    | {readonly kind: 'target'}
    | {readonly kind: 'literal'; readonly value: string}
  /** Null: fields pass as they are. */
  readonly request: FieldEdits | null
  readonly response: FieldEdits | null
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
  /** What all of them speak. A pool that speaks otherwise is another one: a request that was framed for one stays there. */
  readonly protocol: Protocol
  readonly balance: Balance
  /** Indexes of members in the order in which round-robin goes through them, each as often as its weight says. */
  readonly rotation: readonly number[]
  readonly sticky: Sticky | null
  /** Time over which a member that has come back gets to its full share; 0: at once. */
  readonly slowStartMs: number
  readonly passive: Passive | null
  readonly circuit: Circuit | null
  /** Requests under way at one instance; 0: any number. */
  readonly maxInFlight: number
  /** For requests that find every member at maxInFlight; null: they are refused. */
  readonly queue: Queue | null
}

export type Sticky = {
  readonly cookie: string
  /** 0: as long as the browser is open. */
  readonly ttlMs: number
  readonly domain: string
  readonly path: string
}

/** A member that fails `maxFails` requests within a window is left out for `ejectMs`, longer each time in a row. */
export type Passive = {readonly maxFails: number; readonly windowMs: number; readonly ejectMs: number}

/** Opens when of at least `minRequests` in a window the share `errorRate` failed; one request tries again after `openMs`. */
export type Circuit = {
  readonly errorRate: number
  readonly minRequests: number
  readonly windowMs: number
  readonly openMs: number
}

export type Queue = {readonly size: number; readonly timeoutMs: number}

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
  /** Unlike that of any other member: pool, instance and base path. Its state outlives snapshots under this name. */
  readonly key: string
  /** 'orders@10.0.0.1:8080', as operators call it. */
  readonly id: string
  /** Key of the instance. */
  readonly instance: string
  /** Key of the check that finds it up or down; null: it is taken to be up. */
  readonly check: string | null
  /** Marked as down by whoever wrote it: it finishes what it has and gets nothing new. */
  readonly isDown: boolean
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
  /** A name, resolved by the control plane, an IP address without brackets, or the absolute path of a unix socket. */
  readonly host: string
  /** 0 for a unix socket. */
  readonly port: number
  /** What it speaks; with https, over TLS. */
  readonly protocol: Protocol
  /** How an https instance is checked; null for http. */
  readonly tls: UpstreamTls | null
  readonly keepalive: Keepalive
}

export type Protocol = 'http1' | 'http2'

/** Connections that wait for the next request, and for how long. */
export type Keepalive = {readonly idle: number; readonly timeoutMs: number}

/** A question to one instance; members that are asked the same share the verdict. */
export type Check = {
  readonly key: string
  /** Key of the instance. */
  readonly instance: string
  readonly probe:
    | {readonly kind: 'tcp'}
    | {
        readonly kind: 'http'
        readonly path: string
        /** '' for the instance's own authority. */
        readonly host: string
        /** Field lines, each with its CRLF. */
        readonly fields: string
        /** Statuses that are well, as closed ranges. */
        readonly expect: readonly (readonly [number, number])[]
      }
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Answers in a row that bring it up, and take it down. */
  readonly rise: number
  readonly fall: number
  /** Not used before it was found well. */
  readonly startDown: boolean
}

/** A service as service mode serves it: /<slug>/… to its pool. */
export type ServiceRoute = {
  readonly slug: string
  readonly pool: string
  readonly stripSlug: boolean
  readonly timeouts: Timeouts
  /** Instances may register themselves. */
  readonly register: boolean
  readonly discover: Discovery | null
  readonly source: Source
}

/** A name in DNS whose answers are instances. */
export type Discovery = {
  readonly dns: string
  readonly type: 'A' | 'AAAA' | 'SRV'
  readonly scheme: 'http' | 'https'
  /** 0 for SRV, whose answers bring their own. */
  readonly port: number
  readonly everyMs: number
}

/** How a host is served on https, whatever routes it has. */
export type Host = {
  /** As in routes: 'shop.example.com', '*.example.com' or '*'. */
  readonly pattern: string
  /** Plain http is sent to https, when the host is served there. */
  readonly redirect: boolean
  /** Browsers are told to use only https for this long; 0: they are not. */
  readonly hstsMs: number
  /** PEM of the authorities that sign certificates of clients, without which nobody is let in; null lets in everybody. */
  readonly clientAuth: string | null
  /** Where its own certificate is read from, as one text; null for one that is got for it. */
  readonly ownCertificate: string | null
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
