import type {InstanceRow, InstanceState} from '../../admin/protocol.ts'
import {formatCount, formatDay, formatShareOf} from '../format.ts'
import {type Look, type Span, span} from '../look.ts'
import {column, screenOf} from '../screen.ts'

/** Every instance of every service and target, how it is and what it does. */
export const INSTANCES = screenOf<InstanceRow>({
  name: 'instances',
  title: 'Instances',
  columns: [
    column('ID', row => row.id, {width: 20, grow: 3, rank: 0}),
    column('STATE', (row, look) => stateOf(row.state, look), {
      width: 10,
      rank: 0,
      order: row => ORDER.indexOf(row.state),
    }),
    column('SERVICE', row => row.service, {width: 8, grow: 1, rank: 5}),
    column('WEIGHT', row => span(weightOf(row), isWeighed(row) ? 'warn' : 'plain'), {
      align: 'right',
      rank: 7,
      order: row => row.weight,
    }),
    column('IN FLIGHT', row => formatCount(row.inFlight), {align: 'right', rank: 4, order: row => row.inFlight}),
    column('REQUESTS', row => formatCount(row.requests), {align: 'right', rank: 3, order: row => row.requests}),
    column('ERRORS', row => span(formatCount(row.errors), row.errors > 0 ? 'bad' : 'plain'), {
      align: 'right',
      rank: 2,
      order: row => row.errors,
    }),
    column('LATENCY', (row, {glyphs}) => (row.latencyMs === null ? glyphs.none : `${Math.round(row.latencyMs)}ms`), {
      align: 'right',
      rank: 6,
      order: row => row.latencyMs ?? -1,
    }),
    column('REASON', row => span(row.reason, 'dim'), {width: 12, grow: 2, rank: 8}),
  ],
  rows: state => state.lists.instances,
  idOf: row => row.id,
  sort: null,
  facts: (row, _state, {glyphs}) => [
    ['instance', row.id],
    ['service', row.service],
    ['url', row.url],
    ['state', row.state],
    ['reason', row.reason || glyphs.none],
    ['since', formatDay(row.lastChange, 'the start')],
    ['weight', isWeighed(row) ? `${row.weight} (was ${row.configuredWeight})` : String(row.weight)],
    ['in flight', String(row.inFlight)],
    ['requests', String(row.requests)],
    ['errors', `${row.errors}, ${formatShareOf(row.errors, row.requests)}`],
    ['latency', row.latencyMs === null ? 'not measured' : `${row.latencyMs.toFixed(1)} ms`],
  ],
  empty: 'no instances',
  absent: 'this daemon lists no instances',
})

// ---

/** Sorted, what needs a person comes first. */
const ORDER: readonly InstanceState[] = ['down', 'ejected', 'draining', 'unknown', 'up']

function isWeighed({weight, configuredWeight = weight}: InstanceRow): boolean {
  return weight !== configuredWeight
}

// '1 (3)': what it is picked by, and what is written.
function weightOf(row: InstanceRow): string {
  return isWeighed(row) ? `${row.weight} (${row.configuredWeight})` : String(row.weight)
}

function stateOf(state: InstanceState, {glyphs}: Look): Span {
  switch (state) {
    case 'up':
      return span(`${glyphs.good} ${state}`, 'good')
    case 'unknown':
      return span(`${glyphs.off} ${state}`, 'dim')
    case 'draining':
      return span(`${glyphs.warn} ${state}`, 'warn')
    case 'ejected':
    case 'down':
      return span(`${glyphs.bad} ${state}`, 'bad')
  }
}
