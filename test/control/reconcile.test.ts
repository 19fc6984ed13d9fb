import {open, readFile, rename, symlink, writeFile} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {type Clock, systemClock} from '../../src/base/clock.ts'
import {EXIT} from '../../src/base/errors.ts'
import {writeAtomic} from '../../src/base/files.ts'
import type {Fields, Level, Log} from '../../src/base/log.ts'
import {readRoutesFolder} from '../../src/control/config/files.ts'
import type {SettingsOwner} from '../../src/control/config/types.ts'
import {createLastGood} from '../../src/control/gitops/last-good.ts'
import {createReconciler, type Reconciler, type ReconcilerParts} from '../../src/control/reconcile.ts'
import {StartRefused} from '../../src/control/start.ts'
import {createSwitchableSource} from '../../src/control/switchable-source.ts'
import {createWorktreeSource, type WorktreeParts} from '../../src/control/worktree-source.ts'
import type {Snapshot} from '../../src/snapshot/snapshot.ts'
import {createFakeClock, type FakeClock} from '../helpers/clock.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {cloneRepo, createRepo, openRepo, type Repo} from '../helpers/repo.ts'
import {until} from '../helpers/until.ts'

const BROKEN = '- id: "a.localhost"\n  target: [\n'

// --- what is live, and how soon

test(
  'an edit is live within half a second, under the name of the dirty commit, and a commit names it anew without a reload',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/a.yaml': route('a')})
    const first = await repo.commit('one')
    const {reconciler, applied} = await serving(folder)
    assert.equal([reconciler.view().revision.applied, reconciler.view().sync.state], [first, 'Synced'])
    const began = performance.now()
    await folder.write({'routes.d/b.yaml': route('b')})
    await until('the new route', () => ids(applied.at(-1)).includes('b.localhost'), 2_500)
    assert.ok(performance.now() - began < 2_500)
    await reconciler.idle()
    assert.match(reconciler.view().revision.applied ?? '', new RegExp(`^${first}\\+dirty\\.[0-9a-f]{8}$`))
    const second = await repo.commit('two')
    await until('the name of the commit', () => reconciler.view().revision.applied === second)
    assert.is(applied.length, 2)
    assert.is(reconciler.view().snapshot?.revision, second)
  }),
)

test(
  'a pull of 500 changed files is exactly one reload',
  withFolder(async folder => {
    const origin = await createRepo(folder.at('origin'))
    await writeMany(folder, 'origin', 500, 'old')
    await origin.commit('one')
    const live = await cloneRepo(origin, folder.at('live'))
    const {reconciler, applied, errors} = await serving(folder, {routes: 'live/routes.d', rescanMs: 300})
    await writeMany(folder, 'origin', 500, 'new')
    const sha7 = await origin.commit('two')
    await live.git('pull', '--quiet')
    await until('the pulled commit', () => reconciler.view().revision.applied === sha7, 10_000)
    // Every chance for a second reload: several rescans and a run that was asked for.
    await settledFor(1_000)
    reconciler.tick('admin')
    await reconciler.idle()
    assert.equal(applied.map(({revision, routes}) => [revision, routes.length]).slice(1), [[sha7, 500]])
    assert.ok(applied[1]?.instances.every(({host}) => host === 'new'))
    assert.equal(errors(), [])
  }),
)

test(
  'a save by rename, a swapped folder and a retargeted link are live',
  withFolder(async folder => {
    await folder.write({'one/a.yaml': route('a'), 'two/a.yaml': route('b'), 'three/a.yaml': route('c')})
    await symlink('one', folder.at('routes.d'))
    const {applied} = await serving(folder, {rescanMs: 100})
    const live = (name: string) => until(name, () => ids(applied.at(-1)).join() === `${name}.localhost`)
    await folder.write({'one/.a.yaml.tmp': route('saved')})
    await rename(folder.at('one/.a.yaml.tmp'), folder.at('one/a.yaml'))
    await live('saved')
    await symlink('two', folder.at('link'))
    await rename(folder.at('link'), folder.at('routes.d'))
    await live('b')
    await rename(folder.at('two'), folder.at('old'))
    await rename(folder.at('three'), folder.at('two'))
    await live('c')
    await folder.write({'two/a.yaml': route('again')})
    await live('again')
  }),
)

