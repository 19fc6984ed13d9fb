// JSON Schema validation: values → problems. ajv says everything that is wrong with every branch; collapse.ts and
// wording.ts make one problem of each mistake.

import {Ajv2020, type ValidateFunction} from 'ajv/dist/2020.js'
import {collapse} from './collapse.ts'
import type {Problem} from './problem.ts'
import {loadSchema, SCHEMA_NAMES} from './schema-files.ts'
import {wordError} from './wording.ts'

export type DocumentKind = 'file' | 'settings'

/** Checks the value of a document against schemas/file or schemas/settings. `document` goes into the places. */
export function checkSchema(kind: DocumentKind, value: unknown, document: number): Problem[] {
  const validate = validatorFor(kind)
  if (validate(value)) return []
  const errors = validate.errors ?? []
  const worthShowing = collapse(errors)
  // Whatever is found not worth showing, a refused value is never taken for a valid one.
  return (worthShowing.length > 0 ? worthShowing : errors.slice(0, 1)).map(error => wordError(error, document))
}

// ---

let ajv: Ajv2020 | null = null

/** Compiled on first use: verbs that read no configuration do not pay for it. */
function validatorFor(kind: DocumentKind): ValidateFunction {
  ajv ??= createAjv()
  const validate = ajv.getSchema(`${kind}.schema.json`)
  if (!validate) throw new Error(`no schema called ${kind}`)
  return validate
}

function createAjv(): Ajv2020 {
  // Unions of types and `required` beside `oneOf` are meant; all other strictness stays on. allErrors is safe here
  // because the size of a file is bounded before it is parsed.
  const instance = new Ajv2020({
    strict: true,
    strictTypes: false,
    strictRequired: false,
    allowUnionTypes: true,
    allErrors: true,
    verbose: true,
  })
  for (const name of SCHEMA_NAMES) instance.addSchema(loadSchema(name), `${name}.schema.json`)
  return instance
}
