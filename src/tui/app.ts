// The frame as Ink draws it, and the keys as Ink hears them.

import {Box, Text, type TextProps, useInput} from 'ink'
import {createElement, memo, type ReactNode, useCallback} from 'react'
import type {Key} from './keys.ts'
import type {Line, Tone} from './look.ts'
import type {Size} from './state.ts'

export type AppProps = {readonly lines: readonly Line[]; readonly size: Size; readonly onKey: (key: Key) => void}

/** `onKey` is to stay the same: Ink listens anew for another one. */
export function App({lines, size, onKey}: AppProps): ReactNode {
  const hear = useCallback(
    (input: string, key: InkKey) => {
      for (const pressed of keysOf(input, key)) onKey(pressed)
    },
    [onKey],
  )
  useInput(hear)
  return createElement(Screen, {lines, size})
}

/** The screen without a keyboard. */
export function Screen({lines, size: {columns, rows}}: Omit<AppProps, 'onKey'>): ReactNode {
  const views = lines.map((line, row) => createElement(LineView, {key: row, line}))
  return createElement(Box, {flexDirection: 'column', width: columns, height: rows}, views)
}

/** Whether the two would look the same. */
export function isSameScreen(one: readonly Line[], other: readonly Line[]): boolean {
  return one.length === other.length && one.every((line, row) => isSameLine(line, other[row] ?? []))
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