test(
  'an added work tree is followed by its own HEAD',
  withFolder(async folder => {
    const main = await createRepo(folder.at('main'))
    await folder.write({'main/routes.d/a.yaml': route('a')})
    await main.commit('one')
    await main.git('worktree', 'add', '--quiet', '-b', 'next', folder.at('added'))
    const {reconciler} = await serving(folder, {routes: 'added/routes.d'})
    await folder.write({'added/routes.d/a.yaml': route('b')})
    const sha7 = await openRepo(folder.at('added')).commit('two')
    await until('the commit', () => reconciler.view().revision.applied === sha7)
  }),
)

// --- not while somebody is writing

test(
  'a file that is half written for a moment is not served and not complained about',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': route('a')})
    // By hand, because a machine that has no time for the writer has some for the daemon.
    const clock = createFakeClock()
    const {applied, errors, reconciler} = await serving(folder, {clock})
    await reconciler.idle()
    const pending = clock.pending()
    const file = await open(folder.at('routes.d/a.yaml'), 'w')
    await file.write(BROKEN)
    await until('it to wait for the end of the writing', () => clock.pending() > pending)
    await clock.advance(80)
    await file.truncate(0)
    await file.write(route('whole'), 0)
    await file.close()
    await advanceUntil(clock, 'the whole file', () => ids(applied.at(-1)).includes('whole.localhost'))
    assert.equal([applied.length, errors()], [2, []])
  }),
)

test(
  'a file that changes while it is read is read again',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': route('old'), 'routes.d/b.yaml': route('b')})
    let reads = 0
    const readFolder: typeof readRoutesFolder = async (root, label) => {
      const result = await readRoutesFolder(root, label)
      if (++reads === 1) await folder.write({'routes.d/a.yaml': route('newer')})
      return result
    }
    const {applied, reconciler} = await serving(folder, {readFolder})
    await reconciler.idle()
    assert.equal([applied.length, ids(applied[0])], [1, ['b.localhost', 'newer.localhost']])
  }),
)

test(
  'a folder that never rests is not served in part, and is served when it rests',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': route('a')})
    let restless = false
    const readFolder: typeof readRoutesFolder = async (root, label) => {
      const result = await readRoutesFolder(root, label)
      if (restless) await folder.write({'routes.d/a.yaml': route(`a${performance.now()}`)})
      return result
    }
    const {applied, reconciler} = await serving(folder, {readFolder})
    restless = true
    reconciler.tick('admin')
    await until('the condition', () => condition(reconciler, 'Drift') === 'KeepsChanging')
    assert.is(applied.length, 1)
    restless = false
    await folder.write({'routes.d/a.yaml': route('rest')})
    await until('rest', () => ids(applied.at(-1)).includes('rest.localhost'))
    await reconciler.idle()
    assert.is(condition(reconciler, 'Drift'), null)
  }),
)

test(
  'nothing is read while index.lock is held',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/a.yaml': route('a')})
    await repo.commit('one')
    const {applied, errors} = await serving(folder)
    await folder.write({'.git/index.lock': '', 'routes.d/a.yaml': BROKEN})
    await settledFor(700)
    await folder.write({'routes.d/a.yaml': route('b')})
    await settledFor(300)
    assert.is(applied.length, 1)
    await folder.remove('.git/index.lock')
    await until('the new route', () => ids(applied.at(-1)).includes('b.localhost'))
    assert.equal(errors(), [])
  }),
)

