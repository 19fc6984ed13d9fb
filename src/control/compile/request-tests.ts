// The tests that stand in routes.d: a request, and what the router must decide about it. Decided by the very functions
// that `explain` uses, without a network; that the instance behind a route works is not tested.

import {normalizeId} from '../../base/route-id.ts'
import {createExplainer, displayOrigin, type Explanation} from '../../router/explain.ts'
import {editHead, type Field, fieldValue, readFields} from '../../router/head-fields.ts'
import type {Action, Route, Snapshot} from '../../snapshot/snapshot.ts'
import type {Placed} from '../config/config.ts'
import type {Diagnostic} from '../config/diagnostic.ts'
import type {Test} from '../config/types.ts'

export type TestRun = {
  readonly ok: boolean
  readonly passed: number
  readonly failed: number
  /** Routes that the request of some test reaches, in percent of all, rounded down to a tenth. */
  readonly coverage: number
  readonly results: readonly TestResult[]
  /** Routes that no test reaches. */
  readonly uncovered: readonly {readonly id: string; readonly file: string; readonly line: number}[]
}

export type TestResult = {
  readonly name: string
  readonly ok: boolean
  readonly file: string
  readonly line: number
  /** What the test names, and what came out of that. */
  readonly expected: Outcome
  readonly actual: Outcome
  /** Why it came out so; '' when the test passed. */
  readonly why: string
}

export type Outcome = {readonly [key: string]: unknown}

/** Runs the tests against a snapshot, in their order. Nothing is done when there are none but to name the routes. */
export function runTests(tests: readonly Placed<Test>[], snapshot: Snapshot): TestRun {
  const run = tests.length === 0 ? null : createRunner(snapshot)
  const outcomes = run === null ? [] : tests.map(run)
  const reached = new Set(outcomes.map(({route}) => route))
  const uncovered = snapshot.routes.filter(({id}) => !reached.has(id)).map(({id, source}) => ({id, ...source}))
  const results = outcomes.map(({result}) => result)
  const passed = results.filter(({ok}) => ok).length
  const total = snapshot.routes.length
  const coverage = total === 0 ? 100 : Math.floor(((total - uncovered.length) * 1000) / total) / 10
  return {ok: passed === results.length, passed, failed: results.length - passed, coverage, results, uncovered}
}

/** The parts in which a result is not what was expected: 'route is "a", not "b"'. */
export function failuresOf({expected, actual}: TestResult): string[] {
  return Object.keys(expected)
    .filter(key => expected[key] !== actual[key])
    .map(key => `${key} is ${JSON.stringify(actual[key])}, not ${JSON.stringify(expected[key])}`)
}

/** A test that failed, as a finding in the file that it stands in. */
export function diagnoseTest(result: TestResult): Diagnostic {
  const {name, file, line, why} = result
  const place = {file, line, column: 1, endLine: line, endColumn: 1, path: ''}
  const message = `test ${JSON.stringify(name)} fails: ${failuresOf(result).join(', ')}`
  return {rule: 'test-failed', severity: 'error', ...place, message, hint: why === '' ? null : why, excerpt: null}
}

// ---

type Ran = {readonly route: string | null; readonly result: TestResult}

function createRunner(snapshot: Snapshot): (test: Placed<Test>) => Ran {
  const explain = createExplainer(snapshot)
  const routes = new Map(snapshot.routes.map(route => [route.id, route]))
  return ({value: {name, request, expect}, file, line}) => {
    const asked = readRequest(request)
    const explanation = explain(asked.method, asked.url)
    const route = routes.get(explanation.route?.id ?? '') ?? null
    const [expected, actual] = compare(expect, explanation, route, asked, snapshot)
    const ok = Object.keys(expected).every(key => expected[key] === actual[key])
    const why = ok ? '' : whyOf(expected, explanation)
    return {route: route?.id ?? null, result: {name, ok, file, line, expected, actual, why}}
  }
}

type Asked = {
  readonly method: string
  readonly url: string
  readonly fields: readonly Field[]
  readonly clientIp: string
}

