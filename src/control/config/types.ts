// Generated from schemas/ by `npm run generate`: do not edit.

/** One YAML document: a route, a list of routes, or a mapping with any of routes, hosts, services and tests. An empty document says nothing. */
export type File = Route[] | Route | FileMapping

/** Takes the requests of a host, or of a host and a path prefix, and says where they go. */
export interface Route {
  /** What the route takes: a host, or host/path-prefix. The longest prefix wins, on segment boundaries. */
  id: string
  /** URL that requests are forwarded to. The prefix of the route is kept. */
  target?: string
  /** Slug of the service that requests are forwarded to. */
  service?: string
  /** Several destinations, each with its share of the clients, told apart by their addresses (as trustedProxies sees them): a client always goes to the same part, and when a share grows only those move that have to. A part without a usable instance answers 503; its clients are not sent to another part. */
  split?: RouteSplitPart[]
  redirect?: RouteRedirect
  respond?: RouteRespond
  static?: RouteStatic
  /** Removes the prefix of the route from the path that is forwarded. */
  stripPrefix?: boolean
  rewrite?: RouteRewrite
  /** Host sent upstream: preserve (the client's), target (that of the instance), or a literal. */
  hostHeader?: string
  /** Other destinations for some requests of the same prefix, tried in order before the route itself. Everything else that the route says holds for them too, but not the keys that go with its target: a target of a variant that needs such keys is written as a service. */
  variants?: RouteVariant[]
  /** Sends a copy of some requests elsewhere and ignores the answers. A copy never delays or fails the request that it was made of. It goes out when that request has been sent whole. WebSockets and requests with a body above 64 KiB are not copied. */
  mirror?: ('off' | false) | RouteMirror
  headers?: RouteHeaders
  timeouts?: Timeouts
  /** When another instance is tried. Off or left out: only what was provably not sent. */
  retry?: ('off' | false) | Retry
  limits?: Limits
  /** Who may ask. */
  access?: ('off' | false) | RouteAccess
  /** Compresses responses with br, zstd or gzip, by Accept-Encoding. */
  compress?: ('off' | false) | true
  /** Keeps responses and answers with them. */
  cache?: ('off' | false) | RouteCache
  buffer?: RouteBuffer
  /** Pages for errors that the proxy answers itself, by status code. */
  errors?: {
    /** A path of a file; a relative one is resolved against the folder of the file it is written in. */
    [k: string]: string
  }
  /** Answers every request with an error, except those of some clients. */
  maintenance?: ('off' | false) | RouteMaintenance
  upstreamTls?: UpstreamTls
  /** Only with target. What the target speaks: http1, or for gRPC h2c (an http:// target) or h2 (an https:// one). */
  protocol?: 'http1' | 'h2c' | 'h2'
  keepalive?: Keepalive
  /** Only with target. Asks the target whether it is well. */
  health?: ('off' | false) | Health
  /** Only with target. Takes the target out when it fails the requests of clients. */
  passive?: ('off' | false) | Passive
  /** Only with target. Stops sending while the error rate is too high. */
  circuit?: ('off' | false) | Circuit
  /** Only with target. Requests that may be under way at the target at once. */
  maxConnections?: ('off' | false) | number
  /** Only with target. Requests that wait when maxConnections is reached. */
  queue?: ('off' | false) | Queue
}

/** A destination and its share of the clients. */
export interface RouteSplitPart {
  /** Slug of a service. */
  service?: string
  /** URL of an origin. */
  target?: string
  /** Share of the clients. All shares of a split add up to 100%. */
  share: string
}

/** Where to, and how. */
export interface RouteRedirect {
  /** URL, or path on the same host. The rest of the path and the query are appended unless exact is true. */
  to: string
  /** 301 and 302 may turn a POST into a GET; 307 and 308 keep it. */
  status?: 301 | 302 | 303 | 307 | 308
  /** Redirects to exactly this URL. */
  exact?: boolean
}

/** What is answered. */
export interface RouteRespond {
  /** Status code of the response. */
  status?: number
  /** Body of the response. */
  body?: string
  /** Headers of the response. */
  headers?: {
    [k: string]: string
  }
}

/** A folder of files. */
export interface RouteStatic {
  /** The folder. */
  root: string
  /** File that answers when there is none for the path; for single-page applications. */
  fallback?: string
}

