// States of the terminal UI as a daemon would bring them about, always at the same hour.

import {renderToString} from 'ink'
import {createElement} from 'react'
import type {CertRow, HistoryRow, InstanceRow, Rates, RouteRow, Status} from '../../src/admin/protocol.ts'
import type {Action} from '../../src/tui/actions.ts'
import {Screen} from '../../src/tui/app.ts'
import {actionOf} from '../../src/tui/keys.ts'
import {ASCII, UNICODE} from '../../src/tui/look.ts'
import {reduce} from '../../src/tui/reduce.ts'
import {initialState, type Size, type State} from '../../src/tui/state.ts'
import {frame} from '../../src/tui/views/frame.ts'

/** 2026-01-01T12:00:00Z; frames show local time. */
process.env['TZ'] = 'UTC'
export const NOON_MS = Date.UTC(2026, 0, 1, 12)

export const STATUS: Status = {
  sync: {state: 'Synced', reason: '', message: ''},
  health: {state: 'Healthy', message: ''},
  revision: {applied: '1f3c2ab', fetched: '1f3c2ab', verified: null, failed: null},
  listeners: {http: ['127.0.0.1:8080'], https: [], service: []},
  workers: [
    {index: 0, state: 'serving', restarts: 0, revision: '1f3c2ab'},
    {index: 1, state: 'serving', restarts: 0, revision: '1f3c2ab'},
  ],
  uptimeMs: 11_520_000,
  conditions: [],
  latency: {p50Ms: 1.8, p99Ms: 24.5},
}

/** As two readings of the routes in `everything` have it. */
const TRAFFIC: Rates = {requestsPerSecond: 800, errorsPerSecond: 4, overMs: 1000}

const REFUSAL = 'routes.d/shop.yaml:8: unknown key "targt" in a route'
/** The same daemon after a commit that cannot be served. */
export const REFUSED: Status = {
  ...STATUS,
  sync: {state: 'OutOfSync', reason: 'ValidationFailed', message: REFUSAL},
  revision: {...STATUS.revision, fetched: '9d0c11e', failed: '9d0c11e'},
  conditions: [
    {
      type: 'ValidationFailed',
      status: 'True',
      reason: 'ValidationFailed',
      message: REFUSAL,
      since: '2026-01-01T11:59:00.000Z',
      revision: '9d0c11e',
      excerpt: '  8 |   targt: "http://10.0.0.3:8080"\n    |   ^^^^^\n  hint: Did you mean "target"?',
    },
  ],
}

export const ROUTES: readonly RouteRow[] = [
  route('shop.example.com', 'frontend', 'routes.d/shop.yaml', 1, 120_000, 12),
  route('shop.example.com/api', 'orders', 'routes.d/shop.yaml', 4, 48_211, 230),
  route('admin.example.com', 'http://10.0.0.9:4000', 'routes.d/admin.yaml', 1, 302, 0),
  route('old.example.com', 'https://shop.example.com', 'routes.d/old.yaml', 2, 17, 0),
]

export const INSTANCES: readonly InstanceRow[] = [
  instance('orders', '10.0.0.1:8080', 'up', ''),
  instance('orders', '10.0.0.2:8080', 'draining', 'drained by ada until 2026-01-01T12:10:00.000Z: new version'),
  instance('orders', '10.0.0.3:8080', 'down', '3 checks failed: connect ECONNREFUSED'),
  instance('frontend', '10.0.0.8:3000', 'up', ''),
]

export const CERTS: readonly CertRow[] = [
  cert('acme-shop.example.com', 'shop.example.com', 'valid', 61, ''),
  cert('acme-admin.example.com', 'admin.example.com', 'failing', 5, 'urn:ietf:params:acme:error:dns: no A record'),
  cert('acme-new.example.com', 'new.example.com', 'pending', null, ''),
]

export const HISTORY: readonly HistoryRow[] = [
  commit('1f3c2ab', 'Ada Lovelace', 'Send /api to the new orders service', '2026-01-01T11:40:00.000Z', 'applied'),
  commit('77aa012', 'Bob Brown', 'Retire the old shop', '2025-12-31T16:02:10.000Z', 'applied'),
  commit('6c01d9f', 'Bob Brown', 'Retire teh old shop', '2025-12-31T16:00:00.000Z', 'refused'),
]

