// Which row is chosen, and which rows are on the screen.

import {layoutOf} from './layout.ts'
import {screenNamed} from './screens.ts'
import type {State} from './state.ts'

export type Position = {
  readonly rows: readonly unknown[]
  /** -1 when there is no row. */
  readonly index: number
  readonly top: number
}

export function positionOf(state: State): Position {
  const screen = screenNamed(state.screen)
  const {rows} = screen.arrange(state)
  const view = state.views[state.screen]
  const index = Math.min(rows.length - 1, find(rows, screen.idOf, view.selected, view.index))
  const height = Math.max(1, layoutOf(state).tableRows)
  const top = Math.max(0, Math.min(view.top, rows.length - height))
  return {rows, index, top: index < top ? Math.max(0, index) : Math.max(top, index - height + 1)}
}

/** The id of the row that is chosen on this screen; null when there is none. */
export function chosenId(state: State): string | null {
  const {rows, index} = positionOf(state)
  return index < 0 ? null : screenNamed(state.screen).idOf(rows[index])
}

// ---

function find(rows: readonly unknown[], idOf: (row: unknown) => string, selected: string | null, last: number): number {
  if (selected === null) return 0
  if (last < rows.length && idOf(rows[last]) === selected) return last
  const found = rows.findIndex(row => idOf(row) === selected)
  return found < 0 ? last : found
}
