// Everything that a file decides by itself: what it says and what is wrong with it. Plain data, so that it can be kept by the
// hash of the file, and made by another thread.

import {checkEntry, type Facts, factsOf, fieldOf, NAMED_BY} from './check-entry.ts'
import type {Diagnostic} from './diagnostic.ts'
import {parseText} from './documents.ts'
import {type Entry, entriesOf} from './entries.ts'
import {locateProblems} from './locate.ts'
import type {Problem} from './problem.ts'
import {checkSchema} from './schema.ts'
import {readSimpleRoutes} from './simple-routes.ts'
import {checkSupported} from './supported.ts'

/** What one broken file may report; what is beyond is counted. */
const FILE_DIAGNOSTICS_MAX = 100

export type CheckedFile = {
  readonly entries: readonly {readonly entry: Entry; readonly valid: boolean; readonly facts: Facts}[]
  readonly diagnostics: readonly Diagnostic[]
  readonly complete: boolean
}

/** Parses and checks one file. Diagnostics have no file name yet: two files may hold the same bytes. */
export function checkFile(text: string): CheckedFile {
  return checkSimpleFile(text) ?? checkWithPlaces(text)
}

/** A list of flat routes in which nothing is wrong; null for every other file. */
export function checkSimpleFile(text: string): CheckedFile | null {
  const routes = readSimpleRoutes(text)
  if (routes === null) return null
  const values = routes.map(({value}) => value)
  if (checkSchema('file', values, 0).length > 0) return null
  const entries: CheckedFile['entries'][number][] = []
  for (const [index, {value, line}] of routes.entries()) {
    const entry: Entry = {kind: 'route', value, line, document: 0, pointer: `/${index}`}
    const {kind, document, pointer} = entry
    if (checkEntry(entry).length > 0 || checkSupported(kind, value, document, pointer).length > 0) return null
    entries.push({entry, valid: true, facts: factsOf(entry)})
  }
  return {entries, diagnostics: [], complete: true}
}

// ---

function checkWithPlaces(text: string): CheckedFile {
  const parsed = parseText(text)
  const problems: Problem[] = [...parsed.problems]
  // A value that could not be read is not also a wrong value.
  const unread = new Set(parsed.problems.map(pathOf))
  for (const [document, value] of parsed.values.entries()) {
    problems.push(...checkSchema('file', value, document).filter(problem => !unread.has(pathOf(problem))))
  }
  const broken = new Set(problems.map(entryOf))
  const entries = entriesOf(parsed).map(entry => {
    const valid = !broken.has(`${entry.document} ${entry.pointer}`)
    const facts = factsOf(
      valid ? entry : {...entry, value: {[NAMED_BY[entry.kind]]: fieldOf(entry.value, NAMED_BY[entry.kind])}},
    )
    return {entry, valid, facts}
  })
  for (const {entry, valid} of entries) {
    if (!valid) continue
    problems.push(...checkEntry(entry), ...checkSupported(entry.kind, entry.value, entry.document, entry.pointer))
  }
  const shown = problems.slice(0, FILE_DIAGNOSTICS_MAX)
  const diagnostics = locateProblems(shown, '', text, parsed)
  const last = diagnostics.at(-1)
  if (last && shown.length < problems.length) {
    const message = `and ${problems.length - shown.length} more problems in this file`
    diagnostics.push({...last, rule: 'too-many-problems', path: '', message, hint: null, excerpt: null})
  }
  return {entries, diagnostics, complete: parsed.complete}
}

function pathOf({place}: Problem): string {
  return 'pointer' in place ? place.pointer : place.path
}

/** Which entry a problem lies in: "document /routes/3", "document /3" or "document ". */
function entryOf({place}: Problem): string {
  if (!('document' in place)) return ''
  const match = /^(\/(routes|hosts|services|tests))?\/\d+(?=\/|$)/.exec(place.pointer)
  return `${place.document} ${match?.[0] ?? ''}`
}
