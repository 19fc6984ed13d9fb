// Who gets which part of the screen. The reducer asks as well as the views: a page down is as far as the table is high.

import {bannerOf} from './banner.ts'
import type {Size, State} from './state.ts'

/** Below that, it is only said that there is no room. */
export const LEAST: Size = {columns: 40, rows: 10}

export type Layout = {
  readonly isTooSmall: boolean
  readonly headerRows: number
  readonly bannerRows: number
  readonly columns: number
  /** Rows between the tabs, or the banner, and the last line. */
  readonly bodyRows: number
  /** Rows of the table below its head; columns of it. */
  readonly tableRows: number
  readonly tableColumns: number
  readonly detail: {
    readonly place: 'right' | 'below' | 'instead'
    readonly columns: number
    readonly rows: number
  } | null
}

const WIDE = 110
const HIGH = 20
const TABS = 1
const HEAD = 1
const FOOTER = 1

export function layoutOf(state: State): Layout {
  const {columns, rows} = state.size
  const headerRows = rows >= 14 ? 2 : 1
  const bannerRows = rowsOfBanner(state)
  const body = Math.max(0, rows - headerRows - TABS - bannerRows - FOOTER)
  const shared = {
    isTooSmall: columns < LEAST.columns || rows < LEAST.rows,
    headerRows,
    bannerRows,
    bodyRows: body,
    columns,
  }
  if (!state.isDetailOpen) return {...shared, tableRows: Math.max(0, body - HEAD), tableColumns: columns, detail: null}
  if (columns >= WIDE) {
    const wide = Math.floor(columns * 0.4)
    const detail = {place: 'right', columns: wide, rows: body} as const
    return {...shared, tableRows: body - HEAD, tableColumns: columns - wide, detail}
  }
  if (rows >= HIGH) {
    const high = Math.floor(body / 2)
    const detail = {place: 'below', columns, rows: high} as const
    return {...shared, tableRows: body - high - HEAD, tableColumns: columns, detail}
  }
  return {...shared, tableRows: 0, tableColumns: 0, detail: {place: 'instead', columns, rows: body}}
}

// ---

function rowsOfBanner(state: State): number {
  const banner = bannerOf(state)
  if (banner === null) return 0
  const most = state.size.rows >= HIGH ? 6 : state.size.rows >= 14 ? 3 : 2
  return Math.min(most, 1 + banner.lines.length)
}
