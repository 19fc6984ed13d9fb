import {formatCount, formatRate, formatShareOf} from '../format.ts'
import {span} from '../look.ts'
import {column, screenOf} from '../screen.ts'
import type {LiveRoute} from '../state.ts'

/** Every route: where it goes, what it has answered and where it was written. */
export const ROUTES = screenOf<LiveRoute>({
  name: 'routes',
  title: 'Routes',
  columns: [
    column('ROUTE ID', row => row.id, {width: 18, grow: 3, rank: 0}),
    column('TARGET', row => row.destination, {width: 16, grow: 3, rank: 1}),
    column('REQ/S', row => formatRate(row.requestRate), {
      width: 6,
      align: 'right',
      rank: 4,
      order: row => row.requestRate,
    }),
    column('REQUESTS', row => formatCount(row.requests), {align: 'right', rank: 3, order: row => row.requests}),
    column('ERRORS', row => span(formatCount(row.errors), row.errors > 0 ? 'bad' : 'plain'), {
      align: 'right',
      rank: 2,
      order: row => row.errors,
    }),
    column('FROM', row => span(`${row.file}:${row.line}`, 'dim'), {width: 16, grow: 2, rank: 5}),
  ],
  rows: state => state.lists.routes,
  idOf: row => row.id,
  sort: null,
  facts: row => [
    ['route', row.id],
    ['host', row.host],
    ['prefix', row.prefix],
    ['kind', row.kind],
    ['target', row.destination],
    ['from', `${row.file}:${row.line}`],
    ['requests', `${row.requests}, ${formatRate(row.requestRate)}/s`],
    ['errors', `${row.errors}, ${formatShareOf(row.errors, row.requests)}`],
  ],
  empty: 'no routes: every request is answered with 404',
  absent: 'this daemon lists no routes',
})
