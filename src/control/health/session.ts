// The TLS session that the next check of an instance resumes: a handshake without certificates costs a fraction of a full one,
// over a connection that is as new. What a full one proves, it has proved for a while only.

export type KeptSession = {
  /** What was kept and still proves enough; null for a full handshake. */
  resumable(nowMs: number): Buffer | null
  /** Another one has come of the connection that is open. */
  keep(session: Buffer): void
  /** The instance has shown its certificate. */
  proved(nowMs: number): void
  /** The next handshake is a full one: something was wrong, or other rules hold. */
  forget(): void
}

/** A certificate that has expired is found out within this time. */
const PROVED_MS = 300_000
/** With the instance's certificate in it: mostly 1 to 3 KiB. One that is larger is not kept, so 5,000 need 40 MiB at the most. */
const BYTES_MAX = 8 * 1024

export function createKeptSession(): KeptSession {
  let kept: Buffer | null = null
  let provedMs = Number.NEGATIVE_INFINITY
  return {
    resumable: nowMs => (Math.abs(nowMs - provedMs) < PROVED_MS ? kept : null),
    keep(session) {
      kept = session.length > BYTES_MAX ? null : session
    },
    proved(nowMs) {
      provedMs = nowMs
    },
    forget() {
      kept = null
    },
  }
}
