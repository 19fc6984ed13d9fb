// Keys on disk, each file sealed (seal.ts), below state/vault:
//
//   vault/<kind>/<name>.sealed   one thing each; what must fit together lies in one file
//   vault/scrypt.json            how a passphrase is stretched; no secret
//   vault/rekey.json             while the key is being changed (rekey.ts)
//
// Nothing is ever there unsealed, not even for a moment: what is renamed into place was sealed before it was written.

import {chmod, readFile} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import {AppError, messageOf} from '../../base/errors.ts'
import {createFolder, readTextIfExists, writeAtomic} from '../../base/files.ts'
import {settledValue, settleEach} from '../../base/settle.ts'
import {beginTransition, joinTransition, type Transition} from './rekey.ts'
import {keyIdOf, seal, unseal} from './seal.ts'
import {fileOf, readIfThere, removeAbandoned, removeDurably, sealedFiles} from './vault-files.ts'
import {deriveKey, type GivenKey, newStretching, parseStretching, readKey, type VaultKey} from './vault-key.ts'

export type Vault = {
  /** The content, or null when there is none; throws AppError that names the file when it cannot be opened. */
  read(kind: string, name: string): Promise<Buffer | null>
  /** Resolves when it is on the disk, whole. */
  write(kind: string, name: string, content: Uint8Array): Promise<void>
  /** Writes several, each as `write` does and whatever becomes of the others; what became of each, in their order. */
  writeEach(kind: string, things: readonly Thing[]): Promise<PromiseSettledResult<void>[]>
  /** Names of what there is, whether it can be opened or not. */
  list(kind: string): Promise<string[]>
  remove(kind: string, name: string): Promise<void>
  /** Where a thing lies; for people. */
  pathOf(kind: string, name: string): string
  /** Seals everything with another key. Until `finishRekey`, or until it is opened with the new one, both keys open it. */
  rekey(key: KeyText): Promise<Rekeyed>
  /** From now on only the new key opens it; call it when the new key is where the next start looks for it. */
  finishRekey(): Promise<void>
  keyId(): string
}

/** Of one batch no two have the same name. */
export type Thing = {readonly name: string; readonly content: Uint8Array}

/** A key as an operator gives it, and where it was read, for messages. */
export type KeyText = {readonly bytes: Uint8Array; readonly from: string}

export type Rekeyed = {
  readonly rewritten: number
  /** Files that neither key opens; they are left as they are. */
  readonly left: readonly string[]
}

/** What writes and removes; tests give one that stops in the middle. */
export type Disk = {readonly write: typeof writeAtomic; readonly remove: (path: string) => Promise<void>}

const STRETCHING = 'scrypt.json'
const TRANSITION = 'rekey.json'
/** Files written at a time: most of the time is spent in waiting for the disk, which takes many at once. */
const PARALLEL = 16
const DISK: Disk = {write: writeAtomic, remove: removeDurably}

