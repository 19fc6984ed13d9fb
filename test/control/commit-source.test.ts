// serve: commit, on repositories of this machine.

import {execFileSync} from 'node:child_process'
import {access, rename, symlink, writeFile} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {cloneRepo, createRepo, openRepo} from '../helpers/repo.ts'
import {route, serving} from '../helpers/serving.ts'
import {until} from '../helpers/until.ts'

const COMMIT = 'git: {serve: commit}\n'

// --- what is served

test(
  'a commit is served, an edit is drift, and the next commit serves it',
  withFolder(async folder => {
    const {repo, sha7} = await repoWith(folder, {'routes.d/a.yaml': route('a')})
    const {now, condition} = await serving(folder, COMMIT)
    assert.equal(now(), {applied: sha7, routes: ['a.localhost'], sync: 'Synced Applied', failed: null})
    await folder.write({'routes.d/a.yaml': route('b'), 'routes.d/new.yaml': '- broken: ['})
    const drift = await until('the drift', () => condition('Drift'))
    assert.is(drift.reason, 'DirtyWorkTree')
    assert.match(drift.message, new RegExp(`not that of ${sha7}, which is served: a.yaml, new.yaml$`))
    assert.equal(now(), {applied: sha7, routes: ['a.localhost'], sync: 'Synced Applied', failed: null})
    await folder.remove('routes.d/new.yaml')
    const second = await repo.commit('two')
    await until('the commit', () => now().applied === second)
    await until('no drift', () => condition('Drift') === null)
    assert.equal(now().routes, ['b.localhost'])
  }),
)

test(
  'routes.d may be the whole repository, a folder deep in it, or gone from the work tree',
  withFolder(async folder => {
    await repoWith(folder, {'x.yaml': route('root'), 'deep/er/routes.d/y.yml': route('deep'), '.hidden/z.yaml': '['})
    await openRepo(folder.path).commit('more')
    await folder.write({'root.yaml': ''})
    const whole = await serving(folder, 'routes: .\nstate: ./deep/.state\ngit: {serve: commit}\n')
    assert.equal(whole.now().routes, ['root.localhost', 'deep.localhost'].sort())
    await folder.remove('deep/er')
    const deep = await serving(folder, 'routes: deep/er/routes.d\nstate: ./.state\ngit: {serve: commit}\n')
    assert.equal(deep.now().routes, ['deep.localhost'])
    assert.match(deep.condition('Drift')?.message ?? '', 'y.yml')
  }),
)

test(
  'an added work tree is served by its own HEAD',
  withFolder(async folder => {
    const main = await createRepo(folder.at('main'))
    await folder.write({'main/routes.d/a.yaml': route('a')})
    await main.commit('one')
    await main.git('worktree', 'add', '--quiet', '-b', 'next', folder.at('added'))
    const {now} = await serving(folder, 'routes: added/routes.d\ngit: {serve: commit}\n')
    await folder.write({'added/routes.d/a.yaml': route('b')})
    const sha7 = await openRepo(folder.at('added')).commit('two')
    await until('the commit', () => now().applied === sha7)
  }),
)

test(
  'a bare repository is served, and a push to it is live',
  withFolder(async folder => {
    const bare = await createRepo(folder.at('routes.git'), '--bare')
    const work = await cloneRepo(bare, folder.at('work'))
    await folder.write({'work/conf/a.yaml': route('a')})
    const one = await work.commit('one')
    await work.git('push', '--quiet', 'origin', 'main')
    const {now} = await serving(folder, 'routes: routes.git\ngit: {serve: commit, path: conf}\n')
    assert.equal([now().applied, now().routes], [one, ['a.localhost']])
    await folder.write({'work/conf/a.yaml': route('b')})
    const two = await work.commit('two')
    await work.git('push', '--quiet', 'origin', 'main')
    await until('the push', () => now().applied === two)
  }),
)

test(
  'a repository of sha256 is served',
  withFolder(async folder => {
    const repo = await createRepo(folder.path, '--object-format=sha256')
    await folder.write({'routes.d/a.yaml': route('a')})
    const sha7 = await repo.commit('one')
    const {now, condition} = await serving(folder, COMMIT)
    assert.equal([now().applied, condition('Drift')], [sha7, null])
  }),
)

