// Putting a line together.

import {cellsOf, clean, fit} from '../cells.ts'
import {type Glyphs, type Line, type Span, span, type Tone} from '../look.ts'

/** The spans in exactly `width` cells: cut, or filled with blanks. */
export function fitLine(spans: Line, width: number, {ellipsis}: Glyphs): Line {
  const line: Span[] = []
  let room = width
  for (const {text, tone} of spans) {
    if (room === 0) break
    const shown = clean(text)
    const cells = cellsOf(shown)
    line.push(span(cells > room ? fit(shown, room, ellipsis) : shown, tone))
    room -= Math.min(cells, room)
  }
  if (room > 0) line.push(span(' '.repeat(room)))
  return line
}

/** One line with `left` at its left and `right` at its right; it is the left that is cut. */
export function justify(left: Line, right: Line, width: number, glyphs: Glyphs): Line {
  const taken = right.reduce((sum, {text}) => sum + cellsOf(text), 0)
  if (taken >= width) return fitLine(right, width, glyphs)
  return [...fitLine(left, width - taken, glyphs), ...right]
}

/** As many parts as there is room for, first come first served. */
export function pack(parts: readonly Line[], width: number, between: string): Span[] {
  const line: Span[] = []
  let room = width
  for (const part of parts) {
    const cells = part.reduce((sum, {text}) => sum + cellsOf(text), 0) + (line.length > 0 ? between.length : 0)
    if (cells > room) break
    if (line.length > 0) line.push(span(between, 'dim'))
    line.push(...part)
    room -= cells
  }
  return line
}

/** A text on as many lines as it takes, broken at blanks where there are some. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let rest = clean(text)
  while (cellsOf(rest) > width) {
    let end = rest.length
    while (cellsOf(rest.slice(0, end)) > width) end -= 1
    const blank = rest.lastIndexOf(' ', end)
    const cut = blank > 0 ? blank : Math.max(1, end)
    lines.push(rest.slice(0, cut))
    rest = rest.slice(cut).trimStart()
  }
  return [...lines, rest]
}

/** A rule with a title in it. */
export function rule(title: string, width: number, glyphs: Glyphs, tone: Tone = 'dim'): Line {
  const head = title === '' ? '' : `${glyphs.rule} ${title} `
  return [span(fit(head, width, glyphs.ellipsis).trimEnd(), tone), span(rest(head, width, glyphs), tone)]
}

// ---

function rest(head: string, width: number, glyphs: Glyphs): string {
  const left = Math.max(0, width - cellsOf(head.trimEnd()))
  return left === 0 ? '' : ` ${glyphs.rule.repeat(left - 1)}`
}
