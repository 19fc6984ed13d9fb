// What the control plane tells the data plane about certificates. Keys are in memory only, never in a snapshot: a snapshot
// may be shown. Types only.

export type Certificate = {
  /** Unlike that of any other certificate; one with the same id takes its place. */
  readonly id: string
  /** Names it was made out for, in lower case: 'a.example.com', '*.example.com', '10.0.0.1'. */
  readonly names: readonly string[]
  /** PEM: the certificate and its chain. */
  readonly cert: string
  /** PEM. */
  readonly key: string
  /** Serves connections that name nobody, or nobody we know. */
  readonly isDefault: boolean
}

/** An answer to an http-01 challenge (RFC 8555 §8.3): of this host, and of no other. */
export type ChallengeAnswer = {readonly host: string; readonly token: string; readonly keyAuthorization: string}