test(
  'a rebase and a bisect carry HEAD about, and the branch is served until they end',
  withFolder(async folder => {
    const {repo} = await repoWith(folder, {'routes.d/a.yaml': route('a')})
    await repo.git('checkout', '--quiet', '-b', 'topic')
    await folder.write({'routes.d/b.yaml': route('b')})
    await repo.commit('b')
    await folder.write({'routes.d/a.yaml': route('mine')})
    const tip = await repo.commit('mine')
    await repo.git('checkout', '--quiet', 'main')
    await folder.write({'routes.d/a.yaml': route('theirs')})
    await repo.commit('theirs')
    await repo.git('checkout', '--quiet', 'topic')
    const {now, sync, applied} = await serving(folder, 'git: {serve: commit, fastForwardOnly: false}\n')
    // Stops in the middle, with 'b' picked onto main and HEAD there.
    await repo.git('rebase', 'main').catch(() => '')
    assert.is.not((await repo.git('rev-parse', 'HEAD')).slice(0, 7), tip)
    await sync()
    assert.equal([now().applied, applied.length], [tip, 1])
    await repo.git('rebase', '--abort')
    await repo.git('bisect', 'start', 'HEAD', 'HEAD~2')
    await sync()
    assert.equal([now().applied, applied.length], [tip, 1])
  }),
)

test(
  'what a blob says counts: hooks and filters of the repository do not run, and CRLF is no drift',
  withFolder(async folder => {
    const {repo} = await repoWith(folder, {'routes.d/a.yaml': route('a'), '.gitattributes': '*.yaml filter=evil\n'})
    for (const what of ['smudge', 'clean'])
      await repo.git('config', `filter.evil.${what}`, `touch ${folder.at(what)}; cat`)
    await repo.git('config', 'filter.evil.process', '')
    await folder.write({'routes.d/a.yaml': route('a').replaceAll('\n', '\r\n')})
    const {condition, sync} = await serving(folder, COMMIT)
    await sync()
    assert.is(condition('Drift'), null)

    for (const what of ['smudge', 'clean'])
      assert.ok(
        await access(folder.at(what)).then(
          () => false,
          () => true,
        ),
        what,
      )
  }),
)

test(
  'a commit that leaves the routes alone gives them its name without a reload',
  withFolder(async folder => {
    const {repo} = await repoWith(folder, {'routes.d/a.yaml': route('a')})
    const {now, applied} = await serving(folder, COMMIT)
    await folder.write({'README.md': 'hello'})
    const sha7 = await repo.commit('docs')
    await until('the name', () => now().applied === sha7)
    assert.is(applied.length, 1)
  }),
)

// --- what is refused

test(
  'an invalid commit is refused, the old one serves, and a fix on top is served',
  withFolder(async folder => {
    const {repo, sha7} = await repoWith(folder, {'routes.d/a.yaml': route('a')})
    const {now, condition} = await serving(folder, COMMIT)
    await folder.write({'routes.d/a.yaml': '- id: "a.localhost"\n  target: nowhere\n'})
    const bad = await repo.commit('bad')
    await until('the refusal', () => now().failed === bad)
    assert.equal(now(), {applied: sha7, routes: ['a.localhost'], sync: 'OutOfSync ValidationFailed', failed: bad})
    assert.match(condition('ValidationFailed')?.message ?? '', /^routes\.d\/a\.yaml:2: /)
    await folder.write({'routes.d/a.yaml': route('fixed')})
    const fixed = await repo.commit('fixed')
    await until('the fix', () => now().applied === fixed)
    assert.equal([now().sync, now().failed], ['Synced Applied', null])
  }),
)

test(
  'links, submodules and huge files in routes.d refuse the commit by name',
  withFolder(async folder => {
    const {repo} = await repoWith(folder, {'routes.d/a.yaml': route('a')})
    const {now, condition} = await serving(folder, COMMIT)
    await symlink('a.yaml', folder.at('routes.d/link.yaml'))
    const link = await repo.commit('link')
    await until('the refusal', () => now().failed === link)
    assert.match(condition('ValidationFailed')?.message ?? '', 'routes.d/link.yaml:1: is a symbolic link')
    await folder.remove('routes.d/link.yaml')
    const sub = await createRepo(folder.at('routes.d/sub'))
    await sub.commit('inner')
    const submodule = await repo.commit('submodule')
    await until('the refusal', () => now().failed === submodule)
    assert.match(condition('ValidationFailed')?.message ?? '', 'routes.d/sub:1: is a submodule')
    await folder.remove('routes.d/sub')
    await writeFile(folder.at('routes.d/huge.yaml'), Buffer.alloc((16 << 20) + 1, '#'))
    const huge = await repo.commit('huge')
    await until('the refusal', () => now().failed === huge, 10_000)
    assert.match(condition('ValidationFailed')?.message ?? '', 'routes.d/huge.yaml:1: has 16777217 bytes')
    await folder.remove('routes.d/huge.yaml')
    const good = await repo.commit('good')
    await until('the good one', () => now().applied === good)
  }),
)

