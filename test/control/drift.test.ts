// What is said of a work tree that differs from the commit: all of it is looked at in doubt, else what the watcher named.

import {rename, symlink, utimes} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createDrift, type Drift} from '../../src/control/drift.ts'
import {openGit} from '../../src/control/gitops/git.ts'
import {type CommitTree, readCommitTree} from '../../src/control/gitops/read-commit.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {createRepo} from '../helpers/repo.ts'

test(
  'a file that the watcher names is looked at, one that it does not name is found in doubt',
  withFolder(async folder => {
    const {drift, differing, tree} = await start(folder, {'a.yaml': 'a', 'b.yaml': 'b'})
    assert.is(await differing(), '')
    await folder.write({'routes.d/a.yaml': 'edited', 'routes.d/b.yaml': 'edited'})
    assert.is(await differing(), '')
    drift.hint(folder.at('routes.d/a.yaml'))
    assert.is(await differing(), 'a.yaml')
    drift.doubt()
    assert.is(await differing(), 'a.yaml, b.yaml')
    assert.is(await differing(await tree('two')), '')
  }),
)

test(
  'a new file, a removed one and a new name are drift until they are committed; what is not read is none',
  withFolder(async folder => {
    const {drift, differing, tree} = await start(folder, {'a.yaml': 'a', 'b.yaml': 'b', 'deep/c.yml': 'c'})
    assert.is(await differing(), '')
    await rename(folder.at('routes.d/a.yaml'), folder.at('routes.d/d.yaml'))
    await folder.remove('routes.d/deep')
    await folder.write({'routes.d/.hidden.yaml': 'x', 'routes.d/README.md': 'x', 'beside.yaml': 'x'})
    for (const path of [
      ...['routes.d/a.yaml', 'routes.d/d.yaml', 'routes.d/deep/c.yml', 'routes.d/deep'],
      ...['routes.d/.hidden.yaml', 'routes.d/README.md', 'beside.yaml'],
    ])
      drift.hint(folder.at(path))
    assert.is(await differing(), 'a.yaml, d.yaml, deep/c.yml')
    assert.is(await differing(await tree('two')), '')
  }),
)

test(
  'a commit of what the watcher has not named yet is no drift',
  withFolder(async folder => {
    const {differing, tree} = await start(folder, {'a.yaml': 'a'})
    assert.is(await differing(), '')
    await folder.write({'routes.d/a.yaml': 'edited'})
    assert.is(await differing(await tree('two')), '')
  }),
)

test(
  'a link in the place of a file is looked at as the reader of folders does',
  withFolder(async folder => {
    const {drift, differing} = await start(folder, {'a.yaml': 'a', 'b.yaml': 'b'})
    assert.is(await differing(), '')
    await folder.remove('routes.d/a.yaml')
    await folder.write({'outside/a.yaml': 'a'})
    await symlink(folder.at('outside/a.yaml'), folder.at('routes.d/a.yaml'))
    await symlink(folder.at('outside'), folder.at('routes.d/more'))
    drift.hint(folder.at('routes.d/a.yaml'))
    drift.hint(folder.at('routes.d/more/a.yaml'))
    assert.is(await differing(), 'a.yaml')
  }),
)

test(
  'of very many files that were named all are looked at',
  withFolder(async folder => {
    const names = Array.from({length: 300}, (_, n) => `${String(n).padStart(3, '0')}.yaml`)
    const {drift, differing} = await start(folder, Object.fromEntries(names.map(name => [name, name])))
    assert.is(await differing(), '')
    // Not of the moment in which they were read.
    const past = new Date(Date.now() - 60_000)
    for (const name of names) await utimes(folder.at(`routes.d/${name}`), past, past)
    await folder.write({'routes.d/299.yaml': 'edited'})
    for (const name of names) drift.hint(folder.at(`routes.d/${name}`))
    assert.is(await differing(), '299.yaml')
  }),
)

// ---

type Started = {
  readonly drift: Drift
  /** Commits all and returns its tree. */
  tree(message: string): Promise<CommitTree>
  /** The names of what differs from a tree, by itself the last one. */
  differing(tree?: CommitTree): Promise<string>
}

async function start(folder: Folder, files: Readonly<Record<string, string>>): Promise<Started> {
  const repo = await createRepo(folder.path)
  await folder.write(Object.fromEntries(Object.entries(files).map(([path, text]) => [`routes.d/${path}`, text])))
  const drift = createDrift(folder.at('routes.d'), 'routes.d')
  const tree = async (message: string) => {
    const sha = await repo.commit(message)
    const found = await readCommitTree(openGit(folder.path), sha, 'routes.d')
    if (found === null) throw new Error('no such folder')
    return found
  }
  let last = await tree('one')
  return {
    drift,
    tree,
    async differing(now = last) {
      last = now
      const found = await drift.look(now, 'abc1234')
      return found?.message.replace('routes.d on the disk is not that of abc1234, which is served: ', '') ?? ''
    },
  }
}

test.run()
