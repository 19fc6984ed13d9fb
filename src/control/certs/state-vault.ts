// The vault of a state folder, and where the key to it comes from: the settings, or a key file that is made for it.

import {rename} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import {AppError} from '../../base/errors.ts'
import {syncFolder, writeAtomic} from '../../base/files.ts'
import {createKeyFile, defaultKeyPath, readKeyFile, removeHalfMade} from './key-file.ts'
import {hasSealedFiles, type KeyText, openVault, type Rekeyed, type Vault} from './vault.ts'
import {generateKey} from './vault-key.ts'

export type StateVault = {
  open(): Promise<Vault>
  /** Whether there is anything in it. */
  isInUse(): Promise<boolean>
  /**
   * Seals everything with another key; null: with a new one that takes the place of the key file. `next` is what is left to
   * do for the operator, '' for nothing.
   */
  rekey(vault: Vault, key: KeyText | null): Promise<Rekeyed & {readonly next: string}>
}

/** `readKey` is null where the settings name no key. */
export function stateVault({
  state,
  readKey,
  env,
}: {
  readonly state: string
  readonly readKey: (() => Promise<KeyText>) | null
  readonly env: NodeJS.ProcessEnv
}): StateVault {
  const folder = join(state, 'vault')
  const path = defaultKeyPath(env)

  async function findKey(): Promise<KeyText> {
    if (readKey !== null) return readKey()
    await removeHalfMade(path)
    const there = await readKeyFile(path)
    if (there !== null) return {bytes: there, from: path}
    if (await hasSealedFiles(folder)) {
      throw new AppError(`there is no vault key at ${path}, and ${folder} was sealed with one`, {
        hint: 'bring it back, or name it with vault.key in routesd.yaml',
      })
    }
    return {bytes: await createKeyFile(path, state), from: path}
  }

  // The new key lies beside the old one until everything is sealed with it: a change that was cut off goes on with it.
  async function replaceKeyFile(vault: Vault): Promise<Rekeyed> {
    const waiting = `${path}.new`
    const begun = await readKeyFile(waiting)
    const bytes = begun ?? Buffer.from(generateKey())
    if (begun === null) await writeAtomic(waiting, bytes, 0o600)
    const outcome = await vault.rekey({bytes, from: waiting})
    await rename(waiting, path)
    await syncFolder(dirname(path))
    await vault.finishRekey()
    return outcome
  }

  return {
    open: async () => openVault({folder, key: await findKey()}),
    isInUse: () => hasSealedFiles(folder),
    async rekey(vault, key) {
      if (key !== null) {
        const outcome = await vault.rekey(key)
        return {
          ...outcome,
          next: `set vault.key in routesd.yaml to ${key.from} and restart; until then both keys open the vault`,
        }
      }
      if (readKey !== null) throw new AppError('vault.key names the key: say with --new-key which one comes after it')
      return {...(await replaceKeyFile(vault)), next: ''}
    },
  }
}
