// The schemas are the source; src/control/config/types.ts is generated from them and checked in.
//
//   node schemas/generate.ts [--check]      --check writes nothing and exits 1 when the file is stale

import {readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {compile, type JSONSchema} from 'json-schema-to-typescript'

const SCHEMAS = ['route', 'host', 'service', 'test', 'settings', 'file', 'defs'] as const
const ROOT_NAMES: Readonly<Record<string, string>> = {settings: 'SettingsDocument'}
export const TYPES_PATH = join(import.meta.dirname, '../src/control/config/types.ts')

type Json = null | boolean | number | string | Json[] | {[key: string]: Json}
type Mapping = {[key: string]: Json}

/** The text of types.ts as the schemas want it. */
export async function generateTypes(): Promise<string> {
  const files = new Map(SCHEMAS.map(name => [name, readSchema(name)]))
  const definitions: Mapping = {}
  for (const [name, schema] of files) {
    const defs = asMapping(schema['$defs'])
    if (name !== 'defs') define(definitions, nameOf(name, null), simplify(schema, name, files))
    for (const [key, def] of Object.entries(defs)) {
      if (isMappingSchema(asMapping(def))) define(definitions, nameOf(name, key), simplify(asMapping(def), name, files))
    }
  }
  const text = await compile({definitions} as JSONSchema, 'Generated', {
    additionalProperties: false,
    bannerComment: '// Generated from schemas/ by `npm run generate`: do not edit.',
    ignoreMinAndMaxItems: true,
    unreachableDefinitions: true,
    style: {singleQuote: true, semi: false, bracketSpacing: false, printWidth: 120, trailingComma: 'all'},
  })
  return tidy(text)
}

if (process.argv[1] === import.meta.filename) await main(process.argv.includes('--check'))

// ---

async function main(checkOnly: boolean): Promise<void> {
  const text = await generateTypes()
  if (text === readTypes()) return
  if (checkOnly) {
    console.error('src/control/config/types.ts is stale: run `npm run generate`')
    process.exitCode = 1
  } else {
    writeFileSync(TYPES_PATH, text)
    console.log('wrote src/control/config/types.ts')
  }
}

function readTypes(): string | null {
  try {
    return readFileSync(TYPES_PATH, 'utf8')
  } catch {
    return null // not there yet: as stale as it can be
  }
}

function readSchema(name: string): Mapping {
  return JSON.parse(readFileSync(join(import.meta.dirname, `${name}.schema.json`), 'utf8')) as Mapping
}

// json-schema-to-typescript knows JSON Schema 4, and gives every title a type of its own. So it gets a schema in which only
// mappings have names, scalars stand where they are used, and what a type cannot say (patterns, bounds, conditions) is gone.
function simplify(schema: Mapping, file: string, files: ReadonlyMap<string, Mapping>): Mapping {
  const reference = schema['$ref']
  if (typeof reference === 'string') {
    const {name, target, file: from} = follow(reference, file, files)
    if (isMappingSchema(target)) return {$ref: `#/definitions/${name}`}
    return {...simplify(target, from, files), ...describe(schema)}
  }
  const branches = branchesOf(schema)
  if (branches) {
    return {...describe(schema), anyOf: flatten(branches.map(branch => simplify(asMapping(branch), file, files)))}
  }
  const result: Mapping = {...describe(schema)}
  if ('const' in schema) result['enum'] = [schema['const'] ?? null]
  if ('enum' in schema) result['enum'] = schema['enum'] ?? []
  if ('type' in schema) result['type'] = schema['type'] ?? null
  if ('required' in schema) result['required'] = schema['required'] ?? []
  if ('items' in schema) result['items'] = simplify(asMapping(schema['items']), file, files)
  if ('properties' in schema) {
    result['type'] = 'object'
    result['additionalProperties'] = false
    result['properties'] = Object.fromEntries(
      Object.entries(asMapping(schema['properties'])).map(([key, property]) => [
        key,
        simplify(asMapping(property), file, files),
      ]),
    )
  } else if (typeof schema['additionalProperties'] === 'object') {
    result['additionalProperties'] = simplify(asMapping(schema['additionalProperties']), file, files)
  }
  return result
}

function branchesOf(schema: Mapping): Json[] | null {
  if (Array.isArray(schema['anyOf']) && !schema['properties']) return schema['anyOf']
  if (schema['if'] && !schema['properties'])
    return [schema['then'] ?? {}, schema['else'] ?? {}].map(branch => asArray(branch))
  return null
}

/** `then: {items}` stands under an `if: {type: array}`. */
function asArray(branch: Json): Json {
  return 'items' in asMapping(branch) ? {...asMapping(branch), type: 'array'} : branch
}

function flatten(branches: readonly Mapping[]): Mapping[] {
  return branches.flatMap(branch => (Array.isArray(branch['anyOf']) ? (branch['anyOf'] as Mapping[]) : [branch]))
}

function describe(schema: Mapping): Mapping {
  return typeof schema['description'] === 'string' ? {description: schema['description']} : {}
}

function follow(reference: string, file: string, files: ReadonlyMap<string, Mapping>) {
  const match = /^(?:(\w+)\.schema\.json)?(?:#\/\$defs\/(\w+))?$/.exec(reference)
  const from = match?.[1] ?? file
  const root = files.get(from)
  const key = match?.[2] ?? null
  const target = key === null ? root : root && asMapping(root['$defs'])[key]
  if (!target) throw new Error(`${file}: ${reference} leads nowhere`)
  return {name: nameOf(from, key), target: asMapping(target), file: from}
}

function isMappingSchema(schema: Mapping): boolean {
  return 'properties' in schema
}

function nameOf(file: string, key: string | null): string {
  if (key === null) return ROOT_NAMES[file] ?? capital(file)
  // Two files may have a section of the same name, and a section may be called like a document.
  return file === 'defs' ? capital(key) : `${capital(file)}${capital(key)}`
}

function define(definitions: Mapping, name: string, schema: Mapping): void {
  if (name in definitions) throw new Error(`two types would be called ${name}`)
  definitions[name] = {...schema, title: name}
}

/** Drops the wrapper around the definitions and the notes that the library adds to each. */
function tidy(text: string): string {
  return text
    .replace(/\n*export interface Generated \{[^}]*\}\n/, '\n')
    .replace(
      / \*\n \* This interface was referenced by `Generated`'s JSON-Schema\n \* via the `definition` "\w+"\.\n/g,
      '',
    )
    .replace(
      /\/\*\*\n \* This interface was referenced by `Generated`'s JSON-Schema\n \* via the `definition` "\w+"\.\n \*\/\n/g,
      '',
    )
    .replace(/\/\*\*\n(\s*)\* ([^\n]*)\n\s*\*\/\n/g, '/** $2 */\n')
    .replace(/\n(?=(\/\*\* .*\n)export |export )/g, '\n\n')
    .replace(/(\*\/)\n\n(export )/g, '$1\n$2')
    .replace(/\n{3,}/g, '\n\n')
}

function capital(word: string): string {
  return (word[0] ?? '').toUpperCase() + word.slice(1)
}

function asMapping(value: Json | undefined): Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
}
