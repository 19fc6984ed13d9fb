// The first lines: what is live and how it is, and how much goes through it.

import type {Status} from '../../admin/protocol.ts'
import {formatAge, formatRate} from '../format.ts'
import {type Line, type Look, type Span, span, sparkline, type Tone} from '../look.ts'
import type {State} from '../state.ts'
import {justify, pack} from './line.ts'

/** One line or two, each of the width of the screen. */
export function header(state: State, rows: number, look: Look): readonly Line[] {
  const {columns} = state.size
  const {glyphs} = look
  const first = justify(subject(state), badges(state, look), columns, glyphs)
  if (rows === 1) return [first]
  return [first, justify([span(' '), ...pack(facts(state, look), columns - 2, '   ')], [], columns, glyphs)]
}

// ---

const SPARK_CELLS = {wide: 20, narrow: 8} as const
/** With fewer columns what is beside the trend is worth more. */
const WIDE = 100

function subject({status, lists}: State): Line {
  const revision = status?.revision.applied ?? null
  const name: Line = [span(' routesd ', 'selected'), span(' '), span(revision ?? 'no revision', 'bold')]
  if (typeof lists.history === 'string' || revision === null) return name
  const commit = lists.history.find(row => row.revision === revision)
  if (commit === undefined) return name
  return [...name, span(` ${commit.subject}`), span(commit.author === '' ? '' : ` (${commit.author})`, 'dim')]
}

function badges({status, connection}: State, {glyphs}: Look): Line {
  if (connection.kind === 'connecting') return [span(` ${glyphs.off} connecting `, 'dim')]
  if (connection.kind === 'lost') return [span(` ${glyphs.bad} no daemon `, 'bad')]
  if (status === null) return []
  const {sync, health} = status
  const syncTone: Tone = sync.state === 'Synced' ? 'good' : 'warn'
  const healthTone: Tone = health.state === 'Healthy' ? 'good' : 'bad'
  return [
    span(` ${sync.state === 'Synced' ? glyphs.good : glyphs.warn} ${sync.state}`, syncTone),
    span(`  ${health.state === 'Healthy' ? glyphs.good : glyphs.bad} ${health.state} `, healthTone),
  ]
}

function facts(state: State, look: Look): Line[] {
  const {rates, lists, status, connection} = state
  const {requests, errors} = rates
  const parts: Line[] = [
    [label('requests/s'), ...rateOf(requests, 'bold', look), trendOf(requests, state.size.columns, look)],
    [label('errors/s'), ...rateOf(errors, (errors.at(-1) ?? 0) > 0 ? 'bad' : 'plain', look)],
    ...latencyOf(status),
    [label('routes'), span(countOf(lists.routes, look))],
    instancesOf(state, look),
  ]
  if (status === null || connection.kind !== 'live') return parts
  const serving = status.workers.filter(worker => worker.state === 'serving').length
  return [
    ...parts,
    [
      label('workers'),
      span(`${serving}/${status.workers.length}`, serving === status.workers.length ? 'plain' : 'bad'),
    ],
    [label('up'), span(formatAge(inSteps(state.nowMs - state.startedMs)))],
  ]
}

// Seconds that nobody reads would be a frame each.
function inSteps(ms: number): number {
  const step = ms < 60_000 ? 10_000 : 60_000
  return Math.floor(ms / step) * step
}

function label(text: string): Span {
  return span(`${text} `, 'dim')
}

function rateOf(values: readonly number[], tone: Tone, {glyphs}: Look): Line {
  const last = values.at(-1)
  return [span(last === undefined ? glyphs.none : formatRate(last), tone)]
}

function trendOf(values: readonly number[], columns: number, {glyphs}: Look): Span {
  const cells = columns < WIDE ? SPARK_CELLS.narrow : SPARK_CELLS.wide
  return span(` ${sparkline(values, cells, glyphs)}`, 'accent')
}

function latencyOf(status: Status | null): Line[] {
  const latency = status?.latency ?? null
  if (latency === null) return []
  const ms = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)}ms`
  return [[label('p50'), span(ms(latency.p50Ms)), span('  p99 ', 'dim'), span(ms(latency.p99Ms))]]
}

function countOf(list: readonly unknown[] | 'loading' | 'absent', {glyphs}: Look): string {
  return typeof list === 'string' ? glyphs.none : String(list.length)
}

function instancesOf({lists: {instances}}: State, look: Look): Line {
  if (typeof instances === 'string') return [label('instances'), span(countOf(instances, look))]
  const usable = instances.filter(({state}) => state === 'up' || state === 'unknown').length
  const tone = usable === instances.length ? 'plain' : 'warn'
  return [label('instances'), span(`${usable}/${instances.length}`, tone)]
}
