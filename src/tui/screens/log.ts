import {formatTime} from '../format.ts'
import {span} from '../look.ts'
import {column, screenOf} from '../screen.ts'
import type {LogLine} from '../state.ts'

/** What has happened since the program was started, the newest first. */
export const LOG = screenOf<LogLine>({
  name: 'log',
  title: 'Log',
  columns: [
    column('TIME', row => span(formatTime(row.atMs), 'dim'), {width: 8, rank: 2, order: row => row.atMs}),
    column('WHAT', row => row.kind, {width: 10, rank: 1}),
    column('MESSAGE', row => span(row.text, row.tone), {width: 20, grow: 1, rank: 0}),
  ],
  rows: state => state.log,
  idOf: row => row.id,
  sort: null,
  facts: row => [
    ['time', formatTime(row.atMs)],
    ['what', row.kind],
    ['message', row.text],
  ],
  empty: 'nothing has happened yet',
  absent: '',
})
