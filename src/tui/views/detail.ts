import {fit} from '../cells.ts'
import {type Line, type Look, span} from '../look.ts'
import {positionOf} from '../position.ts'
import {BLANK} from '../screen.ts'
import {screenNamed} from '../screens.ts'
import type {State} from '../state.ts'
import {rule, wrap} from './line.ts'

const LABEL = 12

/** All there is to say about the chosen row, in `rows` lines. */
export function detail(state: State, width: number, rows: number, look: Look): readonly Line[] {
  const screen = screenNamed(state.screen)
  const {rows: list, index} = positionOf(state)
  const facts = index < 0 ? [] : screen.facts(list[index], state, look)
  const lines = facts.flatMap(([label, value]) =>
    wrap(value, Math.max(8, width - LABEL - 2)).map(
      (text, line): Line => [span(` ${fit(line === 0 ? label : '', LABEL, look.glyphs.ellipsis)}`, 'dim'), span(text)],
    ),
  )
  const all: Line[] = [rule(index < 0 ? 'nothing is chosen' : screen.title, width, look.glyphs), ...lines]
  return Array.from({length: rows}, (_, line) => all[line] ?? BLANK)
}
