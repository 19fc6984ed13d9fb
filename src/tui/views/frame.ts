// The whole screen as lines: a pure function of the state.

import {bannerOf} from '../banner.ts'
import {candidates} from '../commands.ts'
import {type Layout, LEAST, layoutOf} from '../layout.ts'
import {type Line, type Look, span} from '../look.ts'
import {BLANK} from '../screen.ts'
import type {State} from '../state.ts'
import {detail} from './detail.ts'
import {footer} from './footer.ts'
import {header} from './header.ts'
import {help, palette} from './help.ts'
import {fitLine} from './line.ts'
import {table} from './table.ts'
import {tabs} from './tabs.ts'

/** Exactly as many lines as the screen has rows, none wider than it. */
export function frame(state: State, look: Look): readonly Line[] {
  const layout = layoutOf(state)
  if (layout.isTooSmall) return tooSmall(state, look)
  const top = [...header(state, layout.headerRows, look), tabs(state, look), ...banner(state, layout.bannerRows, look)]
  const room = state.size.rows - top.length - 1
  const body = withPalette(bodyOf(state, layout, room, look), state, look)
  const lines = [...top, ...Array.from({length: room}, (_, line) => body[line] ?? BLANK), footer(state, look)]
  return lines.map(line => fitLine(line, state.size.columns, look.glyphs))
}

// ---

function tooSmall({size}: State, {glyphs}: Look): readonly Line[] {
  const text = `routesd: ${size.columns}x${size.rows} is too small, it takes ${LEAST.columns}x${LEAST.rows} (q leaves)`
  const line = fitLine([span(text, 'warn')], size.columns, glyphs)
  return Array.from({length: size.rows}, (_, row) => (row === 0 ? line : BLANK))
}

function banner(state: State, rows: number, {glyphs}: Look): Line[] {
  const said = bannerOf(state)
  if (said === null) return []
  const headline: Line = fitLine([span(` ${glyphs.bad} ${said.headline}`, said.tone)], state.size.columns, glyphs)
  const filled = headline.map(({text}) => span(text, said.tone))
  return [
    filled,
    ...said.lines.slice(0, rows - 1).map((text, index) => [span(`   ${text}`, index === 0 ? 'bad' : 'plain')]),
  ]
}

function bodyOf(state: State, layout: Layout, room: number, look: Look): readonly Line[] {
  if (state.helpTop !== null) return help(state, state.helpTop, room, look)
  const {detail: pane} = layout
  if (pane === null) return table(state, layout.tableColumns, layout.tableRows, look)
  const said = detail(state, pane.columns - (pane.place === 'right' ? 1 : 0), pane.rows, look)
  if (pane.place === 'instead') return said
  const rows = table(state, layout.tableColumns, layout.tableRows, look)
  if (pane.place === 'below') return [...rows, ...said]
  return rows.map((line, index) => [
    ...fitLine(line, layout.tableColumns, look.glyphs),
    span(look.glyphs.upright, 'dim'),
    ...(said[index] ?? []),
  ])
}

// While a command is typed, those that it may become stand over the last rows.
function withPalette(body: readonly Line[], state: State, look: Look): readonly Line[] {
  if (state.prompt?.kind !== 'command') return body
  const shown = palette(candidates(state.prompt.text), state, look).slice(0, Math.max(0, body.length - 2))
  return [...body.slice(0, body.length - shown.length), ...shown]
}