/** A Host among the headers stands over the one in the URL, as with curl. */
function readRequest(request: Test['request']): Asked {
  if (typeof request === 'string') {
    const [, method = 'GET', url = ''] = /^(?:([A-Z-]+) )?(.*)$/s.exec(request) ?? []
    return {method, url, fields: [], clientIp: '127.0.0.1'}
  }
  const {method = 'GET', url, headers = {}, clientIp = '127.0.0.1'} = request
  const fields = Object.entries(headers).map(([name, value]): Field => [name.toLowerCase(), value])
  const host = fieldValue(fields, 'host')
  const placed = host === null ? url : url.replace(/^(https?:\/\/)[^/?#]*/i, (_, scheme: string) => scheme + host)
  return {method, url: placed, fields, clientIp}
}

/** What the test names, and the same of what came out; equal values are the same value. */
function compare(
  expect: Test['expect'],
  explanation: Explanation,
  route: Route | null,
  asked: Asked,
  snapshot: Snapshot,
): [Outcome, Outcome] {
  const {answer, variant} = explanation
  const wanted: Record<string, unknown> = {}
  const came: Record<string, unknown> = {}
  const put = (key: string, want: unknown, is: unknown) => {
    if (want === undefined) return
    wanted[key] = want
    came[key] = is
  }
  put('route', idOf(expect.route), route?.id ?? null)
  put('service', expect.service, serviceOf(route && actionOf(route, variant), snapshot))
  put('variant', expect.variant, variant)
  if (expect.forward !== undefined) put('forward', expect.forward, forwardAs(expect.forward, explanation, snapshot))
  put('status', expect.status, answer?.status ?? null)
  put('redirect', expect.redirect, answer?.location ?? null)
  if (expect.headers !== undefined) {
    const fields = headOf(explanation, route, asked)
    for (const [name, value] of Object.entries(expect.headers)) put(`headers.${name}`, value, fieldValue(fields, name))
  }
  return [wanted, came]
}

function actionOf({variants, action}: Route, variant: string | null): Action {
  return variants.find(({name}) => name === variant)?.action ?? action
}

/** Also of a service that has no instance until one registers. */
function serviceOf(action: Action | null, {pools}: Snapshot): string | null {
  return action?.kind === 'forward' ? (pools.find(({key}) => key === action.pool)?.name ?? null) : null
}

function idOf(written: string | null | undefined): string | null | undefined {
  if (typeof written !== 'string') return written
  const id = normalizeId(written)
  return 'problem' in id ? written : id.host + id.prefix
}

/** The URL as it was expected, if any instance of the service would be asked for it; else the URL of the first. */
function forwardAs(expected: string, {forward, upstream}: Explanation, snapshot: Snapshot): string | null {
  if (forward === null || upstream === null) return forward
  const rest = forward.slice(upstream.url.length)
  const members = snapshot.pools.filter(({name}) => name === upstream.service).flatMap(pool => pool.members)
  const urls = members.map(({instance, basePath}) => displayOrigin(instance) + basePath + rest)
  return [forward, ...urls].some(url => isSameUrl(url, expected)) ? expected : forward
}

/** Written with the port of the scheme, or with a host in capitals, it is the same URL. */
function isSameUrl(a: string, b: string): boolean {
  return a === b || (URL.canParse(a) && URL.canParse(b) && new URL(a).href === new URL(b).href)
}

/** The head that is sent: to the instance, or, where routesd answers itself, to the client. */
function headOf({forward, answer, variant}: Explanation, route: Route | null, asked: Asked): Field[] {
  if (route === null) return []
  const {head} = route
  if (answer !== null) {
    const own = answerFields(actionOf(route, variant), answer.location)
    return head === null ? own : editHead(own, head.response)
  }
  const authority = /^https?:\/\/([^/?#]*)/i.exec(asked.url)?.[1] ?? ''
  const host =
    head === null || head.host.kind === 'preserve'
      ? authority
      : head.host.kind === 'literal'
        ? head.host.value
        : new URL(forward ?? asked.url).host
  // What a client says about itself is replaced; see proxy/forwarding.ts.
  const kept = asked.fields.filter(
    ([name]) => name !== 'host' && !name.startsWith('x-forwarded-') && name !== 'x-real-ip',
  )
  const told: Field[] = [
    ['host', host],
    ...kept,
    ['x-forwarded-for', asked.clientIp],
    ['x-real-ip', asked.clientIp],
    ['x-forwarded-proto', /^https:/i.test(asked.url) ? 'https' : 'http'],
    ['x-forwarded-host', authority],
  ]
  return head === null ? told : editHead(told, head.request)
}

function answerFields(action: Action, location: string | null): Field[] {
  if (action.kind === 'respond') return readFields(action.head.slice(action.head.indexOf('\r\n') + 2))
  return location === null ? [] : [['location', location]]
}

function whyOf(expected: Outcome, {candidates, answer}: Explanation): string {
  const winner = candidates.find(({outcome}) => outcome === 'won')
  const loser = candidates.find(({id, outcome}) => outcome === 'lost' && id === expected['route'])
  const words = [
    winner && `${winner.id} wins: ${winner.why}`,
    answer && `answered ${answer.status}: ${answer.why}`,
    loser && `${loser.id} loses: ${loser.why}`,
  ]
  return words.filter(Boolean).join('; ')
}
