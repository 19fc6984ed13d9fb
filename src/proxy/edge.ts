// What a listener allows its clients, from the settings; parsed and complete.

export type Edge = {
  /** Connections at once, all workers together. */
  readonly maxConnections: number
  /** Of one address, all workers together; null: no bound of its own. */
  readonly perClient: number | null
  readonly requestsPerConnection: number
  readonly headerTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly headBytes: number
  readonly headers: number
  /** A client that sends a body, or takes an answer, more slowly than this is cut off. */
  readonly bodyRateBytesPerS: number
  /** How long a tunnel may go on when its route has changed. */
  readonly tunnelDrainMs: number
  /** CIDRs whose forwarding fields are believed. */
  readonly trustedProxies: readonly string[]
  /** Connections from `trustedProxies` begin with a PROXY header. */
  readonly proxyProtocol: boolean
  readonly minTlsVersion: 'TLSv1.2' | 'TLSv1.3'
  /** Our name in Via; differs from daemon to daemon, so that a loop can be told from a chain. */
  readonly pseudonym: string
}
