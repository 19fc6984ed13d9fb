import {type Line, type Look, type Span, span} from '../look.ts'
import {SCREENS, screenNamed} from '../screens.ts'
import type {State} from '../state.ts'
import {justify} from './line.ts'

/** The names of the screens, and what is counted on this one. */
export function tabs(state: State, {glyphs}: Look): Line {
  const {columns} = state.size
  const named = columns >= 76
  const names = SCREENS.flatMap(({name, title}, index): Span[] => {
    const isHere = name === state.screen
    const text = named || isHere ? ` ${index + 1} ${title} ` : ` ${index + 1} `
    return [span(text, isHere ? 'selected' : 'dim')]
  })
  return justify(names, [span(`${countOf(state)} `, 'dim')], columns, glyphs)
}

// ---

function countOf(state: State): string {
  const {rows, total, kind} = screenNamed(state.screen).arrange(state)
  const {filter} = state.views[state.screen]
  if (kind !== 'rows') return ''
  return filter === '' ? ` ${total}` : ` ${rows.length}/${total} /${filter}`
}
