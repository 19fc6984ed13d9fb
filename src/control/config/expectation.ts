// What a schema wants, in words: "a duration", "one of json, logfmt", "off or a whole number".

import {loadSchema, resolveSchema, type Schema} from './schema-files.ts'

/** A noun phrase for the values that a schema accepts. */
export function describe(schema: Schema): string {
  const resolved = resolveSchema(schema)
  if (resolved.anyOf && !resolved.properties) return joinOr(unique(resolved.anyOf.map(describe)))
  if (resolved.const !== undefined) return String(resolved.const)
  if (resolved.enum) return joinOr(unique(resolved.enum.filter(word => word !== false).map(String)))
  const types = typesOf(resolved)
  if (types.includes('object') && !types.includes('array')) return 'a mapping'
  if (types.length === 1 && types[0] === 'array') return 'a list'
  if (types[0] === 'boolean') return 'true or false'
  if (types[0] === 'integer') return 'a whole number'
  if (types[0] === 'null') return 'null'
  if (resolved.title && types[0] === 'string' && isWord(resolved)) return withArticle(resolved.title)
  return types[0] === 'string' ? 'a text' : 'another value'
}

/** One or two values that a schema accepts, as YAML, or null when it gives none. */
export function exampleOf(schema: Schema): string | null {
  const resolved = resolveSchema(schema)
  const branch = resolved.anyOf?.map(resolveSchema).find(entry => entry.examples)
  const examples = (schema.examples ?? resolved.examples ?? branch?.examples ?? []).filter(isShort).slice(0, 2)
  return examples.length === 0 ? null : examples.map(example => JSON.stringify(example)).join(' or ')
}

/** What a value is, for "…, not …". */
export function nameValue(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  const short = text.length > 60 ? `${text.slice(0, 57)}…"` : text
  return typeof value === 'string'
    ? short
    : `the ${typeof value === 'number' ? 'number ' : ''}${short}`.replace(/^the (true|false)/, '$1')
}

/** Whether the title of a schema names the kind of value ('Duration'), not the property ('To'). */
export function isWord(schema: Schema): boolean {
  if (schema.description === undefined) return true
  return Object.values(loadSchema('defs').$defs ?? {}).some(word => word.title === schema.title)
}

/** Types that a schema without branches accepts. */
export function typesOf(schema: Schema): readonly string[] {
  if (schema.type === undefined) return schema.properties ? ['object'] : []
  return typeof schema.type === 'string' ? [schema.type] : schema.type
}

// ---

function withArticle(title: string): string {
  const noun = /^[A-Z][^A-Z]/.test(title) ? (title[0] ?? '').toLowerCase() + title.slice(1) : title
  return `${/^[aeio]/.test(noun) ? 'an' : 'a'} ${noun}`
}

function joinOr(words: readonly string[]): string {
  const last = words.at(-1) ?? ''
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} or ${last}`
}

function unique(words: readonly string[]): string[] {
  return [...new Set(words)]
}

function isShort(example: unknown): boolean {
  return JSON.stringify(example).length <= 80
}
