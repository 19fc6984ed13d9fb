// certs import: a certificate that somebody else has made goes into the vault, with its key.

import {readFile} from 'node:fs/promises'
import {resolve} from 'node:path'
import {AppError, EXIT, type ExitCode, messageOf} from '../base/errors.ts'
import {askDaemonOrVault} from './certs.ts'
import type {Call} from './verb.ts'

/** Imports --cert and --key; a daemon serves it at once. */
export async function certsImport(call: Call): Promise<ExitCode> {
  const cert = await read(call, 'cert')
  const key = await read(call, 'key')
  const row = await askDaemonOrVault(
    call,
    client => client.importCert({cert, key}),
    certificates => certificates.import(cert, key),
  )
  call.terminal.out(
    call.format === 'json'
      ? JSON.stringify(row, null, 2)
      : `imported ${row.id} for ${row.names.join(', ')}, good until ${row.notAfter}; nobody renews it but you`,
  )
  return EXIT.ok
}

// ---

async function read(call: Call, flag: 'cert' | 'key'): Promise<string> {
  const path = call.values(flag).at(-1)
  if (path === undefined) throw new AppError(`'certs import' needs --${flag} FILE`)
  try {
    return await readFile(resolve(call.terminal.cwd, path), 'utf8')
  } catch (error) {
    throw new AppError(`--${flag}: ${messageOf(error)}`)
  }
}