/** Puts another prefix in the place of the route's. */
export interface RouteRewrite {
  /** The new prefix. */
  prefix: string
}

/** Another destination for the requests that meet a condition. */
export interface RouteVariant {
  /** Name of the variant, for logs, metrics and tests. */
  name: string
  when?: RouteCondition
  /** URL that requests are forwarded to. */
  target?: string
  /** Slug of the service that requests are forwarded to. */
  service?: string
  /** Several destinations, each with its share of the clients. */
  split?: RouteSplitPart[]
  redirect?: RouteRedirect
  respond?: RouteRespond
  static?: RouteStatic
}

/** What a request must have. */
export interface RouteCondition {
  /** One of these methods; none means any. HEAD is not GET. */
  methods?: string[]
  /** These headers with these values; an empty value asks only that the header is there. Names are compared in any case, values exactly. Of several lines of one name any may have the value. Headers that routesd writes itself, such as X-Forwarded-For, cannot be asked for. */
  headers?: {
    [k: string]: string
  }
  /** These cookies with these values, compared exactly; an empty value asks only that the cookie is there. Of several cookies of one name the first counts. */
  cookies?: {
    [k: string]: string
  }
  /** These query parameters with these values, decoded as forms are (%20 and + are spaces) and compared exactly; an empty value asks only that the parameter is there. Of several parameters of one name any may have the value. */
  query?: {
    [k: string]: string
  }
}

/** Where copies go, and of how many requests. */
export interface RouteMirror {
  /** Slug of a service. */
  service?: string
  /** URL of an origin. */
  target?: string
  /** Share of the requests, chosen by chance. */
  share?: string
}

/** Changes to the headers of requests and responses. */
export interface RouteHeaders {
  request?: RouteHeaderChanges
  response?: RouteHeaderChanges
  /** default adds the usual security headers to responses that do not have them. */
  security?: ('off' | false) | 'default'
}

/** remove comes first, then set (in the place of what is there), then add (besides what is there). */
export interface RouteHeaderChanges {
  /** Headers that get exactly this value. */
  set?: {
    [k: string]: string
  }
  /** Headers that are added besides those that are there. */
  add?: {
    [k: string]: string
  }
  /** Headers that are removed. */
  remove?: string[]
}

/** How long each part of a request may take. */
export interface Timeouts {
  /** To an open connection to the upstream, all addresses of the name together. */
  connect?: string
  /** Between two successful writes of the request to the upstream. */
  send?: string
  /** From the last byte of the request to the first byte of the response. */
  response?: string
  /** Between two reads of the response body. */
  idle?: string
  /** Silence in both directions after which a WebSocket or other upgraded connection is closed. */
  tunnel?: string
}

/** When another instance is tried. Without it only what was provably not sent is tried again. Never once a byte of an answer has gone to the client, or when the body could not be held whole. */
export interface Retry {
  /** How many extra tries, besides those at up to two other instances for what was provably not sent. */
  times?: number
  /** What is worth another try: connect (never sent), timeout, or a status: of the answer of the instance, or of the failure in its place. */
  for?: ('connect' | 'timeout' | 500 | 502 | 503 | 504)[]
  /** Extra tries may be at most this share of the requests of the route; unless it is 0%, a few per second always may. */
  budget?: string
  /** Also tries requests again that may not be done twice (POST, PATCH), although the first instance may have done them. Only for instances that know a request they have seen. */
  unsafe?: boolean
}

/** How much a client may ask for. */
export interface Limits {
  /** Largest request body. */
  body?: ('off' | false) | string
  /** How often one client may ask. */
  rate?: ('off' | false) | RateLimit
  /** Requests of this route that may be under way at once. */
  concurrency?: ('off' | false) | number
}

/** How often one client may ask. */
export interface RateLimit {
  /** Requests over time, on average. */
  requests: string
  /** Requests that may come at once above the average. */
  burst?: number
  /** What is counted apart. */
  by?: string
}

/** Who may ask. */
export interface RouteAccess {
  /** Whether all of the conditions below must hold, or any of them is enough. */
  satisfy?: 'all' | 'any'
  /**
   * Clients that may ask; none means all.
   *
   * Items: An IP address, or a range of them in CIDR notation.
   */
  allow?: string[]
  /**
   * Clients that may not ask.
   *
   * Items: An IP address, or a range of them in CIDR notation.
   */
  deny?: string[]
  /** Name and password (RFC 7617). */
  basic?: ('off' | false) | RouteBasicAuth
  /** Asks another service whether the client may. */
  forward?: ('off' | false) | RouteForwardAuth
  /** A signed token in the Authorization header. */
  jwt?: ('off' | false) | RouteJwt
}

