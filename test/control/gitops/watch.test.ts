import {rename, symlink, unlink, writeFile} from 'node:fs/promises'
import {type FSWatcher, watch as watchFiles} from 'chokidar'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {systemClock} from '../../../src/base/clock.ts'
import {type Log, silentLog} from '../../../src/base/log.ts'
import {fingerprint} from '../../../src/control/gitops/fingerprint.ts'
import {createWatch, type WatchReason} from '../../../src/control/gitops/watch.ts'
import {createFakeClock} from '../../helpers/clock.ts'
import {type Folder, withFolder} from '../../helpers/folder.ts'
import {createRepo} from '../../helpers/repo.ts'
import {until} from '../../helpers/until.ts'

// So long that no test sees one by accident.
const NO_RESCAN_MS = 600_000
const QUICK_RESCAN_MS = 50

test(
  'an edit, a new file, a new folder, a save by rename and a deletion each give a hint',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': '1'})
    const hints = await watching(folder, NO_RESCAN_MS)
    for (const [what, change] of [
      ['an edit', () => folder.write({'routes.d/a.yaml': '2'})],
      ['a new file', () => folder.write({'routes.d/b.yml': '1'})],
      ['a new folder', () => folder.write({'routes.d/team/deep/c.yaml': '1'})],
      ['an edit in it', () => folder.write({'routes.d/team/deep/c.yaml': '22'})],
      ['a save by rename', () => saveByRename(folder, 'routes.d/a.yaml', '3')],
      ['a deletion', () => folder.remove('routes.d/b.yml')],
    ] as const) {
      await hints.quiet()
      await change()
      await until(`a hint of ${what}`, () => hints.count() > 0)
      assert.equal([...new Set(hints.reasons())], ['watch'], what)
    }
  }),
)

test(
  'other files, dot-files and the objects of the repository give none, a commit does',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'a.yaml': '1'})
    await repo.commit('one')
    const hints = await watching(folder, NO_RESCAN_MS, '.')
    await folder.write({'notes.txt': 'x', '.a.yaml.swp': 'x', '.hidden/b.yaml': 'x', '.git/objects/x.yaml': 'x'})
    await repo.git('hash-object', '-w', 'a.yaml')
    await folder.write({'b.yaml': '1'})
    await until('the hint of the file that counts', () => hints.count() > 0)
    assert.equal(await hints.quiet(), 1)
    await repo.commit('two')
    await until('the hint of the commit', () => hints.count() > 0)
  }),
)

test(
  'a folder that is deleted and made again is watched as before',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': '1'})
    const hints = await watching(folder, QUICK_RESCAN_MS)
    await folder.remove('routes.d')
    await until('a hint of the deletion', () => hints.count() > 0)
    await hints.quiet()
    await folder.write({'routes.d/a.yaml': '2'})
    await until('a hint of the return', () => hints.count() > 0)
    await hints.quiet()
    await folder.write({'routes.d/a.yaml': '3'})
    await until('a hint of an edit', () => hints.reasons().includes('watch'))
  }),
)

test(
  'a folder that is missing at first is noticed when it comes',
  withFolder(async folder => {
    const hints = await watching(folder, QUICK_RESCAN_MS)
    await folder.write({'routes.d/a.yaml': '1'})
    await until('a hint', () => hints.count() > 0)
  }),
)

test(
  'a folder that is swapped for another is noticed, and watched from then on',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': '1', 'next/a.yaml': '2'})
    const hints = await watching(folder, QUICK_RESCAN_MS)
    await rename(folder.at('routes.d'), folder.at('old'))
    await rename(folder.at('next'), folder.at('routes.d'))
    await until('a hint of the swap', () => hints.count() > 0)
    await hints.quiet()
    await folder.write({'routes.d/a.yaml': '33'})
    await until('a hint of an edit in the new folder', () => hints.reasons().includes('watch'))
  }),
)

test(
  'a link that is retargeted is noticed, and what it points to is watched from then on',
  withFolder(async folder => {
    await folder.write({'one/a.yaml': '1', 'two/a.yaml': '2'})
    await symlink('one', folder.at('routes.d'))
    const hints = await watching(folder, QUICK_RESCAN_MS)
    await symlink('two', folder.at('routes.d.new'))
    await rename(folder.at('routes.d.new'), folder.at('routes.d'))
    await until('a hint of the retarget', () => hints.count() > 0)
    await hints.quiet()
    await folder.write({'two/a.yaml': '33'})
    await until('a hint of an edit behind the link', () => hints.reasons().includes('watch'))
  }),
)

