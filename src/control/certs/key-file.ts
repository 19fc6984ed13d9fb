// Where the key lies when nobody has named one. It must not lie with what it locks: whoever copies the state folder, or
// commits it, would have copied the key as well.

import {randomBytes} from 'node:crypto'
import {access, link, readdir, readFile, stat, unlink} from 'node:fs/promises'
import {homedir} from 'node:os'
import {basename, dirname, isAbsolute, join, relative} from 'node:path'
import {AppError, codeOf, messageOf} from '../../base/errors.ts'
import {createFolder, syncFolder, writeAtomic} from '../../base/files.ts'
import {generateKey} from './vault-key.ts'

/** $ROUTESD_CONFIG_DIR/vault.key, else /etc/routesd/vault.key for root, else below $XDG_CONFIG_HOME or ~/.config. */
export function defaultKeyPath(env: NodeJS.ProcessEnv, uid: number | undefined = process.getuid?.()): string {
  const own = env['ROUTESD_CONFIG_DIR']
  if (own) return join(own, 'vault.key')
  if (uid === 0) return '/etc/routesd/vault.key'
  // The XDG specification: a value that is not absolute is to be ignored.
  const base = env['XDG_CONFIG_HOME']
  return join(base && isAbsolute(base) ? base : join(homedir(), '.config'), 'routesd', 'vault.key')
}

/** The bytes of a key file, or null when there is none; throws AppError when others may read it too. */
export async function readKeyFile(path: string): Promise<Buffer | null> {
  try {
    const {mode} = await stat(path)
    if ((mode & 0o077) !== 0)
      throw new Error(`its mode is ${(mode & 0o777).toString(8)}, and nobody else may read it: chmod 600`)
    return await readFile(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null
    throw new AppError(`the vault key ${path} cannot be used: ${messageOf(error)}`, {cause: error})
  }
}

/** Makes a key and its file, 0600; throws AppError where it would lie in `state` or in a git work tree. */
export async function createKeyFile(path: string, state: string): Promise<Buffer> {
  if (isBelow(state, path)) throw misplaced(path, `it would lie in the state folder ${state}`)
  const tree = await workTreeOf(dirname(path))
  if (tree !== null) throw misplaced(path, `it would lie in the git work tree ${tree}`)
  const made = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await createFolder(dirname(path), 0o700)
    await writeAtomic(made, generateKey(), 0o600)
    // Of two that make one at the same time both use the first.
    await link(made, path).catch(error => {
      if (codeOf(error) !== 'EEXIST') throw error
    })
    await unlink(made)
    await syncFolder(dirname(path))
    return await readFile(path)
  } catch (error) {
    throw misplaced(path, messageOf(error))
  }
}

/** Removes what a crash has left beside a key file while one was made: keys that nobody knows of. Never throws. */
export async function removeHalfMade(path: string): Promise<void> {
  const [folder, name] = [dirname(path), basename(path)]
  for (const other of await readdir(folder).catch(() => [])) {
    if (!other.startsWith(name) || !HALF_MADE.test(other.slice(name.length))) continue
    const half = join(folder, other)
    const {mtimeMs = Number.POSITIVE_INFINITY} = (await stat(half).catch(() => null)) ?? {}
    // A folder that may only be read keeps it.
    if (Date.now() - mtimeMs > ABANDONED_MS) await unlink(half).catch(() => {})
  }
}

// ---

// 'vault.key.5d41402abc4b', and the temporary files of it and of vault.key.new (state-vault.ts).
const HALF_MADE = /^\.(new\.[0-9a-f]{12}\.tmp|[0-9a-f]{12}(\.[0-9a-f]{12}\.tmp)?)$/
/** As old as this it belongs to nobody who is making one. */
const ABANDONED_MS = 60_000

function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '..' && !way.startsWith('../') && !isAbsolute(way)
}

async function workTreeOf(folder: string): Promise<string | null> {
  for (let place = folder; ; place = dirname(place)) {
    const isTree = await access(join(place, '.git')).then(
      () => true,
      () => false,
    )
    if (isTree) return place
    if (place === dirname(place)) return null
  }
}

function misplaced(path: string, why: string): AppError {
  return new AppError(`no vault key can be made at ${path}: ${why}`, {
    hint: 'name one with vault.key in routesd.yaml, e.g. {file: …} or {credential: …}',
  })
}
