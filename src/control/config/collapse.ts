// One mistake, one error. A validator reports each branch of an anyOf, the inner errors of key names, and a missing key
// beside the misspelt one; this keeps the error that a person would have named.
// It relies on two habits of our schemas: a node with an anyOf of values has nothing else that can fail, and a oneOf or
// anyOf of bare `required`s means "one of these keys".

import type {ErrorObject} from 'ajv/dist/2020.js'
import {mappingOf, resolveSchema, type Schema} from './schema-files.ts'
import {nearest} from './suggest.ts'

/** The errors worth showing. */
export function collapse(errors: readonly ErrorObject[]): ErrorObject[] {
  let kept = errors.filter(
    error => error.keyword !== 'if' && (error.propertyName === undefined || error.keyword === 'propertyNames'),
  )
  // Outer choices first: what they drop need not be looked at again.
  const choices = kept.filter(isChoiceOfValues).sort((a, b) => a.instancePath.length - b.instancePath.length)
  for (const choice of choices) if (kept.includes(choice)) kept = chooseBranch(choice, kept)
  kept = kept.filter(error => !isRequiredOfChoice(error))
  kept = kept.filter(error => !isMisspelt(error, kept))
  kept = kept.filter(error => !isBesideTheMistake(error, kept))
  return oneAPlace(kept)
}

/** The keys of a oneOf or anyOf that only says "one of these keys", or null. */
export function keysOfChoice(error: ErrorObject): string[] | null {
  if (error.keyword !== 'oneOf' && error.keyword !== 'anyOf') return null
  const branches = error.schema as readonly Schema[]
  const keys = branches.flatMap(branch => (Object.keys(branch).join() === 'required' ? (branch.required ?? []) : []))
  return keys.length === branches.length ? [...keys] : null
}

// ---

const MAPPING_KEYWORDS = new Set([
  'required',
  'additionalProperties',
  'minProperties',
  'maxProperties',
  'propertyNames',
  'dependentRequired',
])

function isChoiceOfValues(error: ErrorObject): boolean {
  return error.keyword === 'anyOf' && keysOfChoice(error) === null
}

/** Follows the branch that the value looks like, or keeps the choice as a whole when it looks like none. */
function chooseBranch(choice: ErrorObject, errors: readonly ErrorObject[]): ErrorObject[] {
  const within = (error: ErrorObject) =>
    error !== choice &&
    (error.instancePath === choice.instancePath || error.instancePath.startsWith(`${choice.instancePath}/`))
  const {data} = choice
  const isMapping = typeof data === 'object' && data !== null && !Array.isArray(data)
  const follow =
    isMapping && (choice.schema as readonly Schema[]).some(branch => mappingOf(resolveSchema(branch)) !== null)
  if (!follow) return errors.filter(error => !within(error))
  return errors.filter(
    error =>
      error !== choice &&
      (!within(error) ||
        error.instancePath !== choice.instancePath ||
        MAPPING_KEYWORDS.has(error.keyword) ||
        keysOfChoice(error) !== null),
  )
}

/** `required` of a "one of these keys": the choice itself says it better. */
function isRequiredOfChoice(error: ErrorObject): boolean {
  return error.keyword === 'required' && /\/(oneOf|anyOf)\/\d+\/required$/.test(error.schemaPath)
}

/** A key is not missing when it stands there misspelt. */
function isMisspelt(error: ErrorObject, errors: readonly ErrorObject[]): boolean {
  const missing = error.keyword === 'required' ? [String(error.params['missingProperty'])] : keysOfChoice(error)
  if (!missing || presentKeys(error, missing).length > 0) return false
  return errors.some(
    other =>
      other.keyword === 'additionalProperties' &&
      other.instancePath === error.instancePath &&
      nearest(String(other.params['additionalProperty']), missing) !== null,
  )
}

/** "Only beside target" is no news where the target itself is missing or misspelt. */
function isBesideTheMistake(error: ErrorObject, errors: readonly ErrorObject[]): boolean {
  if (error.keyword !== 'dependentRequired') return false
  const missing = String(error.params['missingProperty'])
  return errors.some(other => {
    if (other.instancePath !== error.instancePath) return false
    if (other.keyword === 'additionalProperties')
      return nearest(String(other.params['additionalProperty']), [missing]) !== null
    const keys = keysOfChoice(other)
    return keys?.includes(missing) === true && presentKeys(other, keys).length === 0
  })
}

/** Which of the keys the value has. */
export function presentKeys(error: ErrorObject, keys: readonly string[]): string[] {
  const {data} = error
  return keys.filter(key => typeof data === 'object' && data !== null && Object.hasOwn(data, key))
}

/** A value of the wrong type is not also too short; a mapping may well have two wrong keys. */
function oneAPlace(errors: readonly ErrorObject[]): ErrorObject[] {
  const wrongType = new Set(errors.filter(error => error.keyword === 'type').map(error => error.instancePath))
  const seen = new Set<string>()
  return errors.filter(error => {
    if (wrongType.has(error.instancePath) && error.keyword !== 'type') return false
    const aboutKeys = MAPPING_KEYWORDS.has(error.keyword) || keysOfChoice(error) !== null
    const key = aboutKeys
      ? `${error.instancePath} ${error.keyword} ${JSON.stringify(error.params)}`
      : error.instancePath
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}
