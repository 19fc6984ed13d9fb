// What a value means where it says nothing: every `default` of the schemas, written out. For people (`config dump`) and
// for the settings; routes are completed by the compiler, in numbers.

import {loadSchema, mappingOf, resolveSchema, type Schema, type SchemaName} from './schema-files.ts'

/** A copy of a valid value with every default filled in, in the order of the schema. */
export function fillDefaults(name: SchemaName, value: unknown): unknown {
  return fill(loadSchema(name), value)
}

/** The default of a property, or undefined when it has none. */
export function defaultOf(property: Schema): unknown {
  return property.default ?? resolveSchema(property).default
}

// ---

function fill(schema: Schema, value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = itemsOf(schema)
    return items ? value.map(item => fill(items, item)) : [...value]
  }
  if (typeof value !== 'object' || value === null) return value
  const properties = mappingOf(schema)?.properties
  if (!properties) return structuredClone(value)
  const given = new Map<string, unknown>(Object.entries(value))
  const filled: [string, unknown][] = []
  for (const [key, property] of Object.entries(properties)) {
    const own = given.has(key) ? given.get(key) : structuredClone(defaultOf(property))
    if (own !== undefined) filled.push([key, fill(property, own)])
  }
  return Object.fromEntries(filled)
}

function itemsOf(schema: Schema): Schema | null {
  return resolveSchema(schema).items ?? null
}
