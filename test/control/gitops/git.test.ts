import {readFile, writeFile} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {commitPaths} from '../../../src/control/gitops/commit.ts'
import {GitError, openGit} from '../../../src/control/gitops/git.ts'
import {readCommit, readLineCommit, readRepository, readTree} from '../../../src/control/gitops/repository.ts'
import {type Folder, withFolder} from '../../helpers/folder.ts'
import {createRepo, openRepo, type Repo} from '../../helpers/repo.ts'

test(
  'an exit code that git does not explain is a failure all the same',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await repo.commit('one')
    const failure = await failureOf(openGit(folder.path)('show-ref', '--verify', '--quiet', 'refs/heads/none'))
    assert.equal([failure.kind, failure.message], ['failed', 'git ended with exit code 1'])
  }),
)

test(
  'a folder outside git, a missing folder and a missing git are told apart',
  withFolder(async folder => {
    assert.is((await failureOf(readRepository(openGit(folder.path)))).kind, 'no-repository')
    assert.is((await failureOf(readRepository(openGit(folder.at('gone'))))).kind, 'no-folder')
    const path = process.env['PATH']
    process.env['PATH'] = folder.at('nowhere')
    try {
      assert.is((await failureOf(readRepository(openGit(folder.path)))).kind, 'missing')
    } finally {
      process.env['PATH'] = path
    }
  }),
)

test(
  'GIT_DIR of the environment does not answer for another repository',
  withFolder(async folder => {
    const one = await repoWithFile(folder, 'one')
    await repoWithFile(folder, 'two')
    process.env['GIT_DIR'] = folder.at('two/.git')
    try {
      assert.is((await readRepository(openGit(one.path))).gitDir, folder.at('one/.git'))
    } finally {
      delete process.env['GIT_DIR']
    }
  }),
)

test(
  'an added work tree has a git directory of its own and shares the common one',
  withFolder(async folder => {
    const repo = await repoWithFile(folder, 'main')
    await repo.git('worktree', 'add', '--quiet', folder.at('added'))
    const {top, gitDir, commonDir, objectFormat} = await readRepository(openGit(folder.at('added/routes.d')))
    assert.equal([top, commonDir, objectFormat], [folder.at('added'), folder.at('main/.git'), 'sha1'])
    assert.is(gitDir, folder.at('main/.git/worktrees/added'))
  }),
)

test(
  'a tree is read from the folder down, whatever the names, without links',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/a b\n"ü".yaml': 'a\n', 'routes.d/x/y.yaml': 'b\n', 'else.yaml': 'c\n'})
    await repo.commit('one')
    const tree = await readTree(openGit(folder.at('routes.d')), 'HEAD')
    assert.equal([...tree.keys()].sort(), ['a b\n"ü".yaml', 'x/y.yaml'])
    assert.is(tree.get('x/y.yaml'), await repo.git('hash-object', 'routes.d/x/y.yaml'))
  }),
)

test(
  'HEAD before the first commit is no commit',
  withFolder(async folder => {
    await createRepo(folder.path)
    await folder.write({'a.yaml': 'a\n'})
    assert.is(await readCommit(openGit(folder.path)), null)
    assert.is(await readLineCommit(openGit(folder.path), 'a.yaml', 1), null)
  }),
)

test(
  'a line is blamed on the commit that wrote it, and an edited line on nobody',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/a.yaml': 'one\ntwo\n'})
    const first = await repo.commit('Write both')
    await folder.write({'routes.d/a.yaml': 'one\nTWO\n'})
    const second = await repo.commit('Raise the second')
    await folder.write({'routes.d/a.yaml': 'one\nTWO\nthree\n'})
    await folder.write({'routes.d/new.yaml': 'one\n'})
    const git = openGit(folder.at('routes.d'))
    assert.is(await readLineCommit(git, 'new.yaml', 1), null)
    assert.equal(await readLineCommit(git, 'a.yaml', 1), {sha7: first, author: 'Ada Tester', subject: 'Write both'})
    assert.is((await readLineCommit(git, 'a.yaml', 2))?.sha7, second)
    assert.is(await readLineCommit(git, 'a.yaml', 3), null)
  }),
)

test(
  'a commit of named paths takes a new, a changed and a deleted file, and nothing else that is staged',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/changed.yaml': '1\n', 'routes.d/deleted.yaml': '1\n', 'staged.txt': '1\n'})
    await repo.commit('one')
    await folder.write({'routes.d/changed.yaml': '2\n', 'routes.d/[new]*.yaml': '2\n', 'staged.txt': '2\n'})
    await folder.write({'routes.d/newer.yaml': 'not named, though a pattern would match\n'})
    await folder.remove('routes.d/deleted.yaml')
    await repo.git('add', 'staged.txt')
    const done = await commitPaths(folder.at('routes.d'), ['changed.yaml', '[new]*.yaml', 'deleted.yaml'], '-m odd')
    assert.is(done?.sha7, (await repo.git('rev-parse', 'HEAD')).slice(0, 7))
    assert.is(await repo.git('log', '-1', '--format=%s'), '-m odd')
    const names = (await repo.git('-c', 'core.quotePath=false', 'show', '--name-status', '--format=')).split('\n')
    assert.equal(names, ['A\troutes.d/[new]*.yaml', 'M\troutes.d/changed.yaml', 'D\troutes.d/deleted.yaml'])
    assert.is(await repo.git('diff', '--cached', '--name-only'), 'staged.txt')
  }),
)

test(
  'committing what HEAD has already is no commit',
  withFolder(async folder => {
    const repo = await repoWithFile(folder, 'main')
    assert.is(await commitPaths(repo.path, ['routes.d/a.yaml'], 'again'), null)
  }),
)

test(
  'the first commit of a repository can be made of named paths',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'a.yaml': '1\n', 'b.yaml': '1\n'})
    await commitPaths(folder.path, ['a.yaml'], 'first')
    assert.is(await repo.git('ls-tree', '--name-only', 'HEAD'), 'a.yaml')
  }),
)

test(
  'a commit that git refuses leaves a new file unknown to git',
  withFolder(async folder => {
    const repo = await repoWithFile(folder, 'main')
    await writeFile(`${repo.path}/new.yaml`, '1\n')
    await writeFile(`${repo.path}/.git/MERGE_HEAD`, `${await repo.git('rev-parse', 'HEAD')}\n`)
    const failure = await failureOf(commitPaths(repo.path, ['new.yaml'], 'during a merge'))
    assert.match(failure.message, /partial commit during a merge/)
    assert.is(await repo.git('ls-files', 'new.yaml'), '')
    assert.is(await readFile(`${repo.path}/new.yaml`, 'utf8'), '1\n')
  }),
)

test(
  'hooks of the repository do not run',
  withFolder(async folder => {
    const repo = await repoWithFile(folder, 'main')
    await writeFile(`${repo.path}/.git/hooks/pre-commit`, '#!/bin/sh\nexit 1\n', {mode: 0o755})
    await writeFile(`${repo.path}/new.yaml`, '1\n')
    assert.ok(await commitPaths(repo.path, ['new.yaml'], 'with a hook'))
  }),
)

test.run()

// ---

async function repoWithFile(folder: Folder, name: string): Promise<Repo> {
  const repo = await createRepo(folder.at(name))
  await folder.write({[`${name}/routes.d/a.yaml`]: 'a\n'})
  await repo.commit('one')
  return openRepo(folder.at(name))
}

async function failureOf(promise: Promise<unknown>): Promise<GitError> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (error instanceof GitError) return error
  throw new Error(`expected a GitError, got ${String(error)}`)
}
