import {fit} from '../cells.ts'
import {COMMANDS} from '../commands.ts'
import {BINDINGS} from '../keys.ts'
import {type Line, type Look, span} from '../look.ts'
import {BLANK} from '../screen.ts'
import type {State} from '../state.ts'
import {rule} from './line.ts'

const KEYS = 24

/** Every key and every command, in `rows` lines; in two columns where there is room. */
export function help(state: State, rows: number, look: Look): readonly Line[] {
  const {columns} = state.size
  const isWide = columns >= 100
  const keys = BINDINGS.map(({keys, summary}) => entry(keys.join(' '), summary, look))
  const commands = COMMANDS.map(({name, operand, summary, isOrder}) => {
    const isMissing = isOrder && state.missing.has(name)
    return entry(`:${name} ${operand}`.trim(), isMissing ? 'not available by this daemon' : summary, look)
  })
  const title = rule('keys and commands; esc closes', columns, look.glyphs)
  const all = isWide ? sideBySide(keys, commands, Math.floor(columns / 2), look) : [...keys, ...commands]
  return Array.from({length: rows}, (_, line) => (line === 0 ? title : (all[line - 1] ?? BLANK)))
}

/** The commands that begin with what was typed, for above the last line. */
export function palette(names: readonly (typeof COMMANDS)[number][], state: State, look: Look): readonly Line[] {
  return names.map(({name, operand, summary, isOrder}) => {
    const isMissing = isOrder && state.missing.has(name)
    return [
      span(` ${fit(`:${name} ${operand}`, KEYS, look.glyphs.ellipsis)}`, isMissing ? 'dim' : 'accent'),
      span(isMissing ? 'not available by this daemon' : summary, isMissing ? 'dim' : 'plain'),
    ]
  })
}

// ---

function entry(key: string, summary: string, {glyphs}: Look): Line {
  return [span(` ${fit(key, KEYS, glyphs.ellipsis)}`, 'accent'), span(summary)]
}

function sideBySide(left: readonly Line[], right: readonly Line[], width: number, {glyphs}: Look): Line[] {
  return Array.from({length: Math.max(left.length, right.length)}, (_, line) => {
    const [key, summary] = left[line] ?? BLANK
    const text = fit((key?.text ?? '') + (summary?.text ?? ''), width, glyphs.ellipsis)
    const keyCells = key?.text.length ?? 0
    return [span(text.slice(0, keyCells), 'accent'), span(text.slice(keyCells)), ...(right[line] ?? [])]
  })
}
