// config schema: the JSON Schemas that everything is checked with, for editors and other validators.

import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {SCHEMA_NAMES, schemaText} from '../control/config/schema-files.ts'
import {nearest} from '../control/config/suggest.ts'
import type {Call} from './verb.ts'

export async function configSchema({operands, terminal}: Call): Promise<ExitCode> {
  const wanted = operands[0] ?? 'file'
  const name = SCHEMA_NAMES.find(entry => entry === wanted)
  if (!name) {
    const guess = nearest(wanted, SCHEMA_NAMES)
    throw new AppError(`there is no schema '${wanted}'`, {
      hint: guess ? `did you mean ${guess}?` : `there are ${SCHEMA_NAMES.join(', ')}`,
    })
  }
  terminal.out(schemaText(name).trimEnd())
  return EXIT.ok
}
