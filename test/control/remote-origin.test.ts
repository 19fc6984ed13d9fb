// git.remote: a branch of another repository, in a mirror.

import {mkdir, readdir, readFile, rename, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {createRepo, type Repo} from '../helpers/repo.ts'
import {route, serving} from '../helpers/serving.ts'
import {until} from '../helpers/until.ts'

const REMOTE = 'state: ./state\ngit: {remote: ./origin, every: 1h}\n'

// --- what is served

test(
  'the branch of a remote is served, and only the tip of what was pushed',
  withFolder(async folder => {
    const {repo, sha7} = await originWith(folder, {'routes.d/a.yaml': route('a')})
    const {now, applied, sync} = await serving(folder, REMOTE)
    assert.equal(now(), {applied: sha7, routes: ['a.localhost'], sync: 'Synced Applied', failed: null})
    for (const name of ['b', 'c', 'd']) {
      await folder.write({'origin/routes.d/a.yaml': route(name)})
      await repo.commit(name)
    }
    await sync()
    assert.equal([now().routes, applied.length], [['d.localhost'], 2])
  }),
)

test(
  'the remote is fetched by itself, as often as it says',
  withFolder(async folder => {
    const {repo} = await originWith(folder, {'routes.d/a.yaml': route('a')})
    const {now} = await serving(folder, REMOTE.replace('1h', '200ms'))
    await folder.write({'origin/routes.d/a.yaml': route('b')})
    const sha7 = await repo.commit('b')
    await until('the fetch', () => now().applied === sha7, 10_000)
  }),
)

test(
  'another branch and another folder are served; a remote may say routes.d is all of it',
  withFolder(async folder => {
    const {repo} = await originWith(folder, {'routes.d/a.yaml': route('a')})
    await repo.git('checkout', '--quiet', '-b', 'prod/eu')
    await folder.write({'origin/conf/p.yaml': route('p')})
    await repo.commit('prod')
    const prod = await serving(folder, 'state: ./s1\ngit: {remote: ./origin, branch: prod/eu, path: conf}\n')
    assert.equal(prod.now().routes, ['p.localhost'])
    const all = await serving(folder, 'state: ./s2\ngit: {remote: ./origin, branch: prod/eu, path: .}\n')
    assert.equal(all.now().routes, ['a.localhost', 'p.localhost'])
  }),
)

test(
  'a start does not wait for a remote that it has a mirror of, and fetches right after',
  withFolder(async folder => {
    const {repo, sha7} = await originWith(folder, {'routes.d/a.yaml': route('a')})
    const one = await serving(folder, REMOTE)
    await one.reconciler.close()
    await folder.write({'origin/routes.d/a.yaml': route('b')})
    const second = await repo.commit('b')
    const two = await serving(folder, REMOTE)
    await until('the fetch', () => two.now().applied === second)
    assert.equal(
      two.applied.map(({revision}) => revision),
      [sha7, second],
    )
  }),
)

test(
  'nothing of the remote runs or is checked out, and the mirror has no shallow history',
  withFolder(async folder => {
    const {repo} = await originWith(folder, {'routes.d/a.yaml': route('a')})
    await repo.commit('two')
    await repo.git('tag', 'v1')
    await serving(folder, REMOTE)
    const mirror = folder.at('state/mirror')
    assert.not((await readdir(mirror)).some(name => ['routes.d', 'shallow', 'FETCH_HEAD'].includes(name)))
    assert.is(await repo.git('--git-dir', mirror, 'rev-list', '--count', 'main'), '2')
    assert.is(await repo.git('--git-dir', mirror, 'tag'), '')
  }),
)

// --- what is refused

test(
  'an invalid push is refused while the old one serves, and a fix on top is served',
  withFolder(async folder => {
    const {repo, sha7} = await originWith(folder, {'routes.d/a.yaml': route('a')})
    const {now, sync} = await serving(folder, REMOTE)
    await folder.write({'origin/routes.d/a.yaml': '- id: "a.localhost"\n  target: [\n'})
    const bad = await repo.commit('bad')
    await sync()
    assert.equal(now(), {applied: sha7, routes: ['a.localhost'], sync: 'OutOfSync ValidationFailed', failed: bad})
    await folder.write({'origin/routes.d/a.yaml': route('fixed')})
    const fixed = await repo.commit('fixed')
    await sync()
    assert.equal(now(), {applied: fixed, routes: ['fixed.localhost'], sync: 'Synced Applied', failed: null})
  }),
)

test(
  'a force-push is refused, even when the mirror was lost, and one that goes on from what is served is not',
  withFolder(async folder => {
    const {repo} = await originWith(folder, {'routes.d/a.yaml': route('a')})
    await folder.write({'origin/routes.d/a.yaml': route('b')})
    const served = await repo.commit('two')
    const one = await serving(folder, REMOTE)
    await repo.git('reset', '--quiet', '--hard', 'HEAD~1')
    await folder.write({'origin/routes.d/a.yaml': route('evil')})
    const evil = await repo.commit('evil')
    await one.sync()
    assert.equal(one.now(), {applied: served, routes: ['b.localhost'], sync: 'OutOfSync GuardRefused', failed: evil})
    assert.match(one.condition('GuardRefused')?.message ?? '', `${evil} does not descend from ${served}`)
    await one.reconciler.close()
    await folder.remove('state/mirror')
    await repo.git('reflog', 'expire', '--expire=now', '--all')
    await repo.git('gc', '--quiet', '--prune=now')
    const two = await serving(folder, REMOTE)
    assert.equal([two.now().applied, two.now().sync], [served, 'OutOfSync GuardRefused'])
    assert.match(two.condition('GuardRefused')?.message ?? '', `${evil} is in a history without ${served}`)
  }),
)

// --- what fails around it

test(
  'a remote that goes away is said and the mirror serves on, until it is back',
  withFolder(async folder => {
    const {repo, sha7} = await originWith(folder, {'routes.d/a.yaml': route('a')})
    const {now, condition, sync, lines} = await serving(folder, REMOTE)
    await rename(folder.at('origin'), folder.at('away'))
    await sync()
    await sync()
    assert.equal([now().applied, now().sync], [sha7, 'Synced Applied'])
    assert.is(condition('GitOperationFailed')?.reason, 'RemoteMissing')
    assert.is(lines.filter(({message}) => message === 'a fetch failed').length, 1, 'said once')
    await rename(folder.at('away'), folder.at('origin'))
    await folder.write({'origin/routes.d/a.yaml': route('b')})
    const back = await repo.commit('back')
    await sync()
    assert.equal([now().applied, condition('GitOperationFailed')], [back, null])
  }),
)

test(
  'a branch that was deleted is said by name',
  withFolder(async folder => {
    const {repo} = await originWith(folder, {'routes.d/a.yaml': route('a')})
    const {condition, sync} = await serving(folder, REMOTE)
    await repo.git('branch', '--quiet', '-m', 'main', 'other')
    await sync()
    assert.is(condition('GitOperationFailed')?.reason, 'BranchMissing')
    assert.match(condition('GitOperationFailed')?.message ?? '', 'has no branch main')
  }),
)

test(
  'a damaged mirror is made anew, whatever is broken in it',
  withFolder(async folder => {
    const {repo} = await originWith(folder, {'routes.d/a.yaml': route('a')})
    const {now, sync, reconciler} = await serving(folder, REMOTE)
    const mirror = folder.at('state/mirror')
    const breakages: Record<string, () => Promise<void>> = {
      'no HEAD': () => folder.remove('state/mirror/HEAD'),
      'a ref of garbage': () => writeFile(join(mirror, 'refs/heads/main'), 'garbage\n'),
      'a lock of a killed git': () => writeFile(join(mirror, 'refs/heads/main.lock'), ''),
      'no objects': async () => {
        await folder.remove('state/mirror/objects')
        await mkdir(join(mirror, 'objects'))
      },
      'garbage for a config': () => writeFile(join(mirror, 'config'), '[core\n'),
      'nothing at all': () => folder.remove('state/mirror'),
    }
    for (const [what, breakIt] of Object.entries(breakages)) {
      await breakIt()
      await folder.write({'origin/routes.d/a.yaml': route(what.replaceAll(' ', '-').toLowerCase())})
      const sha7 = await repo.commit(what)
      await sync()
      assert.equal([now().applied, reconciler.view().conditions], [sha7, []], what)
      assert.equal(
        (await readdir(folder.at('state'))).filter(name => name.startsWith('mirror')),
        ['mirror'],
        what,
      )
    }
  }),
)

test(
  'blobs that rot in the mirror are found when they are read, and fetched anew',
  withFolder(async folder => {
    const {repo, sha7} = await originWith(folder, {'routes.d/a.yaml': route('a')})
    const one = await serving(folder, REMOTE)
    await one.reconciler.close()
    await folder.remove('state/last-good')
    const id = await repo.git('rev-parse', 'HEAD:routes.d/a.yaml')
    const mirror = folder.at('state/mirror')
    await folder.remove(`state/mirror/objects/${id.slice(0, 2)}/${id.slice(2)}`)
    const packs = await readdir(join(mirror, 'objects/pack'))
    for (const pack of packs) await folder.remove(`state/mirror/objects/pack/${pack}`)
    const two = await serving(folder, REMOTE)
    assert.equal([two.now().applied, two.reconciler.view().conditions], [sha7, []])
  }),
)

test(
  'a mirror that was damaged while nobody looked is made anew at the start',
  withFolder(async folder => {
    const {sha7} = await originWith(folder, {'routes.d/a.yaml': route('a')})
    for (const part of ['HEAD', 'objects', 'refs']) {
      const one = await serving(folder, REMOTE)
      await one.reconciler.close()
      await folder.remove('state/last-good')
      await folder.remove(`state/mirror/${part}`)
      const two = await serving(folder, REMOTE)
      assert.equal([two.now().applied, two.reconciler.view().conditions], [sha7, []], part)
      await two.reconciler.close()
    }
  }),
)

test(
  'a start without a remote, mirror or last good is refused; with last good it serves that',
  withFolder(async folder => {
    const {sha7} = await originWith(folder, {'routes.d/a.yaml': route('a')})
    const one = await serving(folder, REMOTE)
    await one.reconciler.close()
    await folder.remove('state/mirror')
    await folder.remove('origin')
    const two = await serving(folder, REMOTE)
    assert.equal([two.now().applied, two.now().sync], [sha7, 'OutOfSync GitOperationFailed'])
    await two.reconciler.close()
    await folder.remove('state')
    const failure = await serving(folder, REMOTE).then(
      () => null,
      (error: Error) => error.message,
    )
    assert.match(failure ?? '', /origin main cannot be fetched: there is no repository/)
  }),
)

test(
  'without git there is a condition, and the old set serves',
  withFolder(async folder => {
    const {sha7} = await originWith(folder, {'routes.d/a.yaml': route('a')})
    const {now, condition, sync} = await serving(folder, REMOTE)
    const path = process.env['PATH']
    process.env['PATH'] = folder.at('nowhere')
    try {
      await sync()
      assert.is(now().applied, sha7)
      assert.is(condition('GitOperationFailed')?.reason, 'GitMissing')
    } finally {
      process.env['PATH'] = path
    }
    await sync()
    assert.equal([now().sync, condition('GitOperationFailed')], ['Synced Applied', null])
  }),
)

test(
  'a state folder of another remote is not served',
  withFolder(async folder => {
    await originWith(folder, {'routes.d/a.yaml': route('a')})
    const one = await serving(folder, REMOTE)
    await one.reconciler.close()
    const other = await createRepo(folder.at('other'))
    await folder.write({'other/routes.d/a.yaml': route('other')})
    const sha7 = await other.commit('other')
    const two = await serving(folder, 'state: ./state\ngit: {remote: ./other, fastForwardOnly: false}\n')
    assert.equal([two.now().applied, two.applied.length], [sha7, 1])
    assert.match(await readFile(folder.at('state/mirror/routesd-remote'), 'utf8'), folder.at('other'))
  }),
)

test.run()

// ---

async function originWith(folder: Folder, files: Record<string, string>): Promise<{repo: Repo; sha7: string}> {
  const repo = await createRepo(folder.at('origin'))
  await folder.write(Object.fromEntries(Object.entries(files).map(([name, text]) => [`origin/${name}`, text])))
  return {repo, sha7: await repo.commit('one')}
}
