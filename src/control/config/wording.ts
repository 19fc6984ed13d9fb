// One validation error → one problem, in the words of the person who wrote the file.

import type {ErrorObject} from 'ajv/dist/2020.js'
import {normalizeHost, normalizeId, type Refusal, wordRefusal} from '../../base/route-id.ts'
import {keysOfChoice, presentKeys} from './collapse.ts'
import {describe, exampleOf, isWord, nameValue, typesOf} from './expectation.ts'
import {type InValue, type Problem, step, steps} from './problem.ts'
import {reword} from './reword.ts'
import {resolveSchema, type Schema} from './schema-files.ts'
import {nearest} from './suggest.ts'
import {parseTarget} from './target.ts'

/** The problem that an error stands for. */
export function wordError(error: ErrorObject, document: number): Problem {
  const pointer = error.instancePath
  const name = nameOf(pointer)
  const schema = error.parentSchema as Schema
  const here: InValue = {document, pointer, at: 'value'}
  const problem = (rule: string, message: string, hint: string | null = null, place = here): Problem => ({
    rule,
    severity: 'error',
    message,
    hint,
    place,
  })
  const params = error.params as Readonly<Record<string, unknown>>
  switch (error.keyword) {
    case 'additionalProperties': {
      const key = String(params['additionalProperty'])
      const known = Object.keys(schema.properties ?? {})
      const where = name ? `in ${quote(name)}` : `in ${thing(schema)}`
      return problem('unknown-key', `unknown key ${quote(key)} ${where}`, hintForKey(key, known), {
        document,
        pointer: step(pointer, key),
        at: 'key',
      })
    }
    case 'required': {
      const key = String(params['missingProperty'])
      const property = schema.properties?.[key] ?? CONDITIONAL[key]
      const example = property ? exampleOf(property)?.split(' or ')[0] : null
      return problem(
        'missing-key',
        `${quote(key)} is missing ${name ? `in ${quote(name)}` : `in ${thing(schema)}`}`,
        example ? `For example: ${key}: ${example}` : null,
      )
    }
    case 'dependentRequired': {
      const key = String(params['property'])
      const hint = `Move it to the service, or write "target" in the place of the service.`
      return problem(
        'needs-target',
        `${quote(key)} belongs to a service; a route can have it only beside "target"`,
        hint,
        {document, pointer: step(pointer, key), at: 'key'},
      )
    }
    case 'oneOf':
    case 'anyOf': {
      const keys = keysOfChoice(error)
      if (!keys) return wordMismatch(error, name, problem)
      return wordChoice(error, keys, name ? quote(name) : thing(schema), document, problem)
    }
    case 'false schema': {
      const key = steps(pointer).at(-1) ?? ''
      const beside = key === 'port' ? '"type: SRV"' : '"tcp"'
      return problem('conflict', `${quote(name)} does not go together with ${beside}`, 'Remove one of the two.', {
        ...here,
        at: 'key',
      })
    }
    case 'propertyNames': {
      const key = String(params['propertyName'])
      const names = (error.schema ?? {}) as Schema
      const example = exampleOf(names)
      return problem(
        'bad-key',
        `key ${quote(key)} in ${quote(name)} is not ${describe({...resolveSchema(names), type: 'string'})}`,
        example ? `For example: ${example}` : null,
        {document, pointer: step(pointer, key), at: 'key'},
      )
    }
    case 'const':
      if (schema.title === undefined) {
        return problem('conflict', `${quote(name)} does not go together with "rewrite"`, 'Remove one of the two.', {
          ...here,
          at: 'key',
        })
      }
      return wordMismatch(error, name, problem)
    case 'minimum':
    case 'maximum': {
      const bound = error.keyword === 'minimum' ? 'at least' : 'at most'
      return problem(
        'out-of-range',
        `${quote(name)} must be ${bound} ${String(params['limit'])}, not ${String(error.data)}`,
      )
    }
    case 'minItems':
    case 'maxItems': {
      const bound = error.keyword === 'minItems' ? 'at least' : 'at most'
      return problem('out-of-range', `${quote(name)} must have ${bound} ${String(params['limit'])} entries`)
    }
    case 'minLength':
      return problem('bad-value', `${quote(name)} is empty`)
    case 'maxLength':
      return problem('bad-value', `${quote(name)} is longer than ${String(params['limit'])} characters`)
    case 'uniqueItems': {
      const index = Number(params['i'])
      const twice = Array.isArray(error.data) ? nameValue(error.data[index]) : 'an entry'
      return problem('bad-value', `${twice} stands twice in ${quote(name)}`, null, {
        document,
        pointer: step(pointer, Math.max(index, Number(params['j']))),
        at: 'value',
      })
    }
    case 'minProperties':
    case 'maxProperties':
      return problem(
        'bad-value',
        `${quote(name)} must have ${error.keyword === 'minProperties' ? 'at least' : 'exactly'} one of ${list(Object.keys(schema.properties ?? {}))}`,
      )
    case 'pattern':
      return wordPattern(error, schema, name, problem)
    default:
      return wordMismatch(error, name, problem)
  }
}

