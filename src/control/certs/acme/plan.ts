// When a certificate is to be got, as numbers: nothing here waits, and nothing asks.
//
//   no certificate             now
//   the authority suggests     at random within its window (RFC 9773 §4.2)
//   else                       with a third of its life left, or a half of less than ten days, a little before
//   after a failure            1 min, 10 min, 100 min, then once a day, or when the authority says

import type {AcmeError, RenewalInfo} from '../issuer.ts'
import {isOutage} from './problem.ts'

/** What is known about the certificate of a name; kept on the disk, because a restart must not make us forget a failure. */
export type Plan = {
  readonly name: string
  /** End of the certificate that the plan is about; 0 while there is none. */
  readonly notAfterMs: number
  readonly renewAtMs: number
  /** What the authority suggests; null: nothing. */
  readonly window: {readonly startMs: number; readonly endMs: number} | null
  /** When it is asked for that again. */
  readonly askAtMs: number
  readonly failures: number
  /** Not before this, whatever else. */
  readonly retryAtMs: number
  /** What failed last; '' for nothing. */
  readonly error: string
  /** Of the last orders that failed, the latest last. */
  readonly failedAtMs: readonly number[]
}

/** From when to when a certificate is good. */
export type Life = {readonly notBeforeMs: number; readonly notAfterMs: number}

export const FAILURES_PER_HOUR_MAX = 4

export function newPlan(name: string): Plan {
  return {
    name,
    notAfterMs: 0,
    renewAtMs: 0,
    window: null,
    askAtMs: 0,
    failures: 0,
    retryAtMs: 0,
    error: '',
    failedAtMs: [],
  }
}

/** The plan with a certificate; the same one while that is the same. `chance` is between 0 and 1. */
export function planFor(plan: Plan, life: Life, chance: number): Plan {
  if (plan.notAfterMs === life.notAfterMs) return plan
  return {
    ...plan,
    notAfterMs: life.notAfterMs,
    renewAtMs: latestRenewal(life) - chance * SPREAD * (life.notAfterMs - life.notBeforeMs),
    window: null,
    askAtMs: 0,
  }
}

/** The authority has been asked: a new suggestion gets a new moment, the same one keeps it; null: it has none. */
export function planWithSuggestion(
  plan: Plan,
  life: Life,
  suggestion: RenewalInfo | null,
  nowMs: number,
  chance: number,
): Plan {
  if (suggestion === null) return {...plan, askAtMs: nowMs + ASK_EVERY_MS}
  const {startMs, endMs, retryAfterMs} = suggestion
  const askAtMs = nowMs + Math.min(retryAfterMs, ASK_EVERY_MS)
  if (plan.window?.startMs === startMs && plan.window.endMs === endMs) return {...plan, askAtMs}
  const atMs = startMs + chance * (endMs - startMs)
  // A window that is over before it is too late is believed, one that comes too late is not.
  return {...plan, askAtMs, window: {startMs, endMs}, renewAtMs: Math.min(atMs, lastMoment(life))}
}

/** The authority could not be asked. */
export function planWithoutAnswer(plan: Plan, nowMs: number, retryAfterMs: number | null): Plan {
  return {...plan, askAtMs: nowMs + Math.min(Math.max(retryAfterMs ?? 0, ASK_AGAIN_MS), ASK_EVERY_MS)}
}

/** An order begins: should the process end before it does, it has failed. */
export function planAttempt(plan: Plan, nowMs: number, chance: number): Plan {
  const failures = plan.failures + 1
  return {...plan, failures, retryAtMs: nowMs + backOff(failures, chance), failedAtMs: withFailure(plan, nowMs)}
}

/** `attempt` is what `planAttempt` made of it. */
export function planAfterFailure(attempt: Plan, error: AcmeError, words: string, nowMs: number, chance: number): Plan {
  const ownMs = error.retryable ? backOff(attempt.failures, chance) : DAILY_MS * jitter(chance)
  // What cannot be reached counts nothing, and is back within hours.
  const leastMs = isOutage(error) ? Math.min(ownMs, OUTAGE_MAX_MS) : ownMs
  return {...attempt, error: words, retryAtMs: nowMs + Math.max(leastMs, error.retryAfterMs ?? 0)}
}

/** However often the authority suggests to renew what it has just signed, that is not done again and again. */
export function planAfterSuccess(plan: Plan, {notBeforeMs, notAfterMs}: Life, nowMs: number): Plan {
  const restMs = Math.min(REST_MS, (notAfterMs - notBeforeMs) / 10)
  return {...plan, failures: 0, retryAtMs: nowMs + restMs, error: '', failedAtMs: []}
}

/** Now, as far as the limit on failures lets it; what the authority asked to wait for is over. */
export function planRenewal(plan: Plan, nowMs: number): Plan {
  return {...plan, renewAtMs: Math.min(plan.renewAtMs, nowMs), retryAtMs: freeAt(plan), error: ''}
}

/** Whether nothing in it matters any more once nobody wants its certificate. */
export function isOver({retryAtMs, failedAtMs}: Plan, nowMs: number): boolean {
  return retryAtMs < nowMs && (failedAtMs.at(-1) ?? 0) + HOUR_MS < nowMs
}

/** When its next order is due. */
export function dueAt(plan: Plan): number {
  return Math.max(plan.renewAtMs, plan.retryAtMs, freeAt(plan))
}

// ---

const DAILY_MS = 86_400_000
const BACK_OFF_MS = [60_000, 600_000, 6_000_000, DAILY_MS] as const
const OUTAGE_MAX_MS = 6_000_000
/** Twice a day. */
const ASK_EVERY_MS = DAILY_MS / 2
const ASK_AGAIN_MS = 3_600_000
const SHORT_MS = 10 * DAILY_MS
/** Of a life: what is got together is not renewed together. */
const SPREAD = 0.05
const HOUR_MS = 3_600_000
const REST_MS = 6 * HOUR_MS

function leftOver({notBeforeMs, notAfterMs}: Life): number {
  const lifeMs = notAfterMs - notBeforeMs
  return lifeMs < SHORT_MS ? lifeMs / 2 : lifeMs / 3
}

function latestRenewal(life: Life): number {
  return life.notAfterMs - leftOver(life)
}

// However late the authority would have it, there is time to fail a few times.
function lastMoment(life: Life): number {
  return life.notAfterMs - leftOver(life) / 2
}

function backOff(failures: number, chance: number): number {
  const ms = BACK_OFF_MS[Math.min(failures, BACK_OFF_MS.length) - 1] ?? DAILY_MS
  return ms * jitter(chance)
}

// Up to a tenth more: those that failed together do not come back together.
function jitter(chance: number): number {
  return 1 + chance / 10
}

function withFailure({failedAtMs}: Plan, nowMs: number): number[] {
  return [...failedAtMs, nowMs].slice(-FAILURES_PER_HOUR_MAX)
}

// Let's Encrypt takes five failed validations of a name in an hour, and then none for a while: we stop before that.
function freeAt({failedAtMs}: Plan): number {
  const [first] = failedAtMs
  return first === undefined || failedAtMs.length < FAILURES_PER_HOUR_MAX ? 0 : first + HOUR_MS
}
