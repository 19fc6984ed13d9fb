// What '?' shows: every key and every command. In two columns where there is room.

import {COMMANDS} from './commands.ts'
import {BINDINGS} from './keys.ts'
import {layoutOf} from './layout.ts'
import {SCREEN_NAMES, type State} from './state.ts'

/** A key or a command, and what it does. */
export type HelpEntry = readonly [key: string, summary: string]

const WIDE = 100

export function helpOfKeys(): readonly HelpEntry[] {
  const screens: HelpEntry = [`1 to ${SCREEN_NAMES.length}`, 'the screens']
  const others = BINDINGS.filter(({keys: [key = '']}) => !/^\d$/.test(key))
  return [screens, ...others.map(({keys, summary}): HelpEntry => [keys.join(' '), summary])]
}

/** With those that the daemon does not have. */
export function helpOfCommands(state: State): readonly HelpEntry[] {
  return COMMANDS.map(({name, operand, summary, isOrder}) => {
    const isMissing = isOrder && state.missing.has(name)
    return [`:${name} ${operand}`.trim(), isMissing ? 'not available by this daemon' : summary]
  })
}

export function isHelpWide(state: State): boolean {
  return state.size.columns >= WIDE
}

/** How far it can be scrolled. */
export function lastHelpTop(state: State): number {
  const [keys, commands] = [helpOfKeys().length, helpOfCommands(state).length]
  const lines = isHelpWide(state) ? Math.max(keys, commands) : keys + commands
  return Math.max(0, lines - (layoutOf(state).bodyRows - 1))
}