// ---

/** A `required` inside if/then/else has no properties of its own: health needs a path, discover a port. */
const CONDITIONAL: Readonly<Record<string, Schema>> = {path: {examples: ['/health']}, port: {examples: [8080]}}

type MakeProblem = (rule: string, message: string, hint?: string | null, place?: InValue) => Problem

/** '/routes/3/timeouts/connect' → 'timeouts.connect': the entry is named by the place. */
function nameOf(pointer: string): string {
  const all = steps(pointer)
  const skip = /^\d+$/.test(all[0] ?? '')
    ? 1
    : /^(routes|hosts|services|tests)$/.test(all[0] ?? '') && all.length > 1
      ? 2
      : 0
  return all
    .slice(skip)
    .reduce((text, part) => (/^\d+$/.test(part) && text ? `${text}[${part}]` : text ? `${text}.${part}` : part), '')
}

function thing(schema: Schema): string {
  const title = schema.title ?? 'this mapping'
  return title === 'Settings' ? 'the settings' : `a ${title.toLowerCase()}`
}

function hintForKey(key: string, known: readonly string[]): string | null {
  const meant = nearest(key, known)
  if (meant) return `Did you mean ${quote(meant)}?`
  return known.length > 0 ? `Known keys: ${known.filter(word => word !== '$schema').join(', ')}` : null
}

function wordChoice(
  error: ErrorObject,
  keys: readonly string[],
  name: string,
  document: number,
  problem: MakeProblem,
): Problem {
  const present = presentKeys(error, keys)
  const second = present[1]
  const rule = keys.includes('redirect') || keys.includes('target') ? 'destination' : 'missing-key'
  if (second === undefined) {
    const needs = `${name} needs ${error.keyword === 'oneOf' ? 'exactly' : 'at least'} one of ${list(keys)}`
    return problem(rule, needs, keys.includes('target') ? 'For example: target: "http://10.0.0.1:8080"' : null)
  }
  const place: InValue = {document, pointer: step(error.instancePath, second), at: 'key'}
  return problem(
    rule,
    `${name} has ${list(present, 'and')}, but can have only one of them`,
    `Remove all but one of ${list(present, 'and')}.`,
    place,
  )
}

function wordPattern(error: ErrorObject, schema: Schema, name: string, problem: MakeProblem): Problem {
  const text = String(error.data)
  const refusal = refusalOf(schema.title ?? '', text)
  if (refusal) return problem(refusal.rule, wordRefusal(refusal, text), refusal.hint)
  const meant = reword(schema.title ?? '', text)
  const example = exampleOf(schema)
  const hint = meant ? `Did you mean ${quote(meant)}?` : example ? `For example: ${example}` : null
  const message = isWord(schema)
    ? `must be ${describe(schema)}, not ${nameValue(text)}`
    : `cannot be ${nameValue(text)}`
  return problem('bad-value', `${quote(name)} ${message}`, hint)
}

