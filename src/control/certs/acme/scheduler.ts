// Sees to it that each wanted name has a certificate, in time: orders, renews, asks the authority when to. What serves is never
// touched before there is something to take its place, so an authority that is down costs nobody a connection.

import {X509Certificate} from 'node:crypto'
import type {Clock} from '../../../base/clock.ts'
import {AppError, EXIT, messageOf} from '../../../base/errors.ts'
import type {Log} from '../../../base/log.ts'
import type {AcmeError, CertificateIssuer} from '../issuer.ts'
import type {Desk, Scheduler} from '../scheduler.ts'
import {
  dueAt,
  isOver,
  type Life,
  newPlan,
  type Plan,
  planAfterFailure,
  planAfterSuccess,
  planAttempt,
  planFor,
  planRenewal,
  planWithoutAnswer,
  planWithSuggestion,
} from './plan.ts'
import {createPlans} from './plans.ts'
import {failureOf, isOutage, shortType} from './problem.ts'

export type SchedulerParts = {
  readonly desk: Desk
  readonly issuer: CertificateIssuer
  /** '' for the authority's default. */
  readonly profile: string
  readonly clock: Clock
  readonly log: Log
  /** Between 0 and 1. */
  readonly random: () => number
}

/** At once; Let's Encrypt counts new nonces by the second. */
const ORDERS_MAX = 4
const QUESTIONS_MAX = 2
/** setTimeout takes what is longer for nothing at all. */
const WAIT_MAX_MS = 3_600_000
/** Nobody is asked while the authority is down, and then first of all one. */
const OUTAGE_MS = 60_000

