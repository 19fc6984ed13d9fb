// The schemas are a public contract: what routesd accepts, any 2020-12 validator must accept, and the other way round.

import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {Validator} from '@cfworker/json-schema'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {generateTypes, TYPES_PATH} from '../../../schemas/generate.ts'
import {parseText} from '../../../src/control/config/documents.ts'
import {checkSchema, type DocumentKind} from '../../../src/control/config/schema.ts'
import {SCHEMA_NAMES, schemaText} from '../../../src/control/config/schema-files.ts'
import {goldenCases} from '../../helpers/golden.ts'

const BASE = 'https://routesd.test/'
const JUNK = [null, true, false, 'off', '', 'junk', -1, 5, 1.5, [], {}, ['a', 'a'], {junk: 1}] as const

test('every key of the design has its place in the file schema', () => {
  assert.equal(checkSchema('file', read('everything.yaml'), 0), [])
})

test('every key of the design has its place in the settings schema', () => {
  assert.equal(checkSchema('settings', read('everything-settings.yaml'), 0), [])
})

test('the examples of every schema are valid where they stand', () => {
  let seen = 0
  for (const name of SCHEMA_NAMES) {
    for (const {schema, pointer} of nodesOf(JSON.parse(schemaText(name)), '')) {
      const validator = stock(name, pointer)
      for (const example of [...(schema.examples ?? []), ...('default' in schema ? [schema.default] : [])]) {
        seen++
        assert.ok(validator.validate(example).valid, `${name}${pointer}: ${JSON.stringify(example)}`)
      }
    }
  }
  assert.ok(seen > 400, `${seen} examples and defaults`)
})

test('every property has a title, a description and an example', () => {
  for (const name of SCHEMA_NAMES) {
    for (const {schema, pointer} of nodesOf(JSON.parse(schemaText(name)), '')) {
      if (!/\/properties\/[^/]+$/.test(pointer) || /\/(if|then|dependentSchemas)\//.test(pointer)) continue
      const whole = schema.title && schema.description && schema.examples
      assert.ok(whole, `${name}${pointer}`)
    }
  }
})

test('every mapping of fixed keys refuses others, by words that old editors know too', () => {
  for (const name of SCHEMA_NAMES) {
    const text = schemaText(name)
    assert.not.match(text, /"unevaluated|"prefixItems"|"\$dynamicRef"/)
    for (const {schema, pointer} of nodesOf(JSON.parse(text), '')) {
      if (!schema.properties || /\/(then|if|dependentSchemas\/\w+)$/.test(pointer)) continue
      assert.is(schema.additionalProperties, false, `${name}${pointer}`)
    }
  }
})

for (const [kind, file] of [
  ['file', 'everything.yaml'],
  ['settings', 'everything-settings.yaml'],
] as const) {
  test(`a stock validator and ours agree on every small change to ${file}`, () => {
    const validator = stock(kind, '')
    const verdicts = {accepted: 0, refused: 0}
    for (const [pointer, changed] of changesOf(read(file))) {
      const ours = checkSchema(kind, changed, 0).length === 0
      assert.is(validator.validate(changed).valid, ours, pointer)
      verdicts[ours ? 'accepted' : 'refused']++
    }
    assert.ok(verdicts.accepted > 50 && verdicts.refused > 500, JSON.stringify(verdicts))
  })
}

test('a stock validator and ours agree on every document of the golden files', () => {
  const validator = stock('file', '')
  let documents = 0
  for (const {name, files} of goldenCases('diagnostics')) {
    for (const {bytes} of files) {
      for (const value of parseText(new TextDecoder().decode(bytes)).values) {
        documents++
        assert.is(validator.validate(value).valid, checkSchema('file', value, 0).length === 0, name)
      }
    }
  }
  assert.ok(documents > 60, `${documents} documents`)
})

test('the generated types are not stale', async () => {
  assert.is(readFileSync(TYPES_PATH, 'utf8'), await generateTypes(), 'run `npm run generate`')
})

test.run()

// ---

type Node = {
  readonly title?: string
  readonly description?: string
  readonly examples?: readonly unknown[]
  readonly default?: unknown
  readonly properties?: unknown
  readonly additionalProperties?: unknown
}

function read(file: string): unknown {
  const parsed = parseText(readFileSync(join(import.meta.dirname, file), 'utf8'))
  assert.equal(parsed.problems, [])
  return parsed.values[0]
}

/** A validator that knows nothing of routesd, for a schema or a part of it. */
function stock(name: DocumentKind | (typeof SCHEMA_NAMES)[number], pointer: string): Validator {
  const root = pointer === '' ? {$ref: `${BASE}${name}.schema.json`} : {$ref: `${BASE}${name}.schema.json#${pointer}`}
  const validator = new Validator({$id: `${BASE}root`, ...root}, '2020-12')
  for (const other of SCHEMA_NAMES)
    validator.addSchema({...JSON.parse(schemaText(other)), $id: `${BASE}${other}.schema.json`})
  return validator
}

/** Every schema within a schema: names of properties and definitions are not keywords. */
function* nodesOf(schema: unknown, pointer: string): Generator<{schema: Node; pointer: string}> {
  if (typeof schema !== 'object' || schema === null) return
  yield {schema, pointer}
  for (const [key, value] of Object.entries(schema)) {
    if (['properties', '$defs', 'dependentSchemas'].includes(key)) {
      for (const [name, inner] of Object.entries(value as object)) yield* nodesOf(inner, `${pointer}/${key}/${name}`)
    } else if (['items', 'if', 'then', 'else', 'additionalProperties', 'propertyNames'].includes(key)) {
      yield* nodesOf(value, `${pointer}/${key}`)
    } else if (['anyOf', 'oneOf'].includes(key)) {
      for (const [index, inner] of (value as unknown[]).entries()) yield* nodesOf(inner, `${pointer}/${key}/${index}`)
    }
  }
}

/** The document with each of its parts removed, renamed or replaced by junk, one at a time. */
function* changesOf(document: unknown): Generator<[string, unknown]> {
  for (const path of pathsOf(document, [])) {
    const key = path.at(-1)
    if (key === undefined) continue
    for (const junk of JUNK)
      yield [`${path.join('/')} = ${JSON.stringify(junk)}`, changed(document, path, at => set(at, key, junk))]
    yield [`${path.join('/')} removed`, changed(document, path, at => remove(at, key))]
    yield [`${path.join('/')} joined`, changed(document, path, at => set(at, `${key}x`, 1))]
  }
}

type Parent = Record<string, unknown> | unknown[]

function* pathsOf(value: unknown, path: readonly string[]): Generator<readonly string[]> {
  yield path
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) yield* pathsOf(inner, [...path, key])
}

function changed(document: unknown, path: readonly string[], change: (parent: Parent) => void): unknown {
  const copy = structuredClone(document)
  let parent = copy as Parent
  for (const key of path.slice(0, -1)) parent = (parent as Record<string, unknown>)[key] as Parent
  change(parent)
  return copy
}

function set(parent: Parent, key: string, value: unknown): void {
  if (Array.isArray(parent)) parent[Number.parseInt(key, 10)] = value
  else parent[key] = value
}

function remove(parent: Parent, key: string): void {
  if (Array.isArray(parent)) parent.splice(Number(key), 1)
  else delete parent[key]
}