/** `everything`, and what these actions make of it. */
export function stateOf(size: Size, ...actions: readonly Action[]): State {
  return actions.reduce(reduce, everything(size))
}

/** Every list is there, and two readings of the routes a second apart. */
export function everything(size: Size): State {
  const later = ROUTES.map(row => ({
    ...row,
    requests: row.requests + row.line * 100,
    errors: row.errors + row.line - 1,
  }))
  const heard: readonly Action[] = [
    {type: 'event', event: {seq: 1, at: '', type: 'snapshot', status: STATUS}, atMs: NOON_MS - 1000},
    {type: 'fetched', fetched: {source: 'routes', rows: ROUTES}, atMs: NOON_MS - 1000},
    {type: 'fetched', fetched: {source: 'routes', rows: later}, atMs: NOON_MS},
    {
      type: 'event',
      event: {seq: 2, at: '', type: 'traffic', traffic: TRAFFIC, latency: {p50Ms: 1.8, p99Ms: 24.5}},
      atMs: NOON_MS,
    },
    {type: 'fetched', fetched: {source: 'instances', rows: INSTANCES}, atMs: NOON_MS},
    {type: 'fetched', fetched: {source: 'certs', rows: CERTS}, atMs: NOON_MS},
    {type: 'fetched', fetched: {source: 'history', rows: HISTORY}, atMs: NOON_MS},
  ]
  return heard.reduce(reduce, initialState(size, NOON_MS - 1000, {operator: 'ada'}))
}

/** Presses keys: single characters, and names such as 'enter' or 'down' in angle brackets: '2jj<enter>'. */
export function press(state: State, keys: string): State {
  for (const [, name, character] of keys.matchAll(/<([a-z-]+)>|(.)/gu)) {
    const action = actionOf(state, {name: name ?? character ?? '', isText: name === undefined})
    if (action) state = reduce(state, action)
  }
  return state
}

/** What the last of the keys asks for. */
export function asked(state: State, keys: string, last: string): Action | null {
  return actionOf(press(state, keys), {name: last, isText: [...last].length === 1})
}

/** The screen as Ink draws it, without colour, and without the blanks at the ends of lines. */
export function drawn(state: State, isAscii = false): string {
  const look = {glyphs: isAscii ? ASCII : UNICODE}
  const screen = createElement(Screen, {lines: frame(state, look), size: state.size})
  const text = renderToString(screen, {columns: state.size.columns})
  return text
    .split('\n')
    .map(line => line.trimEnd())
    .join('\n')
}

export function route(
  id: string,
  destination: string,
  file: string,
  line: number,
  requests: number,
  errors: number,
): RouteRow {
  const [host = '', ...rest] = id.split('/')
  return {id, host, prefix: `/${rest.join('/')}`, kind: 'forward', destination, file, line, requests, errors}
}

// ---

function instance(service: string, address: string, state: InstanceRow['state'], reason: string): InstanceRow {
  const counts = {weight: 1, inFlight: state === 'up' ? 2 : 0, requests: 4711, errors: state === 'up' ? 0 : 17}
  const url = `http://${address}`
  return {id: `${service}@${address}`, service, url, state, ...counts, latencyMs: null, lastChange: null, reason}
}

function cert(id: string, commonName: string, state: CertRow['state'], days: number | null, error: string): CertRow {
  const at = (day: number) => new Date(NOON_MS + day * 86_400_000).toISOString()
  const times =
    days === null
      ? {notBefore: null, notAfter: null, serial: null, createdAt: null, updatedAt: null, renewAt: null}
      : {
          notBefore: at(days - 90),
          notAfter: at(days),
          serial: '04a1',
          createdAt: at(days - 90),
          updatedAt: at(days - 90),
          renewAt: at(days - 30),
        }
  return {id, commonName, names: [commonName], issuer: days === null ? '' : "Let's Encrypt R11", ...times, state, error}
}

function commit(
  revision: string,
  author: string,
  subject: string,
  at: string,
  outcome: HistoryRow['outcome'],
): HistoryRow {
  const diff = {added: 0, removed: 0, moved: 0, changed: 1}
  const reason = outcome === 'applied' ? '' : 'ValidationFailed: routes.d/old.yaml:2: unknown key "redirct"'
  const message = ''
  return {
    revision,
    author,
    subject,
    at,
    trigger: 'git',
    outcome,
    reason,
    message,
    diagnostics: [],
    diff,
    serving: revision,
  }
}
