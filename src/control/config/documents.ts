// YAML text → plain values. The `yaml` package parses; what it would let pass silently is refused here: merge keys stay a
// literal '<<' in YAML 1.2, a %YAML 1.1 directive turns 'no' into false, an unknown tag is only a warning, large integers
// lose digits, and its own check for duplicate keys compares every key with every other one.
// The syntax tree is dropped with the return value: 100,000 routes fit into memory as values, not as trees.

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import {type InText, type Problem, step} from './problem.ts'

const DEPTH_MAX = 64
/** Counted as expanded: an alias of a node with ten aliases counts eleven, so that nesting them does not help. */
const ALIASES_MAX = 100

/** What a text says. `complete` is false when a part could not be understood; then `values` is empty. */
export type Parsed = {
  readonly values: readonly unknown[]
  readonly trees: readonly Tree[]
  readonly lines: LineCounter
  readonly problems: readonly Problem[]
  readonly complete: boolean
}
export type Tree = Document.Parsed

/** Reads every document of a YAML 1.2 text. An empty document has the value null. */
export function parseText(text: string): Parsed {
  const lines = new LineCounter()
  const documents = parseAllDocuments(withoutBom(text), {
    version: '1.2',
    stringKeys: true,
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter: lines,
  })
  const trees: readonly Tree[] = Array.isArray(documents) ? (documents as Tree[]) : []
  const syntax = firstSyntaxError(trees, withoutBom(text))
  if (syntax) return {values: [], trees, lines, problems: [syntax], complete: false}
  const reading: Reading = {lines, problems: [], anchors: new Map(), aliases: 0, broken: false}
  const values = trees.map((tree, index) => {
    reading.anchors.clear()
    checkDirectives(tree, trees[index - 1]?.range[2] ?? 0, text, reading)
    return tree.contents === null ? null : readNode(tree.contents, '', 0, reading)
  })
  return {values: reading.broken ? [] : values, trees, lines, problems: reading.problems, complete: !reading.broken}
}

/** The text without the byte order mark that some editors put in front; it has no column of its own. */
export function withoutBom(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text
}

// ---

type Reading = {
  readonly lines: LineCounter
  readonly problems: Problem[]
  /** What an anchor stands for, and how many aliases are within. */
  readonly anchors: Map<string, {value: unknown; aliases: number}>
  aliases: number
  /** Some value is unknown, so nothing should be concluded from the rest. */
  broken: boolean
}

/** The errors after the first one in a file are mostly consequences of it. */
function firstSyntaxError(trees: readonly Tree[], text: string): Problem | null {
  const errors = trees.flatMap(tree => tree.errors)
  const error = errors.sort((a, b) => a.pos[0] - b.pos[0])[0]
  if (!error) return null
  // How deep the parser got depends on its stack, so no place inside is named.
  if (errors.some(({code}) => code === 'RESOURCE_EXHAUSTION'))
    return problem('too-deep', TOO_DEEP, null, {start: 0, end: 1, path: ''})
  const [start, end] = error.pos
  const tab = tabBefore(text, start)
  if (tab !== null) return problem('yaml-syntax', TAB.message, TAB.hint, {start: tab, end: tab + 1, path: ''})
  const quote = error.code === 'MISSING_CHAR' ? openQuote(trees, start) : null
  if (quote !== null)
    return problem('yaml-syntax', 'this quote is never closed', null, {start: quote, end: quote + 1, path: ''})
  const known = SYNTAX[error.code]
  const place = {start, end: Math.max(end, start + 1), path: ''}
  return problem(known?.rule ?? 'yaml-syntax', known?.message ?? error.message, known?.hint ?? null, place)
}

/** Where a tab stands in the indentation of the line of an offset; the parser often stumbles only later in it. */
function tabBefore(text: string, offset: number): number | null {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const tab = /^ *\t/.exec(text.slice(start, offset + 1))
  return tab ? start + tab[0].length - 1 : null
}

/** Where the quoted text begins that the parser was in when the file ended. */
function openQuote(trees: readonly Tree[], end: number): number | null {
  let start: number | null = null
  for (const tree of trees) {
    visit(tree, {
      Scalar(_key, node) {
        if (node.type?.startsWith('QUOTE') && node.range && node.range[0] < end && node.range[1] >= end - 1)
          start = node.range[0]
      },
    })
  }
  return start
}

const TAB = {message: 'a tab is used as indentation', hint: 'Indent with spaces; YAML does not allow tabs there.'}
const TOO_DEEP = `nested more than ${DEPTH_MAX} levels deep`
const SYNTAX: Readonly<Record<string, {rule?: string; message?: string; hint: string | null}>> = {
  TAB_AS_INDENT: TAB,
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'a mapping cannot begin here',
    hint: 'Check the indentation, and quote a value that contains ": ".',
  },
  NON_STRING_KEY: {rule: 'non-string-key', message: 'a key must be a text', hint: null},
  BAD_SCALAR_START: {message: 'a value cannot begin with this character', hint: 'Put the value in quotes.'},
}

