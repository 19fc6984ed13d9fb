// The last line: what is asked for, or what has just happened, or which keys there are.

import {nameOfLease} from '../commands.ts'
import {BINDINGS} from '../keys.ts'
import {type Line, type Look, span} from '../look.ts'
import type {Prompt, State} from '../state.ts'
import {fitLine, pack} from './line.ts'

export function footer(state: State, {glyphs}: Look): Line {
  const {columns} = state.size
  if (state.prompt !== null) return promptLine(state.prompt, columns, glyphs)
  if (state.notice !== null) return fitLine([span(` ${state.notice.text}`, state.notice.tone)], columns, glyphs)
  const hints = BINDINGS.flatMap(({keys: [key = ''], hint}): Line[] =>
    hint === undefined ? [] : [[span(key, 'accent'), span(` ${hint}`, 'dim')]],
  )
  const own: Line[] = state.screen === 'instances' ? [[span('d', 'accent'), span(' drain', 'dim')]] : []
  return fitLine([span(' '), ...pack([...own, ...hints], columns - 2, '  ')], columns, glyphs)
}

// ---

function promptLine(prompt: Prompt, columns: number, glyphs: Look['glyphs']): Line {
  if (prompt.kind === 'sure') {
    return fitLine([span(` ${prompt.question} `, 'warn'), span('y/n', 'bold')], columns, glyphs)
  }
  const label = labelOf(prompt)
  // Of a long text it is the end that somebody is writing.
  const room = Math.max(1, columns - label.length - glyphs.cursor.length - 1)
  return fitLine([span(label, 'accent'), span(prompt.text.slice(-room)), span(glyphs.cursor)], columns, glyphs)
}

function labelOf(prompt: Exclude<Prompt, {kind: 'sure'}>): string {
  switch (prompt.kind) {
    case 'filter':
      return ' /'
    case 'command':
      return ' :'
    case 'lease':
      return prompt.step === 'for' ? ` ${nameOfLease(prompt)} for: ` : ` ${nameOfLease(prompt)}, why: `
  }
}