/** Name and password (RFC 7617). */
export interface RouteBasicAuth {
  /** What the client shows to the user. */
  realm?: string
  /** Lines of name:hash as htpasswd -B writes them. */
  htpasswd: string | Secret
}

/** Where a secret is read from. The secret itself never stands in a file of routesd. */
export interface Secret {
  /** Read from this file. */
  file?: string
  /** Read from this environment variable; for files of routes.d, permit.env must name it. */
  env?: string
  /** Read from this systemd credential ($CREDENTIALS_DIRECTORY). */
  credential?: string
}

/** Asks another service whether the client may: 2xx means yes, any other answer is passed to the client. */
export interface RouteForwardAuth {
  /** Who is asked. */
  url: string
  /** Headers of the answer that are copied into the request. */
  copy?: string[]
  /** How long the answer may take; then the client gets an error. */
  timeout?: string
}

/** A signed token in the Authorization header. */
export interface RouteJwt {
  /** Where the public keys are: a URL, a path, or a reference. */
  jwks: string | Secret
  /** The iss claim that a token must have. */
  issuer?: string
  /** The aud claim that a token must have. */
  audience?: string
}

/** Keeps responses as RFC 9111 says. */
export interface RouteCache {
  /** How long responses without a lifetime of their own are kept, by status code. */
  ttl?: {
    /** An amount of time with its unit: ms, s, m, h, d, w or y. Parts may be joined. */
    [k: string]: string
  }
  /** Uses ttl even when the response says otherwise. */
  override?: boolean
  /** How long an expired response may answer while the upstream fails. */
  staleIfError?: ('off' | false) | string
  /** How long an expired response may answer while a new one is fetched. */
  staleWhileRevalidate?: ('off' | false) | string
  /** Of several requests for the same missing response only one goes upstream. */
  lock?: boolean
  /** What tells responses apart: method, host, url, header:<name> or cookie:<name>. */
  key?: string[]
  /** Memory that the responses of this route may take. */
  maxSize?: string
}

/** Reads whole bodies up to a size before they are passed on. */
export interface RouteBuffer {
  /** For request bodies. */
  request?: ('off' | false) | string
  /** For response bodies. */
  response?: ('off' | false) | string
}

/** Answers every request with an error, except those of some clients. */
export interface RouteMaintenance {
  /** When it is expected to end (RFC 3339); becomes Retry-After. */
  until?: string
  /** Status code of the answer. */
  status?: number
  /**
   * Clients that are served as usual.
   *
   * Items: An IP address, or a range of them in CIDR notation.
   */
  allow?: string[]
}

/** How the certificate of an https instance is checked, and which one is shown to it. */
export interface UpstreamTls {
  /** Certificates that sign those of the instances; without it, the system's. */
  ca?: string | Secret
  /** Client certificate. */
  cert?: string | Secret
  /** Key of the client certificate. */
  key?: string | Secret
  /** Name asked for and checked; without it, the host of the instance. */
  serverName?: string
  /** Accepts any certificate. For tests only. */
  insecure?: boolean
}

/** Connections to instances that are kept for the next request. */
export interface Keepalive {
  /** Kept per instance, by all workers together; 0 closes every connection after its request. */
  idle?: number
  /** How long an idle connection is kept. */
  timeout?: string
}

/** Asks every instance whether it is well: {path: /health} over HTTP, or {tcp: true} for a bare connection. */
export interface Health {
  /** Path that is asked for. */
  path?: string
  /** An open connection is enough. */
  tcp?: true
  /** Status codes of a healthy answer: one, a range, or several of them. */
  expect?: number | string
  /** Between two checks of one instance. */
  interval?: string
  /** For one check. */
  timeout?: string
  /** Good answers in a row that bring an instance back. */
  rise?: number
  /** Bad answers in a row that take an instance out. */
  fall?: number
  /** Host header of the check; without it, that of the instance. */
  host?: string
  /** Headers of the check. */
  headers?: {
    [k: string]: string
  }
  /** A new instance gets no requests before its first good answers. */
  startDown?: boolean
}

