import {createHash} from 'node:crypto'
import {chmod, chown, readdir, readFile, stat, symlink} from 'node:fs/promises'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {SourceFile} from '../../../src/base/source-file.ts'
import {nameRevision} from '../../../src/control/gitops/revision.ts'
import {withFolder} from '../../helpers/folder.ts'
import {createRepo, openRepo} from '../../helpers/repo.ts'

const FILES = /^files\.[0-9a-f]{8}$/

test(
  'a clean folder is named by the first seven digits of HEAD, with who committed what and when',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/a.yaml': 'a\n', 'routes.d/team/b.yml': 'b\n'})
    const sha7 = await repo.commit('First routes')
    const named = await nameRevision(folder.at('routes.d'), await read(folder.at('routes.d')))
    assert.is(named.revision, sha7)
    assert.is(named.sha, await repo.git('rev-parse', 'HEAD'))
    assert.equal([named.dirty, named.author, named.subject], [false, 'Ada Tester', 'First routes'])
    assert.ok(Math.abs(Date.parse(named.at ?? '') - Date.now()) < 60_000)
  }),
)

for (const [what, change] of [
  ['edited', {'routes.d/a.yaml': 'edited\n'}],
  ['added', {'routes.d/new.yaml': 'new\n'}],
] as const) {
  test(
    `a file that was ${what} makes the name dirty, and the same content has the same name`,
    withFolder(async folder => {
      const repo = await createRepo(folder.path)
      await folder.write({'routes.d/a.yaml': 'a\n'})
      const sha7 = await repo.commit('one')
      await folder.write(change)
      const files = await read(folder.at('routes.d'))
      const {revision, dirty} = await nameRevision(folder.at('routes.d'), files)
      assert.match(revision, new RegExp(`^${sha7}\\+dirty\\.[0-9a-f]{8}$`))
      assert.is(dirty, true)
      assert.is((await nameRevision(folder.at('routes.d'), files.toReversed())).revision, revision)
      await repo.git('add', '--all')
      assert.is((await nameRevision(folder.at('routes.d'), files)).revision, revision, 'staged is not committed')
      assert.is(await repo.commit('two'), (await nameRevision(folder.at('routes.d'), files)).revision)
    }),
  )
}

test(
  'a file that is missing makes the name dirty',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/a.yaml': 'a\n', 'routes.d/b.yaml': 'b\n'})
    await repo.commit('one')
    await folder.remove('routes.d/b.yaml')
    assert.is((await nameRevision(folder.at('routes.d'), await read(folder.at('routes.d')))).dirty, true)
  }),
)

test(
  'only yaml files below routes.d count: neither other files, nor dot-files, nor the rest of the repository',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/a.yaml': 'a\n', 'routes.d/.hidden.yaml': 'h\n', 'routes.d/.x/b.yaml': 'x\n'})
    const sha7 = await repo.commit('one')
    await folder.write({'README.md': 'dirty', 'routes.d/notes.txt': 'dirty', 'other/x.yaml': 'dirty'})
    await folder.write({'routes.d/.hidden.yaml': 'dirty', 'routes.d/.x/b.yaml': 'dirty'})
    assert.is((await nameRevision(folder.at('routes.d'), await read(folder.at('routes.d')))).revision, sha7)
  }),
)

test(
  'the top of a repository can be routes.d itself',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'a.yaml': 'a\n', 'ümlaut "quoted".yaml': 'b\n'})
    const sha7 = await repo.commit('one')
    assert.is((await nameRevision(folder.path, await read(folder.path))).revision, sha7)
  }),
)

test(
  'an added work tree is named by its own HEAD',
  withFolder(async folder => {
    const main = await createRepo(folder.at('main'))
    await folder.write({'main/routes.d/a.yaml': 'a\n'})
    await main.commit('one')
    await main.git('worktree', 'add', '--quiet', '-b', 'next', folder.at('added'))
    await folder.write({'added/routes.d/a.yaml': 'b\n'})
    const sha7 = await openRepo(folder.at('added')).commit('two')
    assert.is((await nameRevision(folder.at('added/routes.d'), await read(folder.at('added/routes.d')))).revision, sha7)
  }),
)