for (const [what, link, target] of [
  ['a file', 'a.yaml', '..data/a.yaml'],
  ['a folder', 'team', '..data'],
] as const) {
  test(
    `${what} behind links, as a mounted ConfigMap has it, is noticed when the links move`,
    withFolder(async folder => {
      await folder.write({'routes.d/..v1/a.yaml': '1', 'routes.d/..v2/a.yaml': '2'})
      await symlink('..v1', folder.at('routes.d/..data'))
      await symlink(target, folder.at(`routes.d/${link}`))
      const before = await fingerprint(folder.at('routes.d'))
      const hints = await watching(folder, QUICK_RESCAN_MS)
      await symlink('..v2', folder.at('routes.d/..new'))
      await rename(folder.at('routes.d/..new'), folder.at('routes.d/..data'))
      assert.is.not(await fingerprint(folder.at('routes.d')), before)
      await until('a hint', () => hints.count() > 0)
    }),
  )
}

test(
  'a loop of links is looked at once',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': '1'})
    await symlink('.', folder.at('routes.d/loop'))
    await symlink('nowhere', folder.at('routes.d/dangling.yaml'))
    assert.match(await fingerprint(folder.at('routes.d')), /dangling\.yaml ENOENT/)
  }),
)

test(
  'what the watcher missed is found within five seconds, and nothing is found where nothing changed',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': '1'})
    const clock = createFakeClock()
    const reasons: WatchReason[] = []
    const root = folder.at('routes.d')
    const watch = await createWatch({root, clock, log: silentLog, tick: reason => reasons.push(reason)})
    folder.scope.defer(() => watch.close())
    const rescans = () => reasons.filter(reason => reason === 'rescan').length
    // The next rescan is set when the one before is done.
    const rescan = async () => {
      await clock.advance(5_000)
      await until('the end of the rescan', () => clock.pending() > 0)
    }
    await rescan()
    assert.is(rescans(), 0)
    await folder.write({'routes.d/a.yaml': '2'})
    await rescan()
    assert.is(rescans(), 1)
    await rescan()
    assert.is(rescans(), 1)
  }),
)

test(
  'a watcher that fails is set up again, later each time, and said',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': '1'})
    const clock = createFakeClock()
    const said: unknown[] = []
    const log: Log = {...silentLog, warn: (_, fields) => said.push(fields?.['inMs'])}
    const watchers: FSWatcher[] = []
    const open: typeof watchFiles = (paths, options) => {
      const watcher = watchFiles(paths, options)
      watchers.push(watcher)
      return watcher
    }
    let hints = 0
    const root = folder.at('routes.d')
    const watch = await createWatch({root, clock, log, tick: () => hints++, open, rescanMs: NO_RESCAN_MS})
    folder.scope.defer(() => watch.close())
    for (let failure = 1; failure <= 3; failure++) {
      watchers.at(-1)?.emit('error', new Error('ENOSPC: no inotify watches left'))
      await clock.advance(1_000 * 2 ** (failure - 1))
      await until('another watcher', () => watchers.length === failure + 1)
      assert.is(watchers.at(-2)?.closed, true)
    }
    assert.equal(said, [1_000, 2_000, 4_000])
    hints = 0
    await until('a hint', async () => {
      await folder.write({'routes.d/a.yaml': `${performance.now()}`})
      return hints > 0
    })
  }),
)

test(
  'a full re-read is asked for now and then, without any change',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': '1'})
    const hints = await watching(folder, 5)
    await until('two rescans', () => hints.count() >= 2)
    assert.equal([...new Set(hints.reasons())], ['rescan'])
  }),
)

test(
  'a closed watch gives no hints',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': '1'})
    const reasons: WatchReason[] = []
    const tick = (reason: WatchReason) => reasons.push(reason)
    const root = folder.at('routes.d')
    const watch = await createWatch({root, clock: systemClock, log: silentLog, tick, rescanMs: 5})
    await watch.close()
    reasons.length = 0
    await writeFile(folder.at('routes.d/a.yaml'), '2')
    await unlink(folder.at('routes.d/a.yaml'))
    const began = performance.now()
    await until('some time', () => performance.now() - began > 100)
    assert.equal(reasons, [])
  }),
)

test.run()

// ---

type Hints = {
  count(): number
  reasons(): readonly WatchReason[]
  /** Waits until 150 ms passed without a hint, forgets those that came and returns how many. */
  quiet(): Promise<number>
}

async function watching(folder: Folder, rescanMs: number, name = 'routes.d'): Promise<Hints> {
  let reasons: WatchReason[] = []
  let lastAt = 0
  const tick = (reason: WatchReason) => {
    reasons.push(reason)
    lastAt = performance.now()
  }
  const watch = await createWatch({root: folder.at(name), clock: systemClock, log: silentLog, tick, rescanMs})
  folder.scope.defer(() => watch.close())
  return {
    count: () => reasons.length,
    reasons: () => reasons,
    async quiet() {
      const beganAt = performance.now()
      await until('a quiet moment', () => performance.now() - Math.max(lastAt, beganAt) > 150)
      const count = reasons.length
      reasons = []
      return count
    },
  }
}

async function saveByRename(folder: Folder, name: string, text: string): Promise<void> {
  await folder.write({[`${name}.tmp`]: text})
  await rename(folder.at(`${name}.tmp`), folder.at(name))
}
