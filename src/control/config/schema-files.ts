// The schemas folder at run time: the text that `config schema` prints, and the parsed form that validation, defaults and
// messages read. A '#/…' reference is rewritten to 'name.schema.json#/…' on loading, so that any reference can be followed
// without knowing which file it stood in.

import {readFileSync} from 'node:fs'

export const SCHEMA_NAMES = ['file', 'route', 'host', 'service', 'test', 'settings', 'defs'] as const
export type SchemaName = (typeof SCHEMA_NAMES)[number]

/** As much of a JSON Schema as messages and defaults look at. */
export type Schema = {
  readonly $ref?: string
  readonly title?: string
  readonly description?: string
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly pattern?: string
  readonly $defs?: Readonly<Record<string, Schema>>
}

/** The text of schemas/NAME.schema.json as it lies on disk. */
export function schemaText(name: SchemaName): string {
  return readFileSync(new URL(`../../../schemas/${name}.schema.json`, import.meta.url), 'utf8')
}

/** The parsed schema; read once. */
export function loadSchema(name: SchemaName): Schema {
  const known = loaded.get(name)
  if (known) return known
  const schema = JSON.parse(schemaText(name), (key, value: unknown) =>
    key === '$ref' && typeof value === 'string' && value.startsWith('#') ? `${name}.schema.json${value}` : value,
  ) as Schema
  loaded.set(name, schema)
  return schema
}

/** The schema itself, or the one that its $ref leads to. */
export function resolveSchema(schema: Schema): Schema {
  const match = /^(\w+)\.schema\.json(?:#\/\$defs\/(\w+))?$/.exec(schema.$ref ?? '')
  if (!match) return schema
  const file = loadSchema(match[1] as SchemaName)
  const target = match[2] === undefined ? file : file.$defs?.[match[2]]
  if (!target) throw new Error(`schema reference ${schema.$ref} leads nowhere`)
  return resolveSchema(target)
}

/** The branch of a schema that describes mappings, or null: for 'off | {…}' it is '{…}'. */
export function mappingOf(schema: Schema): Schema | null {
  const resolved = resolveSchema(schema)
  if (resolved.properties) return resolved
  for (const branch of resolved.anyOf ?? []) {
    const found = mappingOf(branch)
    if (found) return found
  }
  return null
}

// ---

/** At most one entry per name. */
const loaded = new Map<SchemaName, Schema>()
