// The tests that stand in routes.d: a request, and what the router must decide about it. Decided by the very functions
// that `explain` uses, without a network; that the instance behind a route works is not tested.

import {normalizeId} from '../../base/route-id.ts'
import {createExplainer, displayOrigin, type Explanation} from '../../router/explain.ts'
import {editHead, type Field, fieldValue, readFields} from '../../router/head-fields.ts'
import {poolsOf} from '../../router/route-content.ts'
import {authorityOf, type Header, sayRequest} from '../../router/said.ts'
import type {Action, Pool, Route, Snapshot} from '../../snapshot/snapshot.ts'
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
  const pools = new Map(snapshot.pools.map(pool => [pool.key, pool]))
  return ({value: {name, request, expect}, file, line}) => {
    const asked = readRequest(request)
    const {url, said} = sayRequest(asked.url, asked.headers, asked.clientIp ?? LOCAL)
    const explanation = explain(asked.method, url, said)
    const route = routes.get(explanation.route?.id ?? '') ?? null
    const action = route && (route.variants.find(({name}) => name === explanation.variant)?.action ?? route.action)
    const [expected, actual] = compare(expect, {asked: {...asked, url}, explanation, route, action, pools})
    const ok = Object.keys(expected).every(key => expected[key] === actual[key])
    const why = ok ? '' : whyOf(expected, explanation)
    return {route: route?.id ?? null, result: {name, ok, file, line, expected, actual, why}}
  }
}

type Asked = {
  readonly method: string
  readonly url: string
  readonly headers: readonly Header[]
  /** null: the test leaves it open. */
  readonly clientIp: string | null
}

const LOCAL = '127.0.0.1'

function readRequest(request: Test['request']): Asked {
  if (typeof request === 'string') {
    const [, method = 'GET', url = ''] = /^(?:([A-Z-]+) )?(.*)$/s.exec(request) ?? []
    return {method, url, headers: [], clientIp: null}
  }
  const {method = 'GET', url, headers = {}, clientIp = null} = request
  return {method, url, headers: Object.entries(headers).map(([name, value]) => ({name, value})), clientIp}
}

/** All that is known about one request. */
type Case = {
  readonly asked: Asked
  readonly explanation: Explanation
  readonly route: Route | null
  /** Of the route or of the variant that takes the request. */
  readonly action: Action | null
  readonly pools: ReadonlyMap<string, Pool>
}

/** What the test names, and the same of what came out; equal values are the same value. */
function compare(expect: Test['expect'], decided: Case): [Outcome, Outcome] {
  const {answer, variant} = decided.explanation
  const wanted: Record<string, unknown> = {}
  const came: Record<string, unknown> = {}
  const put = (key: string, want: unknown, is: unknown) => {
    if (want === undefined) return
    wanted[key] = want
    came[key] = is
  }
  put('route', idOf(expect.route), decided.route?.id ?? null)
  if (expect.service !== undefined) put('service', expect.service, serviceAs(expect.service, decided))
  put('variant', expect.variant, variant)
  if (expect.forward !== undefined) put('forward', expect.forward, forwardAs(expect.forward, decided))
  put('status', expect.status, answer?.status ?? null)
  put('redirect', expect.redirect, answer?.location ?? null)
  if (expect.headers !== undefined) {
    const fields = headOf(decided)
    for (const [name, value] of Object.entries(expect.headers)) put(`headers.${name}`, value, fieldValue(fields, name))
  }
  return [wanted, came]
}

function idOf(written: string | null | undefined): string | null | undefined {
  if (typeof written !== 'string') return written
  const id = normalizeId(written)
  return 'problem' in id ? written : id.host + id.prefix
}

/** Where the request may go. Of a split that is any part, unless the test says which client asks. */
function poolsFor({action, asked, explanation, pools}: Case): Pool[] {
  const all = action === null ? [] : poolsOf(action).flatMap(key => pools.get(key) ?? [])
  if (explanation.split === null || asked.clientIp === null) return all
  const taken = explanation.split.find(part => part.taken)?.service
  return all.filter(({name}) => name === taken)
}

/** The service as it was expected, if it may get the request; also one that has no instance until one registers. */
function serviceAs(expected: string, decided: Case): string | null {
  const names = poolsFor(decided).map(({name}) => name)
  return names.includes(expected) ? expected : (decided.explanation.upstream?.service ?? names[0] ?? null)
}

/** The URL as it was expected, if any instance of the service would be asked for it; else the URL of the first. */
function forwardAs(expected: string, decided: Case): string | null {
  const {forward, upstream} = decided.explanation
  if (forward === null || upstream === null) return null
  const rest = forward.slice(upstream.url.length)
  const members = poolsFor(decided).flatMap(pool => pool.members)
  const urls = members.map(({instance, basePath}) => displayOrigin(instance) + basePath + rest)
  return urls.some(url => isSameUrl(url, expected)) ? expected : forward
}

/** Written with the port of the scheme, or with a host in capitals, it is the same URL. */
function isSameUrl(a: string, b: string): boolean {
  return a === b || (URL.canParse(a) && URL.canParse(b) && new URL(a).href === new URL(b).href)
}

/** The head that is sent: to the instance, or, where routesd answers itself, to the client. */
function headOf({explanation: {forward, answer}, route, action, asked}: Case): Field[] {
  if (route === null || action === null) return []
  const {head} = route
  if (answer !== null) {
    const own = answerFields(action, answer.location)
    return head === null ? own : editHead(own, head.response)
  }
  const authority = authorityOf(asked.url)
  const target = forward === null ? '' : authorityOf(forward)
  const host =
    head === null || head.host.kind === 'preserve' ? authority : head.host.kind === 'literal' ? head.host.value : target
  // What a client says about itself is replaced; see proxy/forwarding.ts.
  const kept = asked.headers
    .map(({name, value}): Field => [name.toLowerCase(), value])
    .filter(([name]) => name !== 'host' && !name.startsWith('x-forwarded-') && name !== 'x-real-ip')
  const told: Field[] = [
    ['host', host],
    ...kept,
    ['x-forwarded-for', asked.clientIp ?? LOCAL],
    ['x-real-ip', asked.clientIp ?? LOCAL],
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
