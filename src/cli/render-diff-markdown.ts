// A diff as a comment for a pull request. GitHub takes 65,536 characters, so rows beyond a bound are counted.

import type {Change} from '../router/diff.ts'
import type {Diff} from './diff.ts'
import {countChanges} from './render-diff.ts'

/** The first line, by which a workflow finds the comment that it wrote before. */
const MARK = '<!-- routesd diff -->'
const CHARS_MAX = 60_000
const CELL_CHARS_MAX = 300
const NAMES_MAX = 50

/** Markdown without a newline at the end, at most 65,000 characters. */
export function renderDiffMarkdown({from, to, changes, certificates}: Diff): string {
  const lines = [MARK, `### routesd: ${code(from)} → ${code(to)}`, '', `**${countChanges(changes)}**`]
  if (changes.length > 0) lines.push('', '| | URLs | before | after | what it means |', '|---|---|---|---|---|')
  let chars = lines.join('\n').length
  let shown = 0
  for (const change of changes) {
    const row = rowOf(change)
    chars += row.length + 1
    if (chars > CHARS_MAX) break
    lines.push(row)
    shown++
  }
  if (shown < changes.length) lines.push('', `… and ${changes.length - shown} more: \`routesd diff\` shows all.`)
  for (const [what, names] of Object.entries(certificates)) {
    if (names.length > 0) lines.push('', `Certificates to ${what}, where https is served: ${listOf(names)}`)
  }
  return lines.join('\n')
}

// ---

function rowOf({kind, space, before, after, flags, note}: Change): string {
  const cells = [[kind, ...flags].join(', '), code(space), sideOf(before), sideOf(after), plain(cut(note))]
  return `| ${cells.join(' | ')} |`
}

function sideOf(side: Change['before']): string {
  return side === null ? '404' : `${code(side.destination)}<br>${code(`${side.file}:${side.line}`)}`
}

function listOf(names: readonly string[]): string {
  const rest = names.length - NAMES_MAX
  return names.slice(0, NAMES_MAX).map(code).join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}

/** In a table a bar ends the cell even within code; a backtick would end the code. */
function code(text: string): string {
  return `\`${cut(text).replaceAll('`', "'").replaceAll('|', '\\|')}\``
}

/** Text in which nothing is markup. */
function plain(text: string): string {
  return text.replace(/[\\`*_[\]<>|~]/g, '\\$&')
}

function cut(text: string): string {
  const line = text.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ')
  return line.length <= CELL_CHARS_MAX ? line : `${line.slice(0, CELL_CHARS_MAX)}…`
}