/** Takes an instance out that fails the requests of clients. */
export interface Passive {
  /** Failures within the window that eject an instance. */
  maxFails?: number
  /** Time in which failures are counted. */
  window?: string
  /** How long an instance stays out. */
  eject?: string
}

/** Stops sending to a service whose error rate is too high. */
export interface Circuit {
  /** Share of failed requests that opens the circuit. */
  errorRate?: string
  /** Fewer requests than this in the window never open it. */
  minRequests?: number
  /** Time over which the rate is taken. */
  window?: string
  /** How long the circuit stays open before one request tries again. */
  open?: string
}

/** Requests that wait when every instance has maxConnections under way. */
export interface Queue {
  /** Requests that may wait. */
  size?: number
  /** How long one may wait. */
  timeout?: string
}

/** What belongs to a host, not to a prefix. */
export interface Host {
  /** The host, as in the ids of its routes. */
  name: string
  tls?: HostTls
}

/** How the host is served on https. */
export interface HostTls {
  /** Redirects plain http to https. */
  redirect?: boolean
  /** Tells browsers to use only https for this long (RFC 6797). */
  hsts?: ('off' | false) | string
  /** Lets in only clients with a certificate of this CA. */
  clientAuth?: ('off' | false) | HostClientAuth
  certificate?: HostCertificate
}

/** Lets in only clients with a certificate of this CA. */
export interface HostClientAuth {
  /** Certificates that sign those of the clients. */
  ca: string | Secret
}

/** A certificate with its chain, and its key, as PEM. */
export interface HostCertificate {
  /** The certificate and its chain. */
  cert: string | Secret
  /** The private key. */
  key: string | Secret
}

/** Instances that can take each other's requests, and how they are chosen and watched. Also reachable by its slug in service mode. */
export interface Service {
  /** Name of the service, and its first path segment in service mode. */
  slug: string
  /** Removes the slug from the path that is forwarded in service mode. */
  stripSlug?: boolean
  /** Where the service runs: URLs, or URLs with a weight. */
  instances?: (string | ServiceInstance)[]
  discover?: ServiceDiscover
  /** Instances may register themselves through the registry API. */
  register?: boolean
  /** How an instance is chosen. Weights apply to all. */
  balance?: 'round-robin' | 'least-connections' | 'random-two' | 'hash'
  /** What balance: hash hashes. */
  hashBy?: string
  /** Keeps a client at its instance with a cookie. */
  sticky?: ('off' | false) | ServiceSticky
  /** Asks every instance whether it is well. */
  health?: ('off' | false) | Health
  /** Takes an instance out that fails the requests of clients. */
  passive?: ('off' | false) | Passive
  /** Stops sending to the service while its error rate is too high. */
  circuit?: ('off' | false) | Circuit
  /** Time over which a returning instance gets back to its full share. */
  slowStart?: ('off' | false) | string
  /** Requests that may be under way at one instance at once. */
  maxConnections?: ('off' | false) | number
  /** Requests that wait when every instance has maxConnections under way. */
  queue?: ('off' | false) | Queue
  keepalive?: Keepalive
  upstreamTls?: UpstreamTls
  /** What the instances speak: http1, or for gRPC h2c (http:// instances) or h2 (https:// ones). Health checks speak it, too. */
  protocol?: 'http1' | 'h2c' | 'h2'
}

/** One origin of a service. */
export interface ServiceInstance {
  /** Where it is. */
  url: string
  /** Its share in proportion to the weights of the others. */
  weight?: number
  /** Gets requests only while no other instance is usable. */
  backup?: boolean
  /** Gets no requests. */
  down?: boolean
}

/** Finds instances in DNS. They are asked over https when the service has upstreamTls, else over http. */
export interface ServiceDiscover {
  /** Name that is looked up. */
  dns: string
  /** Record type. SRV records bring their port and weight. */
  type?: 'A' | 'AAAA' | 'SRV'
  /** Port of the instances; not with type: SRV. */
  port?: number
  /** How often the name is looked up; once a second at the most. */
  every?: string
}

