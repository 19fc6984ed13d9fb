import {formatCount, formatRate, formatShareOf} from '../format.ts'
import {span, sparkline} from '../look.ts'
import {column, screenOf} from '../screen.ts'
import type {LiveRoute} from '../state.ts'

const TREND_CELLS = 20

/** Routes by what goes through them now. */
export const TRAFFIC = screenOf<LiveRoute>({
  name: 'traffic',
  title: 'Traffic',
  columns: [
    column('ROUTE ID', row => row.id, {width: 18, grow: 3, rank: 0}),
    column('REQ/S', row => formatRate(row.requestRate), {
      width: 7,
      align: 'right',
      rank: 0,
      order: row => row.requestRate,
    }),
    column('TREND', (row, {glyphs}) => span(sparkline(row.trend, TREND_CELLS, glyphs), 'accent'), {
      width: TREND_CELLS,
      rank: 3,
      order: row => row.requestRate,
    }),
    column('ERRORS/S', row => span(formatRate(row.errorRate), row.errorRate > 0 ? 'bad' : 'plain'), {
      align: 'right',
      rank: 1,
      order: row => row.errorRate,
    }),
    column('ERRORS %', row => formatShareOf(row.errors, row.requests), {
      align: 'right',
      rank: 2,
      order: row => (row.requests === 0 ? 0 : row.errors / row.requests),
    }),
    column('REQUESTS', row => formatCount(row.requests), {align: 'right', rank: 4, order: row => row.requests}),
    column('TARGET', row => span(row.destination, 'dim'), {width: 14, grow: 2, rank: 5}),
  ],
  rows: state => state.lists.routes,
  idOf: row => row.id,
  sort: {column: 1, isDescending: true},
  facts: (row, _state, {glyphs}) => [
    ['route', row.id],
    ['target', row.destination],
    ['now', `${formatRate(row.requestRate)} requests/s`],
    ['', sparkline(row.trend, TREND_CELLS, glyphs)],
    ['errors', `${formatRate(row.errorRate)}/s`],
    ['since start', `${row.requests} requests`],
    ['', `${row.errors} errors, ${formatShareOf(row.errors, row.requests)}`],
  ],
  empty: 'no routes: nothing to count',
  absent: 'this daemon lists no routes',
})
