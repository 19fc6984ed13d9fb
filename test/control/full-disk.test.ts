// A state folder on a file system that is really full: what is served goes on, it is said, and it passes.

import {execFileSync} from 'node:child_process'
import {mkdirSync, rmSync, writeFileSync} from 'node:fs'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {codeOf} from '../../src/base/errors.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {cloneRepo, createRepo} from '../helpers/repo.ts'
import {route, serving} from '../helpers/serving.ts'

test(
  'a commit is served though it cannot be kept, orders that would not last are refused, and with room all is well',
  withFolder(async folder => {
    const disk = diskIn(folder)
    if (disk === null) return
    const repo = await createRepo(folder.at('repo'))
    const commit = async (name: string) => {
      await folder.write({'repo/routes.d/a.yaml': route(name)})
      return repo.commit(name)
    }
    const a = await commit('a')
    const one = await serving(folder, 'routes: repo/routes.d\nstate: disk/state\ngit: {serve: commit}\n')
    const {operator} = one.reconciler
    disk.fill()
    const b = await commit('b')
    await one.sync()
    assert.equal([one.now().applied, one.now().sync], [b, 'Synced Applied'])
    assert.match(one.condition('StateUnwritable')?.message ?? '', /last good cannot be written to .*: ENOSPC/)
    assert.is(one.reconciler.view().health.state, 'Degraded')
    const nobody = {who: '', why: ''}
    for (const outcome of [
      await operator.suspend({until: null, ...nobody}),
      await operator.rollback({revision: a, ...nobody}),
    ])
      assert.is('refused' in outcome && outcome.refused.status, 507)
    assert.equal([one.now().applied, one.now().sync], [b, 'Synced Applied'])
    disk.empty()
    await one.sync()
    assert.equal([one.condition('StateUnwritable'), one.reconciler.view().health.state], [null, 'Healthy'])
    await one.reconciler.close()
    await folder.remove('repo')
    const two = await serving(folder, 'routes: repo/routes.d\nstate: disk/state\n')
    assert.equal(two.now().routes, ['b.localhost'])
  }),
)

test(
  'a fetch that finds no room is said as that, and the mirror is as good as before',
  withFolder(async folder => {
    const disk = diskIn(folder)
    if (disk === null) return
    const bare = await createRepo(folder.at('routes.git'), '--bare')
    const work = await cloneRepo(bare, folder.at('work'))
    const push = async (name: string) => {
      await folder.write({'work/routes.d/a.yaml': route(name)})
      const sha7 = await work.commit(name)
      await work.git('push', '--quiet', 'origin', 'main')
      return sha7
    }
    const a = await push('a')
    const one = await serving(folder, 'state: disk/state\ngit: {remote: ./routes.git, every: 1h}\n')
    disk.fill()
    const b = await push('b')
    await one.sync()
    assert.is(one.now().applied, a)
    const {reason, message} = one.condition('GitOperationFailed') ?? {}
    assert.is(reason, 'DiskFull', message)
    disk.empty()
    await one.sync()
    assert.equal([one.now().applied, one.condition('GitOperationFailed')], [b, null])
  }),
)

// ---

/** A file system of its own, as `disk` in the folder; null where none can be mounted, which is said. */
function diskIn(folder: Folder): {fill(): void; empty(): void} | null {
  const disk = folder.at('disk')
  mkdirSync(disk)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk], {stdio: 'ignore'})
  } catch {
    console.log('SKIP a full disk: a tmpfs cannot be mounted here')
    return null
  }
  folder.scope.defer(() => execFileSync('umount', ['--lazy', disk]))
  const filler = `${disk}/filler`
  return {
    fill() {
      for (const size of [1 << 20, 1 << 16, 1 << 12, 1 << 8, 1]) {
        try {
          for (;;) writeFileSync(filler, Buffer.alloc(size), {flag: 'a'})
        } catch (error) {
          if (codeOf(error) !== 'ENOSPC') throw error
        }
      }
    },
    empty: () => rmSync(filler),
  }
}

test.run()