/** Keeps a client at its instance with a cookie that names the instance in a way that only we read. While the instance cannot be used the client is balanced like a new one and gets a new cookie; the cookie of a backup counts only while no other instance is usable. Instances get the cookie like every other. */
export interface ServiceSticky {
  /** Name of the cookie. */
  cookie: string
  /** How long the cookie lasts; without it, as long as the browser's session. */
  ttl?: string
  /** Domain of the cookie; without it, the host of the request. */
  domain?: string
  /** Path of the cookie. */
  path?: string
}

/** A request and what the router must decide about it. A set of files whose tests fail is refused. */
export interface Test {
  /** What the test says, as a sentence. */
  name: string
  /** METHOD URL, or a mapping with more. */
  request: string | TestRequest
  expect: TestExpect
}

/** A request in parts. */
export interface TestRequest {
  /** Method of the request. */
  method?: string
  /** URL of the request. */
  url: string
  /** Headers of the request. */
  headers?: {
    [k: string]: string
  }
  /** Address that the request comes from. */
  clientIp?: string
}

/** What must come out. */
export interface TestExpect {
  /** Id of the route that takes the request; null when none does. */
  route?: null | string
  /** Slug of the service that gets the request. */
  service?: string
  /** Name of the variant that takes the request; null when the route itself does. */
  variant?: null | string
  /** URL that the request is forwarded to. */
  forward?: string
  /** Status code of an answer that the proxy gives itself. */
  status?: number
  /** Location of the redirect. */
  redirect?: string
  /** Headers of the request that is forwarded, or of the answer. */
  headers?: {
    [k: string]: string
  }
}

/** routesd.yaml: how the process runs. Every key is optional; relative paths are resolved against the folder of the file. */
export interface SettingsDocument {
  /** For editors; ignored by routesd. */
  $schema?: string
  /** Folder of the route files. */
  routes?: string
  /** Folder for the vault, the last good routes, the git mirror and the history. Created with mode 0700. */
  state?: string
  /** Threads that serve; auto means one per core. */
  workers?: 'auto' | number
  listen?: SettingsListen
  admin?: SettingsAdmin
  git?: SettingsGit
  /** Certificates from a certificate authority. localhost, IP addresses and single labels get theirs from a local CA instead. */
  acme?: ('off' | false) | SettingsAcme
  vault?: SettingsVault
  tls?: SettingsTls
  registry?: SettingsRegistry
  /**
   * Peers whose X-Forwarded-* and PROXY headers are believed; everyone else's are replaced.
   *
   * Items: An IP address, or a range of them in CIDR notation.
   */
  trustedProxies?: string[]
  /** Accepts PROXY protocol v1 and v2 from trusted proxies. */
  proxyProtocol?: ('off' | false) | ('on' | true)
  forward?: SettingsForward
  edge?: SettingsEdge
  /** Which files may claim which hosts, routes and services. Files that no entry matches may claim only what nobody owns. */
  owners?: SettingsOwner[]
  permit?: SettingsPermit
  defaults?: SettingsRouteDefaults
  log?: SettingsLog
  /** Spans of requests, sent to a collector of OpenTelemetry. Implies forward.traceparent. */
  tracing?: ('off' | false) | SettingsTracing
}

/** Where requests are taken. */
export interface SettingsListen {
  /** For plain http. */
  http?: ('off' | false) | number | string
  /** For https: HTTP/1.1 and HTTP/2. */
  https?: ('off' | false) | number | string
  /** For requests whose first path segment is the slug of a service. */
  service?: ('off' | false) | number | string
}

/** Where the daemon answers its operator. */
export interface SettingsAdmin {
  /** Unix socket, mode 0600, that everything can be asked of. */
  socket?: string
  /** Read only: /metrics, /healthz and /readyz. Where it is not written and its default is taken, the daemon goes without. */
  http?: ('off' | false) | number | string
}

/** Where routes come from, and which commits are believed. */
export interface SettingsGit {
  /** worktree: the files as they stand. commit: the files of the commit at HEAD. A remote implies commit. */
  serve?: 'worktree' | 'commit'
  /** URL of the repository that is fetched; empty for none. */
  remote?: string
  /** Branch of the remote that is served. */
  branch?: string
  /** Folder of the route files in the remote. */
  path?: string
  /** How often the remote is fetched. */
  every?: string
  /** How long one fetch may take. */
  timeout?: string
  ssh?: SettingsSsh
  token?: Secret
  /** Refuses a branch whose history was rewritten. */
  fastForwardOnly?: boolean
  /** Accepts an edit that leaves neither a route nor a service. */
  allowEmpty?: boolean
  verify?: SettingsVerify
  /** Fetches when the forge says so. */
  webhook?: ('off' | false) | SettingsWebhook
  /** Watches changed routes after a change and takes it back when they get worse. */
  soak?: ('off' | false) | SettingsSoak
  /** Takes a change back that is not confirmed within this time. */
  confirmWithin?: ('off' | false) | string
}