test(
  'what git begins while the folder is read is waited for',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/a.yaml': route('a')})
    await repo.commit('one')
    let reads = 0
    const readFolder: typeof readRoutesFolder = async (root, label) => {
      if (++reads === 2) await folder.write({'.git/index.lock': ''})
      return readRoutesFolder(root, label)
    }
    const {applied} = await serving(folder, {readFolder})
    await folder.write({'routes.d/a.yaml': route('half')})
    await until('the read', () => reads >= 3)
    await settledFor(300)
    assert.is(applied.length, 1)
    await folder.write({'routes.d/a.yaml': route('whole')})
    await folder.remove('.git/index.lock')
    await until('the end of it', () => applied.length === 2)
    assert.equal(ids(applied[1]), ['whole.localhost'])
  }),
)

test(
  'a conflict is waited out, and what resolves it goes live',
  withFolder(async folder => {
    const repo = await conflicting(folder)
    const {applied, errors, reconciler} = await serving(folder)
    await repo.git('merge', '--quiet', 'other').catch(() => null)
    assert.match(await readFile(folder.at('routes.d/a.yaml'), 'utf8'), /<<<<<<</)
    await settledFor(700)
    assert.equal([applied.length, reconciler.view().sync.state, errors()], [1, 'Synced', []])
    await folder.write({'routes.d/a.yaml': route('resolved')})
    const sha7 = await repo.commit('merged')
    await until('the merge', () => reconciler.view().revision.applied === sha7)
    assert.equal([ids(applied.at(-1)), applied.length], [['resolved.localhost'], 2])
  }),
)

test(
  'a conflict that stays is read after 30 s, refused, and said to be the reason',
  withFolder(async folder => {
    const repo = await conflicting(folder)
    const clock = createFakeClock()
    const {applied, reconciler} = await serving(folder, {clock})
    await repo.git('merge', '--quiet', 'other').catch(() => null)
    const began = clock.now()
    reconciler.tick('admin')
    await advanceUntil(clock, 'the refusal', () => reconciler.view().sync.state === 'OutOfSync')
    assert.ok(clock.now() - began >= 30_000)
    await advanceUntil(clock, 'the end of the run', () => condition(reconciler, 'Drift') !== null)
    assert.equal(
      [condition(reconciler, 'Drift'), condition(reconciler, 'ValidationFailed')],
      ['GitBusy', 'ValidationFailed'],
    )
    assert.is(applied.length, 1)
    await repo.git('merge', '--abort')
    reconciler.tick('admin')
    await advanceUntil(clock, 'sync', () => reconciler.view().sync.state === 'Synced')
    assert.equal(reconciler.view().conditions, [])
  }),
)

// --- refused

test(
  'an invalid set is refused with its place, once, while the old one serves; the fix goes live',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': route('a')})
    const {applied, errors, reconciler} = await serving(folder)
    const good = reconciler.view().revision.applied
    await folder.write({'routes.d/b.yaml': BROKEN})
    await until('the refusal', () => reconciler.view().sync.state === 'OutOfSync')
    await reconciler.idle()
    const {sync, revision, health} = reconciler.view()
    assert.equal([sync.reason, health.state, revision.applied], ['ValidationFailed', 'Healthy', good])
    assert.match(sync.message, /^routes\.d\/b\.yaml:\d+: /)
    assert.ok(revision.failed !== null && revision.failed !== good && revision.failed === revision.fetched)
    const logged = errors().length
    assert.ok(logged >= 2, 'one line per finding and one for the set')
    for (let again = 0; again < 3; again++) {
      reconciler.tick('rescan')
      await reconciler.idle()
    }
    assert.equal([errors().length, applied.length], [logged, 1])
    await folder.write({'routes.d/b.yaml': route('b')})
    await until('the fix', () => reconciler.view().sync.state === 'Synced')
    assert.equal([reconciler.view().conditions, reconciler.view().revision.failed], [[], null])
    assert.equal(ids(applied.at(-1)), ['a.localhost', 'b.localhost'])
  }),
)

test(
  'taking back a refused edit needs no reload',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': route('a')})
    const {applied, reconciler} = await serving(folder)
    await folder.write({'routes.d/a.yaml': BROKEN})
    await until('the refusal', () => reconciler.view().sync.state === 'OutOfSync')
    await folder.write({'routes.d/a.yaml': route('a')})
    await until('sync', () => reconciler.view().sync.state === 'Synced')
    assert.is(applied.length, 1)
  }),
)

