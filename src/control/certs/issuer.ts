// What a certificate authority must be able to do for us, whoever speaks to it, and how it says no.

export type CertificateIssuer = {
  /** A certificate with its chain, and its key, for all of these names; throws AcmeError. */
  issue(names: readonly string[], options?: IssueOptions): Promise<Issued>
  /** When the authority suggests to renew it (RFC 9773); null when it has no opinion. */
  renewalInfo(cert: string): Promise<RenewalInfo | null>
}

export type IssueOptions = {
  /** One of those that the authority offers. */
  readonly profile?: string
  /** PEM of the certificate that this one takes the place of. */
  readonly replaces?: string
}

export type Issued = {readonly cert: string; readonly key: string; readonly names: readonly string[]}

export type RenewalInfo = {readonly startMs: number; readonly endMs: number; readonly retryAfterMs: number}

export type Subproblem = {readonly name: string; readonly type: string; readonly detail: string}

/** A failure of an order: what the authority said, or what kept it from saying anything. */
export class AcmeError extends Error {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number
  /** 'urn:ietf:params:acme:error:rateLimited', or a system's error code. */
  readonly type: string
  readonly detail: string
  /** What it said of single names (RFC 8555 §6.7.1). */
  readonly subproblems: readonly Subproblem[]
  /** null: it did not say. */
  readonly retryAfterMs: number | null
  /** Whether the same order may succeed later. */
  readonly retryable: boolean

  constructor(failure: {
    status: number
    type: string
    detail: string
    subproblems?: readonly Subproblem[]
    retryAfterMs: number | null
    retryable: boolean
    cause?: unknown
  }) {
    super(failure.detail, failure.cause === undefined ? undefined : {cause: failure.cause})
    this.name = 'AcmeError'
    this.status = failure.status
    this.type = failure.type
    this.detail = failure.detail
    this.subproblems = failure.subproblems ?? []
    this.retryAfterMs = failure.retryAfterMs
    this.retryable = failure.retryable
  }
}