/** How an SSH remote is reached. */
export interface SettingsSsh {
  /** Private key. */
  key: string | Secret
  /** Host keys that are believed. */
  knownHosts?: string
}

/** Accepts only signed commits. */
export interface SettingsVerify {
  /** head: the commit that is served is signed. range: every commit since the last one served is. */
  mode?: 'off' | false | 'head' | 'range'
  /** Allowed signers file (ssh-keygen) or GPG keyring; must lie outside the repository. */
  signers?: string
  /** Signers that are accepted; none means all in the file. */
  principals?: string[]
}

/** Fetches when the forge says so. */
export interface SettingsWebhook {
  /** Where it is taken. */
  listen?: ('off' | false) | number | string
  /** Path that is taken. */
  path?: string
  secret: Secret
}

/** Watches changed routes after a change and takes it back when they get worse. */
export interface SettingsSoak {
  /** How long they are watched. */
  for?: string
  /** Share of 5xx answers above that before the change. */
  errorRate?: string
  /** How many times as slow as before the change, by the p99 of whole answers. Twice in a row over at least minRequests of each; a p99 up to 25 ms is never too slow, and a route with fewer than minRequests of late is not judged by it. */
  latency?: ('off' | false) | string
  /** Fewer requests than this never take a change back. */
  minRequests?: number
}

/** Certificates from a certificate authority (RFC 8555). */
export interface SettingsAcme {
  /** Contact of the account; empty for none. */
  email?: string
  /** letsencrypt, letsencrypt-staging, or the URL of a directory. */
  directory?: ('letsencrypt' | 'letsencrypt-staging') | string
  /** You agree to the terms of service of the certificate authority. */
  agree?: boolean
  /** Certificates that sign that of the directory's own https server; without it, the system's. */
  ca?: string | Secret
  eab?: SettingsEab
  /** Certificate profile of the authority; empty for its default. */
  profile?: string
  dns?: SettingsDns
}

/** Binds the account to one that the authority knows. */
export interface SettingsEab {
  /** Name of the key. */
  keyId: string
  hmacKey: Secret
}

/** Proves control through DNS records: of every name, not only of wildcards. */
export interface SettingsDns {
  /** Program that is run as: COMMAND set|remove NAME VALUE. */
  command?: string
  /** Plugin of greenlock (acme-dns-01-*) that is installed beside the settings, or the path of one. */
  plugin?: string
  webhook?: SettingsDnsWebhook
  /** What the plugin is given. A token stands elsewhere: {file: path}, {env: NAME} or {credential: name}. */
  options?: {
    [k: string]: string | number | boolean | Secret
  }
  /** How long a new record takes to be seen everywhere. */
  propagation?: string
}

/** Service that sets and removes DNS records. It may be asked for the same twice. */
export interface SettingsDnsWebhook {
  /** Where it is: https, or http on this machine. */
  url: string
  token?: Secret
  /** Authority that signs the certificate of the service, for one of your own. */
  ca?: string | Secret
}

/** Encryption of keys on disk. */
export interface SettingsVault {
  /** 32 bytes (as they are, in hex or in base64), or a passphrase of 16 characters or more. Without it a key file is made: $ROUTESD_CONFIG_DIR/vault.key, else /etc/routesd/vault.key for root, else $XDG_CONFIG_HOME/routesd/vault.key; never in state or in a git work tree. */
  key?: string | Secret
}

/** How https is served. */
export interface SettingsTls {
  /** Oldest version of TLS that is spoken. */
  minVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** Own certificates, used for the names in them. */
  certificates?: SettingsCertificate[]
}

/** A certificate with its chain, and its key, as PEM. */
export interface SettingsCertificate {
  /** The certificate and its chain. */
  cert: string | Secret
  /** The private key. */
  key: string | Secret
  /** Serves connections with no or an unknown server name. */
  default?: boolean
}