test(
  'a set without routes is refused where there were some, and a missing folder too, until they are back',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': route('a')})
    const {applied, reconciler} = await serving(folder, {rescanMs: 100})
    const reason = () => reconciler.view().sync.reason
    await folder.remove('routes.d/a.yaml')
    await until('the guard', () => reason() === 'GuardRefused')
    await folder.remove('routes.d')
    await until('the missing folder', () => reason() === 'RoutesMissing')
    assert.equal(
      reconciler.view().conditions.map(({type}) => type),
      ['RoutesMissing'],
    )
    await folder.write({'routes.d/a.yaml': route('back')})
    await until('its return', () => ids(applied.at(-1)).includes('back.localhost'))
    await reconciler.idle()
    assert.equal([applied.length, reconciler.view().sync.state], [2, 'Synced'])
  }),
)

test(
  'services alone are a set that may be served, and may not be lost',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': route('a')})
    const {applied, reconciler} = await serving(folder, {rescanMs: 100})
    await folder.write({'routes.d/a.yaml': 'services: [{slug: s, instances: ["http://127.0.0.1:1"]}]\n'})
    await until('the services', () => applied.at(-1)?.services.length === 1)
    assert.is(applied.at(-1)?.routes.length, 0)
    await folder.remove('routes.d/a.yaml')
    await until('the guard', () => reconciler.view().sync.reason === 'GuardRefused')
    assert.match(reconciler.view().sync.message, /no routes and no services any more, and had 1;/)
  }),
)

test(
  'git.allowEmpty lets the last route go',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': route('a')})
    const {applied} = await serving(folder, {allowEmpty: true})
    await folder.remove('routes.d/a.yaml')
    await until('no routes', () => applied.at(-1)?.routes.length === 0)
  }),
)

// --- starting

for (const [what, spoil, reason] of [
  ['broken', (folder: Folder) => folder.write({'routes.d/a.yaml': BROKEN}), 'ValidationFailed'],
  ['missing', (folder: Folder) => folder.remove('routes.d'), 'RoutesMissing'],
  ['emptied', (folder: Folder) => folder.remove('routes.d/a.yaml'), 'GuardRefused'],
] as const) {
  test(
    `a start with a ${what} routes.d serves the last good set under its name, says why, and follows the fix`,
    withFolder(async folder => {
      await folder.write({'routes.d/a.yaml': route('a')})
      const before = await serving(folder)
      const good = before.reconciler.view().revision.applied
      await before.reconciler.close()
      await spoil(folder)
      const {applied, reconciler} = await serving(folder, {rescanMs: 100})
      assert.equal([ids(applied[0]), applied[0]?.revision], [['a.localhost'], good])
      const {sync, revision} = reconciler.view()
      assert.equal([sync.state, sync.reason, revision.applied], ['OutOfSync', reason, good])
      assert.ok(revision.failed !== null && revision.failed !== good)
      await folder.write({'routes.d/a.yaml': route('fixed')})
      await until('the fix', () => ids(applied.at(-1)).includes('fixed.localhost'))
      await until('sync', () => reconciler.view().sync.state === 'Synced')
    }),
  )
}

test(
  'a start with nothing to serve is refused with exit code 1 and the findings',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': BROKEN})
    const refusal = await serving(folder).then(() => null, same)
    if (!(refusal instanceof StartRefused)) throw new Error(`expected StartRefused, got ${String(refusal)}`)
    assert.is(refusal.exitCode, EXIT.findings)
    assert.match(refusal.message, /^routes\.d\/a\.yaml:\d+: /)
    assert.match(refusal.hint ?? '', /no last good/)
    assert.ok(refusal.diagnostics.length > 0)
    await folder.remove('routes.d')
    const missing = await serving(folder).then(() => null, same)
    assert.match(String(missing), /routes\.d is missing/)
  }),
)

