import {fit} from '../cells.ts'
import type {Command} from '../commands.ts'
import {type HelpEntry, helpOfCommands, helpOfKeys, isHelpWide} from '../help-lines.ts'
import {type Line, type Look, span} from '../look.ts'
import {BLANK} from '../screen.ts'
import type {State} from '../state.ts'
import {fitLine, rule} from './line.ts'

/** Cells of a key or a command. */
const KEY = 21

/** The help from its line `top` on, in `rows` lines. */
export function help(state: State, top: number, rows: number, look: Look): readonly Line[] {
  const {columns} = state.size
  const half = Math.floor(columns / 2)
  const keys = helpOfKeys().map(entry => entryLine(entry, look))
  const commands = helpOfCommands(state).map(entry => entryLine(entry, look))
  const pairs = Array.from({length: Math.max(keys.length, commands.length)}, (_, line) => [
    ...fitLine(keys[line] ?? BLANK, half, look.glyphs),
    ...(commands[line] ?? []),
  ])
  const shown = (isHelpWide(state) ? pairs : [...keys, ...commands]).slice(top, top + rows - 1)
  return [rule('keys and commands: j k scroll, esc closes', columns, look.glyphs), ...shown]
}

/** The commands that a line may become. */
export function palette(commands: readonly Command[], state: State, look: Look): readonly Line[] {
  const names = new Set(commands.map(({name}) => name))
  return helpOfCommands(state)
    .filter(([key]) => names.has(key.slice(1).split(' ', 1)[0] ?? ''))
    .map(entry => entryLine(entry, look))
}

// ---

function entryLine([key, summary]: HelpEntry, {glyphs}: Look): Line {
  return [span(` ${fit(key, KEY, glyphs.ellipsis)} `, 'accent'), span(summary)]
}
