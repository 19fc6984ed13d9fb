// Secrets of the settings: they stand somewhere else, and are read when they are needed, so that a new one is noticed.

import {readFile} from 'node:fs/promises'
import {join, resolve} from 'node:path'
import {codeOf, messageOf} from './errors.ts'

export type SecretReference = {
  readonly file?: string | undefined
  readonly env?: string | undefined
  readonly credential?: string | undefined
}

/** The text that a reference stands for, without the line end of a file; throws an Error that says where it was sought. */
export async function readSecret(reference: SecretReference, folder: string): Promise<string> {
  const text = (await readSecretBytes(reference, folder)).toString('utf8')
  const secret = text.replace(/\r?\n$/, '')
  if (secret === '') throw new Error(`${nameOfSecret(reference)} is empty`)
  return secret
}

/** Its bytes as they are, because a key need not be text; throws the same. */
export async function readSecretBytes({file, env, credential}: SecretReference, folder: string): Promise<Buffer> {
  if (env !== undefined) {
    const value = process.env[env]
    if (value === undefined) throw new Error(`the environment has no ${env}`)
    return Buffer.from(value)
  }
  const path = file === undefined ? credentialPath(credential ?? '') : resolve(folder, file)
  return readFile(path).catch((error: unknown) => {
    throw new Error(codeOf(error) === 'ENOENT' ? `there is no ${path}` : messageOf(error))
  })
}

/** What a reference is called in a message. */
export function nameOfSecret({file, env, credential}: SecretReference): string {
  return file ?? env ?? credential ?? 'the secret'
}

/** The file of a systemd credential; systemd.exec(5), LoadCredential=. Throws when there are none. */
export function credentialPath(name: string): string {
  const folder = process.env['CREDENTIALS_DIRECTORY']
  if (folder === undefined)
    throw new Error('there is no $CREDENTIALS_DIRECTORY: systemd gives one with LoadCredential=')
  if (!/^[\w.-]+$/.test(name) || name === '.' || name === '..')
    throw new Error(`${JSON.stringify(name)} is not the name of a credential`)
  return join(folder, name)
}
