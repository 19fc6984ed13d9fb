// certs rekey: everything in the vault is sealed with another key. It may be interrupted at any moment, and asked for again.

import {resolve} from 'node:path'
import {AppError, EXIT, type ExitCode, messageOf} from '../base/errors.ts'
import {nameOfSecret, readSecretBytes, type SecretReference} from '../base/secret.ts'
import {askDaemonOrVault} from './certs.ts'
import type {Call} from './verb.ts'

/** With --new-key, or with a new key in the place of the key file that routesd has made. */
export async function certsRekey(call: Call): Promise<ExitCode> {
  const key = await readNewKey(call)
  const {rewritten, left, next} = await askDaemonOrVault(
    call,
    client => client.rekey({key: key?.bytes.toString('base64') ?? null, from: key?.from ?? ''}),
    certificates => certificates.withVault(opened => certificates.vault.rekey(opened, key)),
  )
  for (const path of left) call.terminal.err(`${path} could not be opened, and is as it was`)
  if (call.format === 'json') call.terminal.out(JSON.stringify({rewritten, left, next}, null, 2))
  else call.terminal.out([`sealed anew: ${rewritten}`, ...(next === '' ? [] : [next])].join('\n'))
  return left.length === 0 ? EXIT.ok : EXIT.findings
}

// ---

async function readNewKey(call: Call): Promise<{bytes: Buffer; from: string} | null> {
  const given = call.values('new-key').at(-1)
  if (given === undefined) return null
  const [, kind, name] = /^(env|credential):(.+)$/.exec(given) ?? []
  const secret: SecretReference = kind === undefined ? {file: resolve(call.terminal.cwd, given)} : {[kind]: name}
  try {
    return {bytes: await readSecretBytes(secret, call.terminal.cwd), from: nameOfSecret(secret)}
  } catch (error) {
    throw new AppError(`--new-key: ${messageOf(error)}`)
  }
}