test(
  'a start with a broken routes.d and a damaged last good names both',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': BROKEN, 'state/last-good/manifest.json': '{'})
    const refusal = await serving(folder).then(() => null, same)
    assert.match(refusal instanceof StartRefused ? (refusal.hint ?? '') : '', /last good is unusable/)
  }),
)

test(
  'an empty routes.d at the first start serves no routes and says so',
  withFolder(async folder => {
    await folder.write({'routes.d/README': 'nothing yet'})
    const {applied, reconciler, lines} = await serving(folder)
    assert.equal([applied.length, applied[0]?.routes.length], [1, 0])
    assert.equal([reconciler.view().sync.state, reconciler.view().conditions], ['Synced', []])
    assert.ok(lines.some(({level, message}) => level === 'warn' && /no routes/.test(message)))
  }),
)

test(
  'a start in the middle of a merge does not wait for its end',
  withFolder(async folder => {
    const repo = await conflicting(folder)
    await writeFile(folder.at('.git/MERGE_HEAD'), `${await repo.git('rev-parse', 'other')}\n`)
    const began = performance.now()
    const {applied} = await serving(folder)
    assert.is(applied.length, 1)
    assert.ok(performance.now() - began < 10_000)
  }),
)

// --- what fails around it

test(
  'a state folder that cannot be written degrades, keeps nobody from serving, and heals',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': route('a')})
    let full = true
    const lastGood = createLastGood(folder.at('state'), systemClock, async (path, data, mode) => {
      if (full) throw Object.assign(new Error('ENOSPC: no space left on device'), {code: 'ENOSPC'})
      await writeAtomic(path, data, mode)
    })
    const {applied, reconciler, errors} = await serving(folder, {lastGood})
    await folder.write({'routes.d/a.yaml': route('b')})
    await until('the edit', () => applied.length === 2)
    await reconciler.idle()
    assert.equal([reconciler.view().sync.state, reconciler.view().health.state], ['Synced', 'Degraded'])
    assert.match(reconciler.view().health.message, /ENOSPC/)
    assert.is(errors().length, 1, 'said once')
    full = false
    reconciler.tick('admin')
    await reconciler.idle()
    assert.equal([reconciler.view().health.state, reconciler.view().conditions], ['Healthy', []])
    assert.is((await lastGood.load()).kind, 'set')
  }),
)

test(
  'a failed hand-over is tried again, and the old set stays the one that is served',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': route('a')})
    const clock = createFakeClock()
    let failing = false
    const applied: Snapshot[] = []
    const plane = {
      async apply(snapshot: Snapshot) {
        if (failing) throw new Error('no worker left')
        applied.push(snapshot)
      },
    }
    const {reconciler} = await serving(folder, {clock, plane})
    failing = true
    await folder.write({'routes.d/a.yaml': route('b')})
    reconciler.tick('admin')
    await advanceUntil(clock, 'the failure', () => condition(reconciler, 'ApplyFailed') !== null)
    assert.equal(ids(reconciler.view().snapshot), ['a.localhost'])
    assert.equal([reconciler.view().health.state, reconciler.view().sync.state], ['Degraded', 'OutOfSync'])
    failing = false
    await advanceUntil(clock, 'another try', () => ids(reconciler.view().snapshot).includes('b.localhost'))
    await advanceUntil(clock, 'no conditions', () => reconciler.view().conditions.length === 0)
    assert.is(reconciler.view().sync.state, 'Synced')
  }),
)

test(
  'one run at a time, however many ticks, and the last state wins',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': route('a')})
    let at = 0
    let most = 0
    const applied: Snapshot[] = []
    const plane = {
      async apply(snapshot: Snapshot) {
        most = Math.max(most, ++at)
        await settledFor(30)
        at--
        applied.push(snapshot)
      },
    }
    const {reconciler} = await serving(folder, {plane})
    for (let n = 0; n < 10; n++) {
      await folder.write({'routes.d/a.yaml': route(`n${n}`)})
      for (let ticks = 0; ticks < 5; ticks++) reconciler.tick('admin')
      await settledFor(20)
    }
    await until('the last', () => ids(applied.at(-1)).includes('n9.localhost'))
    await reconciler.idle()
    assert.is(most, 1)
    assert.equal(ids(reconciler.view().snapshot), ['n9.localhost'])
  }),
)

