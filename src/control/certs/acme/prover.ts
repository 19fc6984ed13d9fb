// How control over a name is proved: what greenlock calls a challenge module, as acme-http-01-* and acme-dns-01-* have them.
// Types only.

export type Prover = {readonly kind: 'http-01' | 'dns-01'; readonly module: ChallengeModule}

export type ChallengeModule = {
  /** How long a record takes to be seen everywhere; waited for once, when all are set. */
  readonly propagationDelay?: number
  init?(options: unknown): Promise<unknown>
  /** Zones that records may be set in, of all that it knows. */
  zones?(query: unknown): Promise<readonly string[]>
  /** Resolves when the authority may come and look. */
  set(query: {readonly challenge: Challenge}): Promise<unknown>
  get?(query: {readonly challenge: Challenge}): Promise<unknown>
  remove(query: {readonly challenge: Challenge}): Promise<unknown>
}

/** As greenlock describes one; more is there. */
export type Challenge = {
  readonly type: string
  readonly status: string
  readonly url: string
  /** The name as it was ordered, with its '*.'. */
  readonly altname: string
  readonly identifier: {readonly value: string}
  readonly token: string
  readonly keyAuthorization: string
  /** Of dns-01: '_acme-challenge.example.com', and what its TXT record says. */
  readonly dnsHost?: string
  readonly keyAuthorizationDigest?: string
}