/** Who may register instances. */
export interface SettingsRegistry {
  /** Bearer tokens and the service that each may write. */
  tokens?: SettingsRegistryToken[]
  /** How long an instance stays registered without a renewal. */
  ttl?: string
}

/** A token and the service that it may write. */
export interface SettingsRegistryToken {
  /** Service that the token may write. */
  slug: string
  token: Secret
}

/** Headers sent upstream besides X-Forwarded-For, -Proto, -Host and X-Real-IP. */
export interface SettingsForward {
  /** Forwarded (RFC 7239). */
  forwarded?: boolean
  /** Via (RFC 9110 section 7.6.3). */
  via?: boolean
  /** X-Request-Id, made when the client sent none. */
  requestId?: boolean
  /** traceparent (W3C Trace Context), made when the client sent none. */
  traceparent?: boolean
}

/** Bounds of what clients may do to the process. */
export interface SettingsEdge {
  /** Client connections of the process, all workers together. */
  maxConnections?: number
  /** Connections of one client address. */
  perClient?: ('off' | false) | number
  /** Requests after which a connection is closed. */
  requestsPerConnection?: number
  /** From the first byte of a request to the end of its head. */
  headerTimeout?: string
  /** How long a connection without a request stays open. */
  idleTimeout?: string
  /** Largest head of a request. */
  headBytes?: string
  /** Most headers in a request. */
  headers?: number
  /** Slowest rate at which a client may send a body. */
  bodyRate?: string
  /** How long requests may take to finish when the daemon stops. */
  drain?: string
}

/** Files, and what only they may claim. */
export interface SettingsOwner {
  /** Pattern of paths below routes.d: * within a folder, ** across folders. */
  files: string
  /**
   * Hosts and prefixes that belong to them.
   *
   * Items: A host, or a host and a path prefix. The host is exact, *.example.com (one label) or * (anything).
   */
  routes?: string[]
  /** Slugs that belong to them; * stands for any characters. */
  services?: string[]
}

/** What route files may read or reach. */
export interface SettingsPermit {
  /**
   * Folders whose files may be named, relative to the folder above routes.d.
   *
   * Items: A path of a file; a relative one is resolved against the folder of the file it is written in.
   */
  files?: string[]
  /** Environment variables that may be named. */
  env?: string[]
  /**
   * Addresses that requests are never forwarded to.
   *
   * Items: An IP address, or a range of them in CIDR notation.
   */
  denyTargets?: string[]
}

/** What a route gets that does not say otherwise. */
export interface SettingsRouteDefaults {
  timeouts?: Timeouts
  /** When another instance is tried. */
  retry?: ('off' | false) | Retry
  limits?: Limits
}

/** What is written where. */
export interface SettingsLog {
  /** Least important messages that are written. */
  level?: 'debug' | 'info' | 'warn' | 'error'
  /** json, logfmt or pretty; combined is the format of Apache and nginx, for the access log alone: all else is json. Not written, messages on a terminal are pretty. */
  format?: 'json' | 'logfmt' | 'pretty' | 'combined'
  /** One line for every request that has ended: off, stdout, or the path of a file, which SIGUSR2 opens again. */
  access?: ('off' | false) | 'stdout' | string
}

/** Which requests have spans, and where these are sent. */
export interface SettingsTracing {
  otlp?: SettingsOtlp
  /** Share of the traces that begin here. A trace that a client has begun is recorded when its traceparent says so. */
  sample?: string
  /** service.name of the spans. */
  service?: string
}

/** A collector that takes OTLP/HTTP in JSON. */
export interface SettingsOtlp {
  /** As it is asked; one without a path gets /v1/traces. */
  url?: string
  /** Sent with every batch. Their values stand elsewhere, since they tend to be tokens. */
  headers?: {
    [k: string]: Secret
  }
  /** How long the collector may take to answer. */
  timeout?: string
}

/** Any of routes, hosts, services and tests. */
export interface FileMapping {
  /** For editors; ignored by routesd. */
  $schema?: string
  /** What takes which requests, and where they go. */
  routes?: Route[]
  /** What belongs to a host, not to a prefix. */
  hosts?: Host[]
  /** Instances that can take each other's requests. */
  services?: Service[]
  /** Requests and what the router must decide about them. */
  tests?: Test[]
}