export function createAcmeScheduler(parts: SchedulerParts): Scheduler {
  const {desk, issuer, profile, clock, log, random} = parts
  const store = createPlans(desk.vault, log)
  const plans = new Map<string, Plan>()
  const held = new Map<string, Held>()
  const ordering = new Map<string, Ordering>()
  const asking = new Set<string>()
  let wanted: ReadonlySet<string> = new Set()
  let isLoaded = false
  let isClosed = false
  let quietUntilMs = 0
  let cancelWait = () => {}

  void load()

  async function load(): Promise<void> {
    try {
      for (const [name, plan] of await store.load()) {
        if (wanted.has(name) || !isOver(plan, clock.now())) plans.set(name, plan)
        else await store.remove(name)
      }
    } catch (error) {
      log.error('when certificates were last asked for is not known any more', {why: messageOf(error)})
    }
    isLoaded = true
    look()
  }

  // Starts what is due, and waits for what is due next.
  function look(): void {
    cancelWait()
    if (!isLoaded || isClosed) return
    const nowMs = clock.now()
    let nextMs = nowMs + WAIT_MAX_MS
    for (const name of wanted) {
      const plan = currentPlan(name)
      const orderMs = Math.max(dueAt(plan), quietUntilMs)
      if (orderMs > nowMs) nextMs = Math.min(nextMs, orderMs)
      else if (ordering.size < ORDERS_MAX && !ordering.has(name)) void order(name)
      if (!held.has(name)) continue
      const askMs = Math.max(plan.askAtMs, quietUntilMs)
      if (askMs > nowMs) nextMs = Math.min(nextMs, askMs)
      else if (asking.size < QUESTIONS_MAX && !asking.has(name) && !ordering.has(name)) void ask(name)
    }
    cancelWait = clock.after(nextMs - nowMs, look)
  }

  function currentPlan(name: string): Plan {
    const before = plans.get(name) ?? newPlan(name)
    const own = held.get(name)
    const plan = own === undefined ? before : planFor(before, own.life, random())
    if (plan !== before) plans.set(name, plan)
    return plan
  }

  async function order(name: string): Promise<void> {
    ordering.set(name, 'asked')
    const before = currentPlan(name)
    const own = held.get(name)
    const attempt = planAttempt(before, clock.now(), random())
    try {
      // Known before the authority knows: a process that is killed again and again asks no oftener for it.
      await keep(attempt)
      const replaces = own !== undefined && before.window !== null ? {replaces: own.cert} : {}
      const issued = await issuer.issue([name], {...(profile === '' ? {} : {profile}), ...replaces})
      ordering.set(name, 'answered')
      await desk.keep(issued)
      hold()
      await keep(planAfterSuccess(currentPlan(name), lifeOf(issued.cert), clock.now()))
      quietUntilMs = 0
    } catch (thrown) {
      await fail(name, attempt, failureOf(thrown, name))
    } finally {
      if (ordering.get(name) === 'again') plans.set(name, planRenewal(currentPlan(name), clock.now()))
      ordering.delete(name)
      desk.changed()
      look()
    }
  }

  async function fail(name: string, attempt: Plan, error: AcmeError): Promise<void> {
    const nowMs = clock.now()
    const plan = planAfterFailure({...currentPlan(name), ...tried(attempt)}, error, wordsOf(error), nowMs, random())
    if (isOutage(error)) quietUntilMs = nowMs + Math.max(OUTAGE_MS, Math.min(error.retryAfterMs ?? 0, WAIT_MAX_MS))
    const {failures, retryAtMs} = plan
    log.warn('a certificate could not be got', {
      name,
      why: plan.error,
      failures,
      again: new Date(retryAtMs).toISOString(),
      isServed: held.has(name),
    })
    await keep(plan).catch(thrown => log.error('a failed order could not be kept', {name, why: messageOf(thrown)}))
  }

  async function ask(name: string): Promise<void> {
    const own = held.get(name)
    if (own === undefined) return
    asking.add(name)
    try {
      const suggestion = await issuer.renewalInfo(own.cert)
      await keep(planWithSuggestion(currentPlan(name), own.life, suggestion, clock.now(), random()))
    } catch (thrown) {
      const error = failureOf(thrown, name)
      log.info('the authority does not say when to renew', {name, why: wordsOf(error)})
      plans.set(name, planWithoutAnswer(currentPlan(name), clock.now(), error.retryAfterMs))
    } finally {
      asking.delete(name)
      desk.changed()
      look()
    }
  }

  async function keep(plan: Plan): Promise<void> {
    plans.set(plan.name, plan)
    await store.save(plan)
  }

  // The latest certificate of each wanted name. Reading one is work, so what is the same is not read again.
  function hold(): void {
    const latest = new Map(desk.kept().flatMap(({names, cert}) => names.map(name => [name, cert] as const)))
    for (const name of wanted) {
      const cert = latest.get(name)
      if (cert === undefined) held.delete(name)
      else if (held.get(name)?.cert !== cert) held.set(name, {cert, life: lifeOf(cert)})
    }
  }

  return {
    want(names) {
      wanted = new Set(names)
      hold()
      look()
    },
    stateOf(name) {
      const plan = plans.get(name)
      if (plan === undefined || !wanted.has(name)) return {renewAt: null, error: ''}
      return {renewAt: new Date(Math.max(dueAt(plan), clock.now())).toISOString(), error: plan.error}
    },
    renew(name) {
      const nowMs = clock.now()
      if (!wanted.has(name))
        throw new AppError(`no host on https needs a certificate for ${name}`, {exitCode: EXIT.findings})
      // What it brings will be new to whoever asks, unless he has seen it already.
      if (ordering.get(name) === 'answered') ordering.set(name, 'again')
      if (ordering.has(name)) return
      const plan = planRenewal(currentPlan(name), nowMs)
      if (dueAt(plan) > nowMs) {
        throw new AppError(`${name} has failed too often: not before ${new Date(dueAt(plan)).toISOString()}`, {
          exitCode: EXIT.findings,
          hint: plans.get(name)?.error ?? '',
        })
      }
      plans.set(name, plan)
      quietUntilMs = 0
      look()
    },
    close() {
      isClosed = true
      cancelWait()
    },
  }
}

// ---

/** An order that is under way: nothing has come of it, its certificate is being kept, one more is asked for. */
type Ordering = 'asked' | 'answered' | 'again'
type Held = {readonly cert: string; readonly life: Life}

function lifeOf(cert: string): Life {
  const {validFromDate, validToDate} = new X509Certificate(cert)
  return {notBeforeMs: validFromDate.getTime(), notAfterMs: validToDate.getTime()}
}

// What an attempt has changed, on top of what has become known during it.
function tried({failures, failedAtMs}: Plan): Pick<Plan, 'failures' | 'failedAtMs'> {
  return {failures, failedAtMs}
}

function wordsOf({detail, type, subproblems}: AcmeError): string {
  const names = subproblems.map(({name, detail: words}) => `${name}: ${words}`).join('; ')
  return `${detail}${names && ` [${names}]`}${type && ` (${shortType(type)})`}`
}