function checkDirectives(tree: Tree, from: number, text: string, reading: Reading): void {
  const {yaml, tags} = tree.directives
  const unknown = tree.warnings.some(({code}) => code === 'BAD_DIRECTIVE')
  if (!yaml.explicit && !unknown && Object.keys(tags).every(prefix => prefix === '!!')) return
  const source = withoutBom(text)
  const match = /^%.*$/m.exec(source.slice(from))
  const start = from + (match?.index ?? 0)
  const place = {start, end: start + (match?.[0].trimEnd().length ?? 1), path: ''}
  const hint = 'Remove the line: files are always read as YAML 1.2.'
  reading.problems.push(problem('yaml-directive', 'YAML directives are not allowed', hint, place))
}

function readNode(node: Node | null, pointer: string, depth: number, reading: Reading): unknown {
  if (node === null) return null
  if (depth > DEPTH_MAX) return broken(reading, problem('too-deep', TOO_DEEP, null, at(node, pointer)))
  if (isAlias(node)) {
    const anchor = reading.anchors.get(node.source)
    if (!anchor) {
      const message = `alias "*${node.source}" has no anchor before it`
      return broken(
        reading,
        problem('unknown-alias', message, `Write "&${node.source}" at the value it stands for.`, at(node, pointer)),
      )
    }
    const before = reading.aliases
    reading.aliases += 1 + anchor.aliases
    if (before <= ALIASES_MAX && reading.aliases > ALIASES_MAX) {
      const message = `more than ${ALIASES_MAX} aliases in one file`
      broken(
        reading,
        problem('too-many-aliases', message, 'Write the values out; nested aliases multiply.', at(node, pointer)),
      )
    }
    return anchor.value
  }
  const known = node.tag === undefined || TAGS.has(node.tag)
  if (!known)
    reading.problems.push(
      problem('unknown-tag', `unknown tag "${shortTag(node.tag)}"`, 'Remove the tag.', at(node, pointer)),
    )
  const before = reading.aliases
  const value = isScalar(node)
    ? readScalar(node, pointer, reading)
    : isMap(node)
      ? readMapping(node as YAMLMap<Scalar<string>, Node | null>, pointer, depth, reading)
      : (node as YAMLSeq<Node>).items.map((item, index) => readNode(item, step(pointer, index), depth + 1, reading))
  if (node.anchor) reading.anchors.set(node.anchor, {value, aliases: reading.aliases - before})
  return value
}

function shortTag(tag: string | undefined): string {
  return (tag ?? '').replace('tag:yaml.org,2002:', '!!')
}

const TAGS = new Set(['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map(name => `tag:yaml.org,2002:${name}`))

function readScalar(node: Scalar, pointer: string, reading: Reading): unknown {
  const {value} = node
  if (
    typeof value === 'number' &&
    (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
  ) {
    const text = node.source ?? String(value)
    reading.problems.push(
      problem(
        'unsafe-number',
        `${text} cannot be held exactly as a number`,
        `Write "${text}" in quotes if a text is meant.`,
        at(node, pointer),
      ),
    )
    return 0
  }
  return value
}

function readMapping(
  node: YAMLMap<Scalar<string>, Node | null>,
  pointer: string,
  depth: number,
  reading: Reading,
): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  const first = new Map<string, Pair<Scalar<string>>>()
  for (const pair of node.items) {
    const key = String(pair.key.value)
    const below = step(pointer, key)
    const twin = first.get(key)
    if (twin) {
      const line = reading.lines.linePos(twin.key.range?.[0] ?? 0).line
      const message = `key ${JSON.stringify(key)} stands twice in the same mapping, first in line ${line}`
      reading.problems.push(problem('duplicate-key', message, 'Remove one of the two.', at(pair.key, below)))
    }
    first.set(key, twin ?? pair)
    if (key === '<<') {
      reading.problems.push(
        problem(
          'merge-key',
          'merge keys ("<<") are not part of YAML 1.2',
          'Write the keys out, or use an alias for a whole value.',
          at(pair.key, below),
        ),
      )
      // Merged all the same, so that what it brings is not also reported as missing.
      const merged = readNode(pair.value, below, depth + 1, reading)
      if (typeof merged === 'object') for (const [name, own] of Object.entries(merged ?? {})) result[name] ??= own
      continue
    }
    const value = readNode(pair.value, below, depth + 1, reading)
    // Plain assignment would set the prototype of the object instead.
    if (key === '__proto__')
      Object.defineProperty(result, key, {value, enumerable: true, configurable: true, writable: true})
    else result[key] = value
  }
  return result
}

function broken(reading: Reading, found: Problem): null {
  reading.problems.push(found)
  reading.broken = true
  return null
}

function problem(rule: string, message: string, hint: string | null, place: InText): Problem {
  return {rule, severity: 'error', message, hint, place}
}

function at(node: Node, pointer: string): InText {
  const [start, end] = node.range ?? [0, 1]
  return {start, end, path: pointer}
}