/** Opens or makes a vault. Throws AppError when the key is unfit, or is not the one that its files were sealed with. */
export async function openVault({
  folder,
  key: given,
  disk = DISK,
}: {
  readonly folder: string
  readonly key: KeyText
  readonly disk?: Disk
}): Promise<Vault> {
  const parsed = readKey(given.bytes, given.from)
  await createFolder(folder, 0o700)
  await chmod(folder, 0o700)
  await removeAbandoned(folder)
  const transitionPath = join(folder, TRANSITION)
  let key = await derive(folder, parsed, disk, await hasSealedFiles(folder))
  let transition: Transition | null = await readTransition(transitionPath, key)
  let last: Promise<unknown> = Promise.resolve()

  const keys = () => (transition === null ? [key] : [transition.to, transition.from])
  const pathOf = (kind: string, name: string) => join(folder, fileOf(kind, name))

  // What changes files goes one after the other: a file that is being sealed anew must not undo a write.
  function alone<T>(work: () => Promise<T>): Promise<T> {
    const run = last.then(work, work)
    last = run.catch(() => {})
    return run
  }

  function writeEach(kind: string, things: readonly Thing[]): Promise<PromiseSettledResult<void>[]> {
    return alone(() =>
      settleEach(things, PARALLEL, async ({name, content}) => {
        const path = pathOf(kind, name)
        await createFolder(dirname(path), 0o700)
        await disk.write(path, seal(keys()[0] ?? key, kind, name, content), 0o600)
      }),
    )
  }

  async function rewrite({to}: Transition): Promise<Rekeyed> {
    const left: string[] = []
    let rewritten = 0
    for (const {kind, name, path} of await sealedFiles(folder)) {
      const file = await readFile(path)
      const opened = unseal(keys(), kind, name, file)
      if (opened.kind !== 'content') left.push(path)
      else if (keyIdOf(file) !== to.id) {
        await disk.write(path, seal(to, kind, name, opened.content), 0o600)
        rewritten++
      }
    }
    return {rewritten, left}
  }

  async function finish(): Promise<void> {
    if (transition === null) return
    const {to} = transition
    await disk.remove(transitionPath)
    key = to
    transition = null
  }

  const vault: Vault = {
    async read(kind, name) {
      const path = pathOf(kind, name)
      const file = await readIfThere(path)
      if (file === null) return null
      const opened = unseal(keys(), kind, name, file)
      if (opened.kind === 'content') return opened.content
      if (opened.kind === 'other-key') throw otherKey(path, opened.id, key.id)
      throw new AppError(`${path} cannot be opened: ${opened.why}`, {
        hint: 'bring it back from a backup, or remove it and have it made anew',
      })
    },
    write: async (kind, name, content) => settledValue((await writeEach(kind, [{name, content}]))[0]),
    writeEach,
    async list(kind) {
      return (await sealedFiles(folder, kind)).map(({name}) => name)
    },
    remove: (kind, name) =>
      alone(async () => {
        const path = pathOf(kind, name)
        if ((await readIfThere(path)) !== null) await disk.remove(path)
      }),
    pathOf,
    rekey: next =>
      alone(async () => {
        const to = await derive(folder, readKey(next.bytes, next.from), disk, false)
        if (to.id === key.id) throw new AppError(`${next.from} is the key of the vault already`)
        if (transition !== null && transition.to.id !== to.id) throw underWay(transition)
        if (transition === null) {
          const begun = beginTransition(key, to)
          await disk.write(transitionPath, begun.text, 0o600)
          transition = begun.transition
        }
        return rewrite(transition)
      }),
    finishRekey: () => alone(finish),
    keyId: () => key.id,
  }

  if (transition === null) await checkKey(folder, key)
  else if (transition.to.id === key.id) {
    // The new key is what the next start will be given too; a change that was cut off is brought to its end.
    await rewrite(transition)
    await finish()
  }
  return vault
}

/** Whether there is anything in a vault that a key is needed for. */
export async function hasSealedFiles(folder: string): Promise<boolean> {
  return (await sealedFiles(folder)).length > 0
}

// ---

async function derive(folder: string, given: GivenKey, disk: Disk, isInUse: boolean): Promise<VaultKey> {
  if (given.kind === 'raw') return deriveKey(given, null)
  const path = join(folder, STRETCHING)
  const text = await readTextIfExists(path)
  if (text !== null) return deriveKey(given, readStretching(path, text))
  if (isInUse) {
    throw new AppError(`${path} is missing, and without it a passphrase does not open what lies in ${folder}`, {
      hint: 'bring it back from a backup; it is no secret',
    })
  }
  const stretching = newStretching()
  await disk.write(path, `${JSON.stringify(stretching)}\n`, 0o600)
  return deriveKey(given, stretching)
}

function readStretching(path: string, text: string): ReturnType<typeof parseStretching> {
  try {
    return parseStretching(text)
  } catch (error) {
    throw new AppError(`${path} cannot be used: ${messageOf(error)}`, {hint: 'bring it back from a backup'})
  }
}

async function readTransition(path: string, key: VaultKey): Promise<Transition | null> {
  const text = await readTextIfExists(path)
  if (text === null) return null
  try {
    return await joinTransition(text, key)
  } catch (error) {
    throw new AppError(`${path} cannot be used: ${messageOf(error)}`, {
      hint: 'give the key from before the change, or the one after it',
    })
  }
}

// A wrong key is found here and not when the first thing was written with it.
async function checkKey(folder: string, key: VaultKey): Promise<void> {
  let other: {path: string; id: string} | null = null
  for (const {kind, name, path} of await sealedFiles(folder)) {
    const opened = unseal([key], kind, name, await readFile(path))
    if (opened.kind === 'content') return
    if (opened.kind === 'other-key') other ??= {path, id: opened.id}
  }
  if (other !== null) throw otherKey(other.path, other.id, key.id)
}

function otherKey(path: string, id: string, own: string): AppError {
  return new AppError(`${path} was sealed with the key ${id}, and the key given is ${own}`, {
    hint: 'vault.key in routesd.yaml names the key',
  })
}

function underWay({to}: Transition): AppError {
  return new AppError(`the key is being changed to ${to.id} already`, {
    hint: 'set vault.key to that one and start routesd with it, or repeat --new-key with it',
  })
}