test(
  'names are resolved before they are served, those of both sets until the new one is',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': route('a', 'http://old:1')})
    const order: string[] = []
    const plane = {apply: async ({routes}: Snapshot) => void order.push(`apply ${routes.length}`)}
    const resolver = {watch: async (hosts: readonly string[]) => void order.push([...hosts].sort().join('+'))}
    const {reconciler} = await serving(folder, {plane, resolver})
    await folder.write({'routes.d/a.yaml': route('a', 'http://new:1')})
    await until('the edit', () => order.length === 6)
    await reconciler.idle()
    assert.equal(order, ['old', 'apply 1', 'old', 'new+old', 'apply 1', 'new'])
  }),
)

// --- what is valid and refused all the same

test(
  'a set whose tests fail is not served, and the tests are named; a fix is',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': route('a')})
    const {reconciler, applied, errors} = await serving(folder)
    const expecting = (id: string) =>
      `tests: [{name: b is b, request: "GET http://b.localhost/", expect: {route: ${id}}}]\n`
    await folder.write({'routes.d/b.yaml': route('b'), 'routes.d/t.yaml': expecting('a.localhost')})
    await until('a refusal', () => reconciler.view().sync.reason === 'TestsFailed')
    const message = 'routes.d/t.yaml:1: test "b is b" fails: route is "b.localhost", not "a.localhost"'
    assert.is(reconciler.view().sync.message, message)
    assert.equal(
      reconciler.view().conditions.map(({type}) => type),
      ['TestsFailed'],
    )
    assert.ok(errors().includes('test "b is b" fails: route is "b.localhost", not "a.localhost"'))
    assert.is(applied.length, 1)
    await folder.write({'routes.d/t.yaml': expecting('b.localhost')})
    await until('the fix', () => applied.length === 2)
    assert.equal(reconciler.view().conditions, [])
  }),
)

test(
  'a file that claims what belongs to others refuses the set, and names the owner',
  withFolder(async folder => {
    await folder.write({'routes.d/team-a/a.yaml': route('a')})
    const owners = [{files: 'team-a/**', routes: ['a.localhost']}]
    const {reconciler, applied} = await serving(folder, {owners})
    await folder.write({'routes.d/b.yaml': 'id: a.localhost/b\ntarget: http://127.0.0.1:1\n'})
    await until('a refusal', () => reconciler.view().sync.reason === 'OwnershipViolated')
    const message = 'routes.d/b.yaml:1: route "a.localhost/b" belongs to "team-a/**", which owns "a.localhost"'
    assert.is(reconciler.view().sync.message, message)
    assert.is(applied.length, 1)
  }),
)

test(
  'a listener hears of every run, and one that throws harms nobody',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': route('a')})
    const {reconciler} = await serving(folder)
    const heard: (string | null)[] = []
    reconciler.subscribe(() => {
      throw new Error('a bad listener')
    })
    const leave = reconciler.subscribe(({revision}) => heard.push(revision.applied))
    await folder.write({'routes.d/b.yaml': route('b')})
    await until('an event', () => heard.length > 0)
    assert.is(heard.at(-1), reconciler.view().revision.applied)
    leave()
    const count = heard.length
    reconciler.tick('admin')
    await reconciler.idle()
    assert.is(heard.length, count)
  }),
)

test(
  'closing does not wait for a merge to end',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/a.yaml': route('a')})
    await repo.commit('one')
    const {reconciler} = await serving(folder)
    await folder.write({'.git/index.lock': ''})
    reconciler.tick('admin')
    await settledFor(100)
    const began = performance.now()
    await reconciler.close()
    assert.ok(performance.now() - began < 10_000)
  }),
)

test.run()

// ---

type Line = {level: Level; message: string; fields: Fields}
type Serving = {
  reconciler: Reconciler
  applied: Snapshot[]
  lines: Line[]
  errors(): string[]
}

