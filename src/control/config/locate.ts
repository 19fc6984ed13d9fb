// Problems → diagnostics: looks up line and column of a place and cuts out the line it stands in. Parses the text again
// unless a tree is at hand; only files that have something to report pay for that.

import {isAlias, isMap, isSeq, type Node} from 'yaml'
import type {Diagnostic} from './diagnostic.ts'
import {type Parsed, parseText, withoutBom} from './documents.ts'
import type {InValue, Place, Problem} from './problem.ts'
import {steps} from './problem.ts'

/** Longer lines are cut around the place. */
const EXCERPT_COLUMNS = 110

/** Turns the problems of one file into diagnostics. `parsed` saves parsing the text again. */
export function locateProblems(
  problems: readonly Problem[],
  file: string,
  text: string,
  parsed?: Parsed,
): Diagnostic[] {
  if (problems.length === 0) return []
  const tree = parsed ?? parseText(text)
  const source = withoutBom(text)
  return problems.map(({rule, severity, message, hint, place}) => {
    const [start, end] = rangeOf(place, tree)
    const from = position(tree, start)
    const to = position(tree, Math.max(end, start))
    const path = 'pointer' in place ? place.pointer : place.path
    return {
      rule,
      severity,
      file,
      line: from.line,
      column: from.column,
      endLine: to.line,
      endColumn: to.column,
      path,
      message,
      hint,
      excerpt: excerptOf(source, from, to),
    }
  })
}

/** The 1-based line that an offset is in. */
export function lineAt(parsed: Parsed, offset: number): number {
  return position(parsed, offset).line
}

/** A diagnostic about a whole file, or one that could not be read. */
export function wholeFile(rule: string, file: string, message: string, hint: string | null): Diagnostic {
  const start = {line: 1, column: 1, endLine: 1, endColumn: 1}
  return {rule, severity: 'error', file, ...start, path: '', message, hint, excerpt: null}
}

// ---

type Position = {readonly line: number; readonly column: number}

function position(parsed: Parsed, offset: number): Position {
  const {line, col} = parsed.lines.linePos(offset)
  return {line: Math.max(1, line), column: Math.max(1, col)}
}

function rangeOf(place: Place, parsed: Parsed): readonly [number, number] {
  if (!('pointer' in place)) return [place.start, place.end]
  const found = findNode(place, parsed)
  if (!found) return [0, 0]
  const {key, value} = found
  const wanted = place.at === 'key' ? (key ?? value) : value
  // An empty value ('routes:' with nothing after it) has no extent, so its key stands for it.
  const range = wanted?.range && wanted.range[0] < wanted.range[1] ? wanted.range : (key?.range ?? wanted?.range)
  if (!range) return [0, 0]
  if (place.at === 'value' && wanted && isMap(wanted) && !wanted.flow) {
    const first = wanted.items[0]?.key as Node | undefined
    if (first?.range) return [first.range[0], first.range[1]]
  }
  return [range[0], range[1]]
}

function findNode({document, pointer}: InValue, parsed: Parsed): {key: Node | null; value: Node | null} | null {
  const tree = parsed.trees[document]
  if (!tree) return null
  let key: Node | null = null
  let value: Node | null = tree.contents
  for (const name of steps(pointer)) {
    const node: Node | null = isAlias(value) ? ((value.resolve(tree) as Node | undefined) ?? null) : value
    if (isMap(node)) {
      const pair = node.items.findLast(item => String((item.key as {value?: unknown}).value) === name)
      if (!pair) return {key, value: node}
      key = pair.key as Node
      value = (pair.value ?? null) as Node | null
    } else if (isSeq(node)) {
      key = null
      value = (node.items[Number(name)] ?? null) as Node | null
    } else return {key, value}
  }
  return {key, value}
}

function excerptOf(source: string, from: Position, to: Position): string {
  const text = lineOf(source, from.line)
  const start = from.column - 1
  const end = to.line === from.line ? Math.max(to.column - 1, start + 1) : Math.max(text.length, start + 1)
  const cutLeft = text.length > EXCERPT_COLUMNS ? Math.max(0, start - 30) : 0
  const shown = text.slice(cutLeft, cutLeft + EXCERPT_COLUMNS)
  const lead = cutLeft > 0 ? '…' : ''
  const tail = cutLeft + EXCERPT_COLUMNS < text.length ? '…' : ''
  // Tabs stay tabs below the line, so that the caret stands right whatever their width.
  const indent = lead.replace(/./g, ' ') + text.slice(cutLeft, start).replace(/[^\t]/g, ' ')
  const carets = '^'.repeat(Math.max(1, Math.min(end, cutLeft + EXCERPT_COLUMNS) - start))
  return `${lead}${shown}${tail}\n${indent}${carets}`
}

function lineOf(source: string, line: number): string {
  let start = 0
  for (let current = 1; current < line; current++) {
    const next = source.indexOf('\n', start)
    if (next < 0) return ''
    start = next + 1
  }
  const end = source.indexOf('\n', start)
  return source.slice(start, end < 0 ? undefined : end).replace(/\r$/, '')
}
