// What a screen is: which list it shows, in which columns, and what there is to say about one row.

import {ASCII, type Line, type Look, type Span} from './look.ts'
import type {Loaded, ScreenName, State, View} from './state.ts'

export type Column<Row> = {
  readonly title: string
  /** Cells that it takes at least. */
  readonly width: number
  /** Its part of the cells that are left over; 0 for none. */
  readonly grow: number
  readonly align: 'left' | 'right'
  /** Where there is no room the highest goes first; 0 stays. */
  readonly rank: number
  readonly cell: (row: Row, look: Look, nowMs: number) => Span
  /** What it is sorted by; null: its text. */
  readonly order: ((row: Row) => number | string) | null
}

export type Fact = readonly [label: string, value: string]

export type ScreenSpec<Row> = {
  readonly name: ScreenName
  readonly title: string
  readonly columns: readonly Column<Row>[]
  readonly rows: (state: State) => Loaded<Row>
  readonly idOf: (row: Row) => string
  /** How the rows stand unless somebody sorts them; null: as they come. */
  readonly sort: View['sort']
  readonly facts: (row: Row, state: State, look: Look) => readonly Fact[]
  /** What it says when there are no rows, and when the daemon has no such list. */
  readonly empty: string
  readonly absent: string
}

/** A screen whose rows nobody needs to know the type of. */
export type Screen = {
  readonly name: ScreenName
  readonly title: string
  readonly columns: readonly Omit<Column<never>, 'cell' | 'order'>[]
  readonly sort: View['sort']
  readonly empty: string
  readonly absent: string
  /** The rows that pass the filter, in order. The same array until the list, filter or order is another one. */
  arrange(state: State): Arranged
  idOf(row: unknown): string
  cells(row: unknown, columns: readonly number[], look: Look, nowMs: number): readonly Span[]
  facts(row: unknown, state: State, look: Look): readonly Fact[]
}

export type Arranged = {
  readonly rows: readonly unknown[]
  readonly total: number
  readonly kind: 'loading' | 'absent' | 'rows'
}

export function screenOf<Row>(spec: ScreenSpec<Row>): Screen {
  let last: {key: readonly unknown[]; arranged: Arranged} | null = null
  return {
    ...spec,
    arrange(state) {
      const list = spec.rows(state)
      if (typeof list === 'string') return {rows: [], total: 0, kind: list}
      const {filter, sort} = state.views[spec.name]
      const key = [list, filter, sort]
      if (last === null || key.some((part, index) => part !== last?.key[index])) {
        const rows = sorted(filtered(list, filter, spec), sort ?? spec.sort, spec)
        last = {key, arranged: {rows, total: list.length, kind: 'rows'}}
      }
      return last.arranged
    },
    idOf: row => spec.idOf(row as Row),
    cells: (row, columns, look, nowMs) =>
      columns.map(column => spec.columns[column]?.cell(row as Row, look, nowMs) ?? EMPTY),
    facts: (row, state, look) => spec.facts(row as Row, state, look),
  }
}

export function column<Row>(
  title: string,
  cell: (row: Row, look: Look, nowMs: number) => Span | string,
  options: Partial<Omit<Column<Row>, 'title' | 'cell'>> = {},
): Column<Row> {
  const {width = title.length, grow = 0, align = 'left', rank = 1, order = null} = options
  const spanned = (row: Row, look: Look, nowMs: number) => {
    const value = cell(row, look, nowMs)
    return typeof value === 'string' ? {text: value, tone: 'plain' as const} : value
  }
  return {title, width, grow, align, rank, cell: spanned, order}
}

/** A line of nothing. */
export const BLANK: Line = [{text: ' ', tone: 'plain'}]

// ---

const EMPTY: Span = {text: '', tone: 'plain'}
// What is searched and sorted is the same whatever the glyphs and the hour.
const BARE: Look = {glyphs: ASCII}

// Every word must be somewhere in the row; after '!' none may.
function filtered<Row>(rows: readonly Row[], filter: string, spec: ScreenSpec<Row>): readonly Row[] {
  const isInverse = filter.startsWith('!')
  const words = filter
    .slice(isInverse ? 1 : 0)
    .toLowerCase()
    .split(' ')
    .filter(Boolean)
  if (words.length === 0) return rows
  return rows.filter(row => {
    const text = spec.columns
      .map(({cell}) => cell(row, BARE, 0).text)
      .join(' ')
      .toLowerCase()
    return isInverse ? !words.some(word => text.includes(word)) : words.every(word => text.includes(word))
  })
}

function sorted<Row>(rows: readonly Row[], sort: View['sort'], spec: ScreenSpec<Row>): readonly Row[] {
  const by = sort === null ? undefined : spec.columns[sort.column]
  if (sort === null || by === undefined) return rows
  const keyed = rows.map(row => ({row, key: by.order ? by.order(row) : by.cell(row, BARE, 0).text}))
  const direction = sort.isDescending ? -1 : 1
  // Not localeCompare: it takes ten times as long, and ids are ASCII.
  keyed.sort((one, other) => (one.key < other.key ? -direction : one.key > other.key ? direction : 0))
  return keyed.map(({row}) => row)
}
