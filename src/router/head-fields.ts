// Fields of a head after the edits of a route, as names and values: what the data plane does to bytes, for those who only
// want to know what comes of it.

import type {FieldEdits} from '../snapshot/snapshot.ts'

/** A name, in lower case, and a value. */
export type Field = readonly [name: string, value: string]

/** Fields after remove, set, add and what was missing. */
export function editHead(fields: readonly Field[], edits: FieldEdits | null): Field[] {
  if (edits === null) return [...fields]
  const {drop, append, ifMissing} = edits
  const kept = fields.filter(([name]) => !drop.includes(name))
  const missing = ifMissing.filter(([name]) => !kept.some(field => field[0] === name)).map(([, line]) => line)
  return [...kept, ...readFields([...missing, append].join(''))]
}

/** Field lines, each with its CRLF, as names and values; bytes above 127 are read as the UTF-8 that people wrote. */
export function readFields(lines: string): Field[] {
  return lines
    .split('\r\n')
    .filter(line => line.includes(':'))
    .map(line => {
      const colon = line.indexOf(':')
      const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')
      return [line.slice(0, colon).toLowerCase(), Buffer.from(value, 'latin1').toString('utf8')]
    })
}

/** Every value of a field in one (RFC 9110 §5.3); null when it is not there. */
export function fieldValue(fields: readonly Field[], name: string): string | null {
  const values = fields.filter(field => field[0] === name.toLowerCase()).map(([, value]) => value)
  return values.length === 0 ? null : values.join(', ')
}
