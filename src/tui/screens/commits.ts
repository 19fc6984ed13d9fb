import type {HistoryRow} from '../../admin/protocol.ts'
import {formatDay} from '../format.ts'
import {type Look, type Span, span} from '../look.ts'
import {column, screenOf} from '../screen.ts'

/** What became of each revision, the newest first. */
export const COMMITS = screenOf<HistoryRow>({
  name: 'commits',
  title: 'Commits',
  columns: [
    column('REVISION', row => row.revision, {width: 16, grow: 1, rank: 0}),
    column('OUTCOME', outcome, {width: 12, rank: 0}),
    column('SUBJECT', row => row.subject, {width: 16, grow: 4, rank: 2}),
    column('AUTHOR', row => row.author, {width: 10, grow: 1, rank: 3}),
    column('AT', (row, {glyphs}) => formatDay(row.at, glyphs.none), {width: 16, rank: 1, order: row => row.at}),
    column('TRIGGER', row => row.trigger, {width: 8, rank: 5}),
    column('REASON', row => span(row.reason, 'dim'), {width: 12, grow: 2, rank: 4}),
  ],
  rows: state => state.lists.history,
  idOf: row => `${row.at} ${row.revision}`,
  sort: {column: 4, isDescending: true},
  facts: (row, state, {glyphs}) => [
    ['revision', row.revision + (row.revision === state.status?.revision.applied ? ' (live)' : '')],
    ['subject', row.subject || glyphs.none],
    ['author', row.author || glyphs.none],
    ['at', formatDay(row.at, glyphs.none)],
    ['trigger', row.trigger],
    ['outcome', row.outcome],
    ['reason', row.reason || glyphs.none],
    ['changes', changes(row) || glyphs.none],
    ['message', row.message || glyphs.none],
  ],
  empty: 'nothing has been applied yet',
  absent: 'this daemon keeps no history (GET /v1/history is not there)',
})

// ---

function changes({diff}: HistoryRow): string {
  return Object.entries(diff ?? {})
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ')
}

function outcome({outcome}: HistoryRow, {glyphs}: Look): Span {
  const isGood = outcome === 'applied' || outcome === 'unchanged'
  return span(`${isGood ? glyphs.good : glyphs.bad} ${outcome}`, isGood ? 'good' : 'bad')
}
