// What can be asked for with POST: which path does what, and what its body must be.

import {parseDuration} from '../base/units.ts'
import {parseObject} from './body.ts'
import {findCertAction} from './cert-actions.ts'
import type {Operations, Outcome, Refused} from './protocol.ts'

/** Checks the body and does it. */
export type Action = (operations: Operations, body: string) => Promise<Outcome<unknown>>

const DRAIN_MS = {least: 1_000, unlessGiven: 3_600_000, most: 30 * 86_400_000} as const
const TEXT_MAX = 500
/** As in the schema of a service. */
const WEIGHT_MAX = 1000
const NO_DURATION = '\'for\' is a duration such as "10m" or "1h30m"'
const SUSPEND_MAX_MS = 366 * 86_400_000

/** The action of a path without its query; null when there is none. */
export function findAction(path: string): Action | null {
  const own = ACTIONS.get(path)
  if (own) return own
  const [, encoded = '', verb = ''] = /^\/v1\/instances\/([^/]+)\/([a-z]+)$/.exec(path) ?? []
  const steer = STEERING.get(verb)
  if (steer === undefined) return findCertAction(path)
  const id = decode(encoded)
  if (id === null) return async () => bad(`'${encoded}' is not percent-encoded UTF-8`)
  return (operations, body) => steer(operations, id, body)
}

// ---

const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['/v1/sync', async operations => ({answer: await operations.sync()})],
  [
    '/v1/suspend',
    async (operations, body) => {
      const wish = readSuspendBody(body, Date.now())
      return 'refused' in wish ? wish : operations.suspend(wish)
    },
  ],
  ['/v1/resume', operations => operations.resume()],
  ['/v1/confirm', operations => operations.confirm()],
  [
    '/v1/rollback',
    async (operations, body) => {
      const wish = readRollbackBody(body)
      return 'refused' in wish ? wish : operations.rollback(wish)
    },
  ],
])

type Steering = (operations: Operations, id: string, body: string) => Promise<Outcome<unknown>>

/** What can be asked of one instance. */
const STEERING: ReadonlyMap<string, Steering> = new Map<string, Steering>([
  [
    'drain',
    async (operations, id, body) => {
      const wish = readDrainBody(body)
      return 'refused' in wish ? wish : operations.drain(id, wish)
    },
  ],
  ['undrain', (operations, id) => operations.undrain(id)],
  [
    'weight',
    async (operations, id, body) => {
      const wish = readWeighBody(body)
      return 'refused' in wish ? wish : operations.weigh(id, wish.weight, wish.terms)
    },
  ],
  ['unweight', (operations, id) => operations.unweigh(id)],
])

type Signed = {readonly who: string; readonly why: string}

function readSuspendBody(text: string, nowMs: number): (Signed & {until: string | null}) | {refused: Refused} {
  const body = parseObject(text)
  if (body === null) return bad('the body is not a JSON object')
  const {until, for: duration, why = '', who = '', ...others} = body
  const wrong = findUnknown(others, 'until, for, why and who') ?? findBadText({why, who})
  if (wrong !== null) return wrong
  if (until !== undefined && duration !== undefined) return bad("'until' and 'for' are two ways to say the same")
  if (duration !== undefined) {
    const forMs = typeof duration === 'string' ? parseDuration(duration) : null
    if (forMs === null) return bad(NO_DURATION)
    if (forMs > SUSPEND_MAX_MS) return bad("'for' is a year at the most; without it a suspension lasts until `resume`")
    return {until: new Date(nowMs + forMs).toISOString(), who: String(who), why: String(why)}
  }
  if (until === undefined) return {until: null, who: String(who), why: String(why)}
  const untilMs = typeof until === 'string' && /^\d{4}-\d\d-\d\dT/.test(until) ? Date.parse(until) : Number.NaN
  if (Number.isNaN(untilMs)) return bad("'until' is a time in RFC 3339, such as 2026-01-31T18:00:00Z")
  return {until: new Date(untilMs).toISOString(), who: String(who), why: String(why)}
}

function readRollbackBody(text: string): (Signed & {revision: string | null}) | {refused: Refused} {
  const body = parseObject(text)
  if (body === null) return bad('the body is not a JSON object')
  const {revision = '', why = '', who = '', ...others} = body
  const wrong = findUnknown(others, 'revision, why and who') ?? findBadText({revision, why, who})
  if (wrong !== null) return wrong
  return {revision: revision === '' ? null : String(revision), who: String(who), why: String(why)}
}

function findUnknown(others: object, known: string): {refused: Refused} | null {
  const [unknown] = Object.keys(others)
  return unknown === undefined ? null : bad(`there is no '${unknown}' in the body: it has ${known}`)
}

function findBadText(texts: Readonly<Record<string, unknown>>): {refused: Refused} | null {
  const [name] = Object.entries(texts).find(([, text]) => !isText(text)) ?? []
  return name === undefined ? null : bad(`'${name}' is a text of one line and ${TEXT_MAX} characters at the most`)
}

type Wish = {readonly forMs: number; readonly who: string; readonly why: string}

function readDrainBody(text: string): Wish | {refused: Refused} {
  const body = parseObject(text)
  return body === null ? bad('the body is not a JSON object') : readTerms(body, 'for, why and who')
}

function readWeighBody(text: string): {weight: number; terms: Wish} | {refused: Refused} {
  const body = parseObject(text)
  if (body === null) return bad('the body is not a JSON object')
  const {weight, ...others} = body
  if (typeof weight !== 'number' || !Number.isInteger(weight) || weight < 0 || weight > WEIGHT_MAX)
    return bad(`'weight' is a whole number from 0 to ${WEIGHT_MAX}`)
  const terms = readTerms(others, 'weight, for, why and who')
  return 'refused' in terms ? terms : {weight, terms}
}

function readTerms(body: Record<string, unknown>, known: string): Wish | {refused: Refused} {
  const {for: duration, why = '', who = '', ...others} = body
  const wrong = findUnknown(others, known) ?? findBadText({why, who})
  if (wrong !== null) return wrong
  const forMs = duration === undefined ? DRAIN_MS.unlessGiven : typeof duration === 'string' && parseDuration(duration)
  if (typeof forMs !== 'number') return bad(NO_DURATION)
  if (forMs < DRAIN_MS.least || forMs > DRAIN_MS.most) return bad("'for' is between 1s and 30d")
  return {forMs, who: String(who), why: String(why)}
}

// What is shown in a terminal must not move its cursor.
function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= TEXT_MAX && !/[\x00-\x1f\x7f-\x9f]/.test(value)
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

function bad(message: string): {refused: Refused} {
  return {refused: {status: 400, code: 'bad-request', message}}
}
