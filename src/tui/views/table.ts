// The rows that are on the screen, and no others: what a frame costs does not depend on how long the list is.

import {fit} from '../cells.ts'
import {type Line, type Look, span} from '../look.ts'
import {positionOf} from '../position.ts'
import {BLANK, type Screen} from '../screen.ts'
import {screenNamed} from '../screens.ts'
import type {State} from '../state.ts'
import {fitLine} from './line.ts'

const GAP = 2
/** The mark of the chosen row. */
const MARGIN = 2

/** The head and `height` lines below it, each `width` cells wide. */
export function table(state: State, width: number, height: number, look: Look): readonly Line[] {
  if (height < 0) return []
  const screen = screenNamed(state.screen)
  const {rows, index, top} = positionOf(state)
  const columns = chooseColumns(screen.columns, width - MARGIN)
  const lines: Line[] = [head(screen, columns, state, width, look)]
  for (let place = top; place < top + height; place++) {
    const row = rows[place]
    lines.push(row === undefined ? BLANK : rowLine(screen, row, columns, place === index, state.nowMs, look))
  }
  const note = rows.length === 0 ? noteOf(screen, state) : ''
  if (note !== '' && height > 0) lines[1] = fitLine([span(`  ${note}`, 'dim')], width, look.glyphs)
  return lines
}

/** Which columns there is room for, and how wide they are. */
export function chooseColumns(columns: Screen['columns'], width: number): readonly Chosen[] {
  let kept = columns.map((_, index) => index)
  const taken = () => kept.reduce((sum, index) => sum + (columns[index]?.width ?? 0) + GAP, -GAP)
  while (kept.length > 1 && taken() > width) {
    const worst = Math.max(...kept.map(index => columns[index]?.rank ?? 0))
    const last = kept.findLast(index => columns[index]?.rank === worst)
    if (worst === 0) break
    kept = kept.filter(index => index !== last)
  }
  const spare = Math.max(0, width - taken())
  const parts = kept.reduce((sum, index) => sum + (columns[index]?.grow ?? 0), 0)
  let given = 0
  let counted = 0
  return kept.map(index => {
    const {width: least = 0, grow = 0} = columns[index] ?? {}
    counted += grow
    const share = parts === 0 ? 0 : Math.floor((spare * counted) / parts) - given
    given += share
    return {index, width: least + share}
  })
}

// ---

type Chosen = {readonly index: number; readonly width: number}

function head(screen: Screen, columns: readonly Chosen[], state: State, width: number, {glyphs}: Look): Line {
  const sort = state.views[state.screen].sort ?? screen.sort
  const titles = columns.map(({index, width}) => {
    const {title = '', align = 'left'} = screen.columns[index] ?? {}
    if (sort?.column !== index) return fit(title, width, glyphs.ellipsis, align)
    // The arrow takes the gap before or behind, so that a title never has to give way to it.
    const arrow = sort.isDescending ? glyphs.descending : glyphs.ascending
    return fit(title.length < width ? title + arrow : title.slice(0, width - 1) + arrow, width, glyphs.ellipsis, align)
  })
  return fitLine([span(`${' '.repeat(MARGIN)}${titles.join(' '.repeat(GAP))}`, 'bold')], width, glyphs)
}

function rowLine(
  screen: Screen,
  row: unknown,
  columns: readonly Chosen[],
  isChosen: boolean,
  nowMs: number,
  look: Look,
): Line {
  const {pointer, ellipsis} = look.glyphs
  const chosen = columns.map(({index}) => index)
  const cells = screen.cells(row, chosen, look, nowMs)
  const spans = cells.flatMap(({text, tone}, place) => {
    const {index = 0, width = 0} = columns[place] ?? {}
    const shown = fit(text, width, ellipsis, screen.columns[index]?.align)
    const gap = place === cells.length - 1 ? '' : ' '.repeat(GAP)
    return tone === 'plain' || isChosen ? [span(shown + gap)] : [span(shown, tone), span(gap)]
  })
  if (!isChosen) return [span(' '.repeat(MARGIN)), ...spans]
  return [span(`${pointer} ${spans.map(({text}) => text).join('')}`, 'selected')]
}

function noteOf(screen: Screen, state: State): string {
  const {kind, total} = screen.arrange(state)
  if (kind === 'loading') return 'loading'
  if (kind === 'absent') return screen.absent
  return total === 0 ? screen.empty : 'no row passes the filter; esc lifts it'
}
