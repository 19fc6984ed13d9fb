// A temporary folder for one test, removed after it, with a scope for everything else the test opens.

import {mkdir, mkdtemp, realpath, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {createScope, type Scope} from '../../src/base/scope.ts'

export type Folder = {
  readonly path: string
  readonly scope: Scope
  /** Full path of a name in the folder. */
  at(name: string): string
  /** Writes files in place, with the folders they need. */
  write(files: Readonly<Record<string, string>>): Promise<void>
  remove(name: string): Promise<void>
}

// What a daemon that was killed had started, a git for one, may write there for a moment more.
const REMOVAL = {recursive: true, force: true, maxRetries: 10}

/** A test body with a folder: `test('…', withFolder(async folder => { … }))`. */
export function withFolder(body: (folder: Folder) => Promise<void>): () => Promise<void> {
  return async () => {
    const scope = createScope()
    const path = await realpath(await mkdtemp(join(tmpdir(), 'routesd-test-')))
    scope.defer(() => rm(path, REMOVAL))
    try {
      await body(folderIn(path, scope))
    } finally {
      await scope.close()
    }
  }
}

/** A folder that is there already. */
export function folderIn(path: string, scope: Scope): Folder {
  const at = (name: string) => join(path, name)
  return {
    path,
    scope,
    at,
    async write(files) {
      for (const [name, text] of Object.entries(files)) {
        await mkdir(dirname(at(name)), {recursive: true})
        await writeFile(at(name), text)
      }
    },
    remove: name => rm(at(name), REMOVAL),
  }
}