test(
  'a repository of sha256 objects is compared by sha256',
  withFolder(async folder => {
    const repo = await createRepo(folder.path, '--object-format=sha256')
    await folder.write({'routes.d/a.yaml': 'a\n'})
    const sha7 = await repo.commit('one')
    const {revision, sha} = await nameRevision(folder.at('routes.d'), await read(folder.at('routes.d')))
    assert.equal([revision, sha?.length], [sha7, 64])
  }),
)

test(
  'line ends as core.autocrlf checks them out, and a byte order mark, are the file of the commit',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/a.yaml': 'a: 1\nb: 2\n', 'routes.d/bom.yaml': '\ufeffc: 3\n'})
    const sha7 = await repo.commit('one')
    await folder.write({'routes.d/a.yaml': 'a: 1\r\nb: 2\r\n'})
    const files = await read(folder.at('routes.d'))
    assert.is((await nameRevision(folder.at('routes.d'), files)).revision, sha7)
    const unmarked = files.map(file => ({...file, text: file.text.replace(/^\ufeff/, '')}))
    assert.is((await nameRevision(folder.at('routes.d'), unmarked)).revision, sha7)
  }),
)

test(
  'outside git, and before the first commit, the files name themselves',
  withFolder(async folder => {
    await folder.write({'plain/a.yaml': 'a\n'})
    const outside = await nameRevision(folder.at('plain'), await read(folder.at('plain')))
    assert.match(outside.revision, FILES)
    assert.equal([outside.sha, outside.problem], [null, null])
    await createRepo(folder.at('empty'))
    await folder.write({'empty/a.yaml': 'a\n'})
    const empty = await nameRevision(folder.at('empty'), await read(folder.at('empty')))
    assert.is(empty.revision, outside.revision, 'the same files have the same name')
    assert.is(empty.problem, null)
  }),
)

test(
  'without a git binary, and without the folder, the files name themselves',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/a.yaml': 'a\n'})
    await repo.commit('one')
    const files = await read(folder.at('routes.d'))
    const path = process.env['PATH']
    process.env['PATH'] = folder.at('nowhere')
    try {
      assert.match((await nameRevision(folder.at('routes.d'), files)).revision, FILES)
    } finally {
      process.env['PATH'] = path
    }
    assert.match((await nameRevision(folder.at('gone'), files)).revision, FILES)
  }),
)

test(
  'a repository of another user is not read, and the answer says what to do',
  withFolder(async folder => {
    if (process.getuid?.() !== 0) return console.log('SKIP dubious ownership: only root can give a folder away')
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/a.yaml': 'a\n'})
    await repo.commit('one')
    await chmod(folder.path, 0o755)
    for (const name of ['.', '.git', 'routes.d']) await chown(folder.at(name), 65534, 65534)
    const home = process.env['HOME']
    process.env['HOME'] = folder.at('home')
    try {
      const named = await nameRevision(folder.at('routes.d'), await read(folder.at('routes.d')))
      assert.match(named.revision, FILES)
      assert.match(named.problem ?? '', /belongs to another user.*safe\.directory/)
    } finally {
      process.env['HOME'] = home
    }
  }),
)

test(
  'a link in the tree is not the file that it points to',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'shared.yaml': 'a\n', 'routes.d/b.yaml': 'b\n'})
    await symlink('../shared.yaml', folder.at('routes.d/a.yaml'))
    await repo.commit('one')
    assert.is((await nameRevision(folder.at('routes.d'), await read(folder.at('routes.d')))).dirty, true)
  }),
)

test(
  'naming leaves the index as it is, also when its times are stale',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/a.yaml': 'a\n'})
    await repo.commit('one')
    await folder.write({'routes.d/a.yaml': 'a\n'})
    const before = await stat(folder.at('.git/index'), {bigint: true})
    await nameRevision(folder.at('routes.d'), await read(folder.at('routes.d')))
    const after = await stat(folder.at('.git/index'), {bigint: true})
    assert.equal([after.ino, after.mtimeNs], [before.ino, before.mtimeNs])
  }),
)

test.run()

// ---

// The files as the configuration reads them, without depending on how it does.
async function read(root: string): Promise<SourceFile[]> {
  const names = await readdir(root, {recursive: true})
  const wanted = names.filter(name => /\.ya?ml$/.test(name) && !/(^|\/)\./.test(name)).sort()
  return Promise.all(
    wanted.map(async path => {
      const bytes = await readFile(join(root, path))
      return {path, text: bytes.toString(), sha256: createHash('sha256').update(bytes).digest('hex')}
    }),
  )
}