test(
  'a rewritten history is refused with both commits by name, also after a restart, until it is allowed',
  withFolder(async folder => {
    const {repo} = await repoWith(folder, {'routes.d/a.yaml': route('a')})
    const first = await repo.commit('one more')
    const one = await serving(folder, COMMIT)
    await folder.write({'routes.d/a.yaml': route('b')})
    await repo.git('add', '--all')
    await repo.git('commit', '--quiet', '--amend', '--message', 'rewritten')
    const rewritten = (await repo.git('rev-parse', 'HEAD')).slice(0, 7)
    await until('the refusal', () => one.now().failed === rewritten)
    assert.equal(one.now().sync, 'OutOfSync GuardRefused')
    assert.match(
      one.condition('GuardRefused')?.message ?? '',
      `force-push: ${rewritten} does not descend from ${first}`,
    )
    await one.reconciler.close()
    const two = await serving(folder, COMMIT)
    assert.equal(two.now(), {
      applied: first,
      routes: ['a.localhost'],
      sync: 'OutOfSync GuardRefused',
      failed: rewritten,
    })
    await two.reconciler.close()
    const three = await serving(folder, 'git: {serve: commit, fastForwardOnly: false}\n')
    assert.equal([three.now().applied, three.now().routes], [rewritten, ['b.localhost']])
  }),
)

test(
  'a shallow clone that cannot tell says how it could',
  withFolder(async folder => {
    const origin = await createRepo(folder.at('origin'))
    await folder.write({'origin/routes.d/a.yaml': route('a')})
    await origin.commit('one')
    const clone = openRepo(folder.at('clone'))
    await origin.git('clone', '--quiet', '--depth=1', `file://${origin.path}`, clone.path)
    const {now, condition} = await serving(folder, 'routes: clone/routes.d\ngit: {serve: commit}\n')
    await origin.commit('two')
    const three = await origin.commit('three')
    await clone.git('fetch', '--quiet', '--depth=1')
    await clone.git('reset', '--quiet', '--hard', 'origin/main')
    await until('the refusal', () => now().failed === three)
    assert.match(condition('GuardRefused')?.message ?? '', 'run git fetch --unshallow')
    await clone.git('fetch', '--quiet', '--unshallow')
    await until('the commit', () => now().applied === three, 10_000)
  }),
)

// --- what fails around it

test(
  'a repository that goes away is said and served on, and is followed again when it is back',
  withFolder(async folder => {
    const {sha7} = await repoWith(folder, {'routes.d/a.yaml': route('a')})
    const {now, condition, sync} = await serving(folder, COMMIT)

    await rename(folder.at('.git'), folder.at('.gone'))
    await sync()
    assert.equal([now().applied, now().sync], [sha7, 'OutOfSync GitOperationFailed'])
    assert.is(condition('GitOperationFailed')?.reason, 'NoRepository')
    await rename(folder.at('.gone'), folder.at('.git'))
    await sync()
    assert.equal([now().sync, condition('GitOperationFailed')], ['Synced Applied', null])
  }),
)

test(
  'a start without a repository serves last good and says why',
  withFolder(async folder => {
    const {sha7} = await repoWith(folder, {'routes.d/a.yaml': route('a')})
    const one = await serving(folder, COMMIT)
    await one.reconciler.close()
    await folder.remove('.git')
    const two = await serving(folder, COMMIT)
    assert.equal(two.now().applied, sha7)
    assert.is(two.now().sync, 'OutOfSync GitOperationFailed')
  }),
)

test(
  'certificates beside the routes are those of the commit',
  withFolder(async folder => {
    const tls = `${route('a').replace('http:', 'https:')}  upstreamTls: {ca: ../certs/ca.pem}\n`
    const {repo} = await repoWith(folder, {'routes.d/a.yaml': route('a'), '.gitignore': 'certs\n.routesd\n'})
    const {now, condition} = await serving(folder, COMMIT)
    await folder.write({'routes.d/a.yaml': tls, 'certs/ca.pem': 'not committed'})
    const without = await repo.commit('without the file')
    await until('the refusal', () => now().failed === without)
    assert.match(condition('ValidationFailed')?.message ?? '', `certs/ca.pem is not in commit ${without}`)

    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    execFileSync('openssl', [...args, '-subj', '/CN=x', '-keyout', '/dev/null', '-out', folder.at('certs/ca.pem')], {
      stdio: 'ignore',
    })
    await repo.git('add', '--force', 'certs/ca.pem')
    const withIt = await repo.commit('with the file')
    await folder.remove('certs')
    await until('the commit', () => now().applied === withIt)
  }),
)

test.run()

// ---

async function repoWith(folder: Folder, files: Record<string, string>) {
  const repo = await createRepo(folder.path)
  await folder.write({'.gitignore': '.routesd\n.state\nroutesd.yaml\n', ...files})
  return {repo, sha7: await repo.commit('one')}
}