/** Ids and targets have parsers that know what is wrong with them. */
function refusalOf(title: string, text: string): (Refusal & {rule: string}) | null {
  const parsed =
    title === 'Route id'
      ? normalizeId(text)
      : title === 'Host pattern'
        ? normalizeHost(text)
        : title === 'Target URL'
          ? parseTarget(text)
          : null
  if (!parsed || !('problem' in parsed)) return null
  return {rule: title === 'Target URL' ? 'bad-target' : title === 'Route id' ? 'bad-id' : 'bad-host', ...parsed}
}

/** The value is of another kind than what is wanted. */
function wordMismatch(error: ErrorObject, name: string, problem: MakeProblem): Problem {
  const schema = error.parentSchema as Schema
  const {data} = error as {data: unknown}
  if (name === '' && Array.isArray(schema.type) && schema.type.includes('array')) {
    return problem(
      'wrong-type',
      `a file holds a route, a list of routes, or a mapping with routes, hosts, services or tests; this is ${nameValue(data)}`,
    )
  }
  const subject = name === '' ? thing(schema) : quote(name)
  const wanted = describe(schema)
  const words = wordsOf(schema)
  if (data === null) return problem('wrong-type', `${subject} has no value; it must be ${wanted}`, exampleHint(schema))
  if (typeof data === 'string') {
    const refusal = branchesOf(schema)
      .map(({title}) => refusalOf(title ?? '', data))
      .find(found => found !== null)
    if (refusal) return problem(refusal.rule, wordRefusal(refusal, data), refusal.hint)
  }
  const meant = typeof data === 'string' ? nearest(data, words) : null
  const onlyWords = branchesOf(schema).every(branch => branch.enum !== undefined || branch.const !== undefined)
  const takesText = branchesOf(schema).some(branch => typesOf(branch).includes('string'))
  const rule = onlyWords ? 'unknown-value' : typeof data === 'string' && takesText ? 'bad-value' : 'wrong-type'
  const hint = meant ? `Did you mean ${quote(meant)}?` : hintForType(schema, data)
  return problem(rule, `${subject} must be ${wanted}, not ${nameValue(data)}`, hint)
}

function hintForType(schema: Schema, data: unknown): string | null {
  const branches = branchesOf(schema)
  for (const {title} of branches) {
    const meant = reword(title ?? '', String(data))
    if (meant) return `Did you mean ${quote(meant)}?`
  }
  const takes = (value: boolean) =>
    branches.some(branch => branch.type === 'boolean' || branch.const === value || branch.enum?.includes(value))
  if (typeof data === 'string' && /^(yes|y|on|true)$/i.test(data) && takes(true))
    return 'In YAML 1.2 this is a text; write true.'
  if (typeof data === 'string' && /^(no|n|off|false)$/i.test(data) && takes(false))
    return 'In YAML 1.2 this is a text; write false.'
  if (
    (typeof data === 'number' || typeof data === 'boolean') &&
    branches.some(branch => branch.type === 'string' && new RegExp(branch.pattern ?? '', 'u').test(String(data)))
  ) {
    return `Write ${quote(String(data))} in quotes if this text is meant.`
  }
  return exampleHint(schema)
}

function branchesOf(schema: Schema): Schema[] {
  const resolved = resolveSchema(schema)
  return resolved.anyOf && !resolved.properties ? resolved.anyOf.flatMap(branchesOf) : [resolved]
}

function exampleHint(schema: Schema): string | null {
  const example = exampleOf(schema)
  return example ? `For example: ${example}` : null
}

/** The literal words that a schema accepts. */
function wordsOf(schema: Schema): string[] {
  return branchesOf(schema)
    .flatMap(branch => branch.enum ?? (branch.const === undefined ? [] : [branch.const]))
    .filter(word => typeof word === 'string')
}

function quote(text: string): string {
  return JSON.stringify(text)
}

function list(words: readonly string[], joiner = 'or'): string {
  const quoted = words.map(quote)
  return quoted.length < 2 ? (quoted[0] ?? '') : `${quoted.slice(0, -1).join(', ')} ${joiner} ${quoted.at(-1)}`
}
