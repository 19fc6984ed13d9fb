// When to come again, as an answer says it.

/** A month: what is longer is a mistake, or as good as never. */
const RETRY_AFTER_MAX_MS = 30 * 86_400_000

/** Seconds or a date (RFC 9110 §10.2.3), as milliseconds from now; null for anything else. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | null {
  if (value === undefined) return null
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs
  return Number.isNaN(ms) ? null : Math.min(Math.max(0, ms), RETRY_AFTER_MAX_MS)
}
