// A problem before its place has been looked up. Places are kept as paths into the value, because the syntax tree of a
// file is not kept: it is parsed again for the one file that has something to report.

import type {Severity} from './diagnostic.ts'

export type Problem = {
  readonly rule: string
  readonly severity: Severity
  readonly message: string
  readonly hint: string | null
  readonly place: Place
}

export type Place = InValue | InText

/** In the value of a document: a mapping key, or the value that a JSON pointer (RFC 6901) leads to. */
export type InValue = {readonly document: number; readonly pointer: string; readonly at: 'key' | 'value'}

/** In the text of the file: offsets in UTF-16 units, `end` exclusive. */
export type InText = {readonly start: number; readonly end: number; readonly path: string}

/** Appends a step to a JSON pointer. */
export function step(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** The steps of a JSON pointer. */
export function steps(pointer: string): string[] {
  if (pointer === '') return []
  return pointer
    .slice(1)
    .split('/')
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** Finds what a JSON pointer leads to in a value; undefined when it leads nowhere. */
export function valueAt(value: unknown, pointer: string): unknown {
  let current = value
  for (const key of steps(pointer)) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, key)) return undefined
    current = (current as Record<string, unknown>)[key]
  }
  return current
}