type Options = Partial<Omit<ReconcilerParts, 'settings'>> &
  Partial<Pick<WorktreeParts, 'rescanMs' | 'readFolder'>> & {
    routes?: string
    allowEmpty?: boolean
    owners?: readonly SettingsOwner[]
    clock?: Clock
  }

async function serving(
  folder: Folder,
  {routes = 'routes.d', allowEmpty = false, owners = [], rescanMs, readFolder, ...parts}: Options = {},
): Promise<Serving> {
  const applied: Snapshot[] = []
  const lines: Line[] = []
  const note =
    (level: Level) =>
    (message: string, fields: Fields = {}) =>
      void lines.push({level, message, fields})
  const log: Log = {debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error')}
  const source = createWorktreeSource({
    root: folder.at(routes),
    label: 'routes.d',
    clock: parts.clock ?? systemClock,
    log,
    ...(rescanMs === undefined ? {} : {rescanMs}),
    ...(readFolder === undefined ? {} : {readFolder}),
  })
  const reconciler = createReconciler({
    state: folder.at('state'),
    settings: () => ({
      git: {allowEmpty},
      permit: {files: ['.'], env: [], denyTargets: []},
      owners,
      forward: {forwarded: false, via: false, requestId: false, traceparent: false},
    }),
    source: createSwitchableSource(source),
    clock: systemClock,
    log,
    plane: {apply: async snapshot => void applied.push(snapshot)},
    resolver: {watch: async () => {}},
    health: {prepare() {}, watch() {}},
    ...parts,
  })
  folder.scope.defer(() => reconciler.close())
  await (isFake(parts.clock) ? startWith(parts.clock, reconciler) : reconciler.start())
  return {
    reconciler,
    applied,
    lines,
    errors: () => lines.filter(({level}) => level === 'error').map(({message}) => message),
  }
}

async function startWith(clock: FakeClock, reconciler: Reconciler): Promise<void> {
  let started = false
  const start = reconciler.start().then(() => {
    started = true
  })
  await advanceUntil(clock, 'the start', () => started)
  await start
}

function isFake(clock: Clock | undefined): clock is FakeClock {
  return clock !== undefined && 'advance' in clock
}

async function advanceUntil(clock: FakeClock, what: string, look: () => boolean): Promise<void> {
  await until(
    what,
    async () => {
      await clock.advance(100)
      return look()
    },
    20_000,
  )
}

// For what must not happen: nothing can be waited for but time.
async function settledFor(ms: number): Promise<void> {
  const began = performance.now()
  await until(`${ms} ms to pass`, () => performance.now() - began >= ms, ms + 5_000)
}

function route(name: string, target = 'http://localhost:1'): string {
  return `- id: "${name}.localhost"\n  target: "${target}"\n`
}

async function writeMany(folder: Folder, name: string, count: number, host: string): Promise<void> {
  for (let n = 0; n < count; n++) {
    await folder.write({[`${name}/routes.d/${n % 10}/${n}.yaml`]: route(`r${n}`, `http://${host}:1`)})
  }
}

async function conflicting(folder: Folder): Promise<Repo> {
  const repo = await createRepo(folder.path)
  await folder.write({'routes.d/a.yaml': route('a'), '.gitignore': 'state\n'})
  await repo.commit('one')
  await repo.git('checkout', '--quiet', '-b', 'other')
  await folder.write({'routes.d/a.yaml': route('theirs')})
  await repo.commit('theirs')
  await repo.git('checkout', '--quiet', 'main')
  await folder.write({'routes.d/a.yaml': route('ours')})
  await repo.commit('ours')
  return repo
}

function ids(snapshot: Snapshot | null | undefined): string[] {
  return snapshot?.routes.map(({id}) => id) ?? []
}

function condition(reconciler: Reconciler, type: string): string | null {
  return reconciler.view().conditions.find(other => other.type === type)?.reason ?? null
}

function same(error: unknown): unknown {
  return error
}
