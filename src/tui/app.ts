// The frame as Ink draws it, and the keys as Ink hears them.

import {Box, Text, type TextProps, useInput} from 'ink'
import {createElement, memo, type ReactNode} from 'react'
import type {Key} from './keys.ts'
import type {Line, Look, Tone} from './look.ts'
import type {State} from './state.ts'
import {frame} from './views/frame.ts'

export type AppProps = {readonly state: State; readonly look: Look; readonly onKey: (key: Key) => void}

export function App({state, look, onKey}: AppProps): ReactNode {
  useInput((input, key) => {
    for (const pressed of keysOf(input, key)) onKey(pressed)
  })
  return createElement(Screen, {state, look})
}

/** The screen without a keyboard. */
export function Screen({state, look}: Omit<AppProps, 'onKey'>): ReactNode {
  const {columns, rows} = state.size
  const lines = frame(state, look).map((line, row) => createElement(LineView, {key: row, line}))
  return createElement(Box, {flexDirection: 'column', width: columns, height: rows}, lines)
}

// ---

// One Text per line: what Ink lays out is what a frame costs.
const LineView = memo(
  function LineView({line}: {readonly line: Line}): ReactNode {
    const spans = line.map(({text, tone}, index) =>
      tone === 'plain' ? text : createElement(Text, {key: index, ...STYLES[tone]}, text),
    )
    return createElement(Text, {wrap: 'truncate'}, spans)
  },
  (before, after) => isSameLine(before.line, after.line),
)

const STYLES: Readonly<Record<Tone, Omit<TextProps, 'children'>>> = {
  plain: {},
  dim: {dimColor: true},
  bold: {bold: true},
  good: {color: 'green'},
  warn: {color: 'yellow'},
  bad: {color: 'red'},
  accent: {color: 'cyan'},
  selected: {inverse: true},
  alarm: {inverse: true, color: 'red'},
}

function isSameLine(one: Line, other: Line): boolean {
  if (one.length !== other.length) return false
  return one.every(({text, tone}, index) => text === other[index]?.text && tone === other[index]?.tone)
}

type InkKey = Parameters<Parameters<typeof useInput>[0]>[1]

// Keys that were pressed faster than they were read come as one text.
function keysOf(input: string, key: InkKey): readonly Key[] {
  const named = NAMES.find(([flag]) => key[flag])
  if (named) return [{name: key.tab && key.shift ? 'shift-tab' : named[1], isText: false}]
  if (key.ctrl) return [{name: `ctrl-${input}`, isText: false}]
  const typed = [...input].map(name => {
    if (name === '\r' || name === '\n') return {name: 'enter', isText: false}
    return {name, isText: name >= ' '}
  })
  // Escape and a key right after it are the same bytes as Alt and that key.
  return key.meta ? [{name: 'escape', isText: false}, ...typed] : typed
}

const NAMES: readonly (readonly [keyof InkKey, string])[] = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'pageup'],
  ['pageDown', 'pagedown'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'enter'],
  ['escape', 'escape'],
  ['tab', 'tab'],
  ['backspace', 'backspace'],
  ['delete', 'backspace'],
]
