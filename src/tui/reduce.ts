// State and action → the next state. Pure: it asks nobody, and what it is given stays as it was.

import type {Event, Rates} from '../admin/protocol.ts'
import type {Action, Fetched, Move} from './actions.ts'
import {lastHelpTop} from './help-lines.ts'
import {layoutOf} from './layout.ts'
import {describeInstances, describeStatus, withLines} from './log-lines.ts'
import type {Tone} from './look.ts'
import {positionOf} from './position.ts'
import {append, measure} from './rates.ts'
import {screenNamed} from './screens.ts'
import type {State, View} from './state.ts'

const NOTICE_MS = 6_000

export function reduce(state: State, action: Action): State {
  return step('atMs' in action ? at(state, action.atMs) : state, action)
}

// ---

function step(state: State, action: Action): State {
  switch (action.type) {
    case 'event':
      return hear(state, action.event, action.atMs)
    case 'lost':
      return lose(state, action.reason, action.atMs)
    case 'fetched':
      return take(state, action.fetched, action.atMs)
    case 'absent':
      return {...state, lists: {...state.lists, [action.source]: 'absent'}}
    case 'missing':
      return {...state, missing: new Set(action.actions)}
    case 'outcome': {
      const tone = action.isOk ? 'good' : 'bad'
      return notice(withLines(state, [{kind: 'order', tone, text: action.text}], action.atMs), action.text, tone)
    }
    case 'tick':
      return state
    case 'resize':
      return {...state, size: action.size}
    case 'go':
      return {...state, screen: action.screen, helpTop: null, prompt: null}
    case 'move':
      return state.helpTop === null ? move(state, action.by) : scrollHelp(state, state.helpTop, action.by)
    case 'sort':
      return sort(state, action.step)
    case 'reverse':
      return reverse(state)
    case 'filter':
      return filtered({...state, prompt: null}, action.text)
    case 'detail':
      return {...state, isDetailOpen: action.isOpen}
    case 'help':
      return {...state, helpTop: action.isOpen ? 0 : null, prompt: null}
    case 'prompt': {
      const asking = {...state, prompt: action.prompt, notice: null, helpTop: null}
      return action.prompt?.kind === 'filter' ? filtered(asking, action.prompt.text) : asking
    }
    case 'notice':
      return notice({...state, prompt: null}, action.text, action.tone)
    case 'order':
      return notice({...state, prompt: null}, `${action.order.what}: asked`, 'dim')
    case 'quit':
      return {...state, prompt: null}
  }
}

function at(state: State, nowMs: number): State {
  const isOver = state.notice !== null && nowMs > state.notice.untilMs
  return {...state, nowMs, notice: isOver ? null : state.notice}
}

function notice(state: State, text: string, tone: Tone): State {
  return {...state, notice: {text, tone, untilMs: state.nowMs + NOTICE_MS}}
}

function hear(state: State, event: Event, atMs: number): State {
  switch (event.type) {
    case 'heartbeat':
      return state
    case 'traffic': {
      const {traffic, latency} = event
      const status = state.status && {...state.status, traffic, latency}
      return {...state, status, rates: withRates(state, traffic)}
    }
    case 'instances': {
      const changed = new Map(event.changed.map(row => [row.id, row]))
      const {instances} = state.lists
      const rows = typeof instances === 'string' ? instances : instances.map(row => changed.get(row.id) ?? row)
      return withLines({...state, lists: {...state.lists, instances: rows}}, describeInstances(event), atMs)
    }
    case 'status':
      return withLines({...state, status: event.status}, describeStatus(state.status, event.status), atMs)
    case 'snapshot': {
      const said = describeStatus(state.status, event.status)
      const again = {kind: 'daemon', tone: 'good', text: 'the daemon answers again'} as const
      const startedMs = atMs - event.status.uptimeMs
      const rates = event.status.traffic ? withRates(state, event.status.traffic) : state.rates
      const live: State = {
        ...state,
        connection: {kind: 'live'},
        status: event.status,
        startedMs,
        rates,
        countedMs: null,
      }
      return withLines(live, state.connection.kind === 'lost' ? [again, ...said] : said, atMs)
    }
    default:
      // Of a later daemon.
      return state
  }
}

function withRates({rates}: State, {requestsPerSecond, errorsPerSecond}: Rates): State['rates'] {
  return {requests: append(rates.requests, requestsPerSecond), errors: append(rates.errors, errorsPerSecond)}
}

// What was last known stays on the screen, below a banner that says so.
function lose(state: State, reason: string, atMs: number): State {
  const {connection} = state
  if (connection.kind === 'lost') return {...state, connection: {...connection, reason}}
  const lost: State = {...state, connection: {kind: 'lost', reason, sinceMs: atMs}, countedMs: null}
  return withLines(lost, [{kind: 'daemon', tone: 'bad', text: reason}], atMs)
}

function take(state: State, {source, rows}: Fetched, atMs: number): State {
  if (source !== 'routes') return {...state, lists: {...state.lists, [source]: rows}}
  const elapsedMs = state.countedMs === null ? null : atMs - state.countedMs
  const routes = measure(rows, state.lists.routes, elapsedMs)
  return {...state, lists: {...state.lists, routes}, countedMs: atMs}
}

function move(state: State, by: Move): State {
  const {rows, index} = positionOf(state)
  const page = Math.max(1, layoutOf(state).tableRows - 1)
  const wanted = {'page-up': index - page, 'page-down': index + page, first: 0, last: rows.length - 1}
  const target = typeof by === 'number' ? index + by : wanted[by]
  const next = Math.max(0, Math.min(rows.length - 1, target))
  const row = rows[next]
  // The first row is not any one: what comes to the top is what is chosen.
  const selected = next === 0 || row === undefined ? null : screenNamed(state.screen).idOf(row)
  return followed(inView(state, {selected, index: next}))
}

function scrollHelp(state: State, top: number, by: Move): State {
  const last = lastHelpTop(state)
  const wanted = {'page-up': top - 5, 'page-down': top + 5, first: 0, last}
  return {...state, helpTop: Math.max(0, Math.min(last, typeof by === 'number' ? top + by : wanted[by]))}
}

function followed(state: State): State {
  return inView(state, {top: positionOf(state).top})
}

function sort(state: State, step: 1 | -1): State {
  const {columns, sort: usual} = screenNamed(state.screen)
  const current = state.views[state.screen].sort ?? usual
  const column = current === null ? (step === 1 ? 0 : columns.length - 1) : current.column + step
  const wrapped = (column + columns.length) % columns.length
  // Of numbers the largest are looked for, of names the first.
  const isDescending = columns[wrapped]?.align === 'right'
  return inView(state, {sort: {column: wrapped, isDescending}, selected: null, index: 0, top: 0})
}

function reverse(state: State): State {
  const current = state.views[state.screen].sort ?? screenNamed(state.screen).sort ?? {column: 0, isDescending: false}
  return inView(state, {sort: {...current, isDescending: !current.isDescending}, selected: null, index: 0, top: 0})
}

function filtered(state: State, filter: string): State {
  return inView(state, {filter, selected: null, index: 0, top: 0})
}

function inView(state: State, change: Partial<View>): State {
  return {...state, views: {...state.views, [state.screen]: {...state.views[state.screen], ...change}}}
}
