// What happens to a revision after it was read, on real repositories: history, rollback, quarantine, suspension, trial.

import {readFile, writeFile} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createFakeClock} from '../helpers/clock.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {createRepo, type Repo} from '../helpers/repo.ts'
import {route, type Serving, serving} from '../helpers/serving.ts'
import {until} from '../helpers/until.ts'

const COMMIT = 'state: ./state\ngit: {serve: commit}\n'
const WORKTREE = 'state: ./state\n'
const NOBODY = {who: '', why: ''}

// --- rollback

test(
  'a rollback goes back to what was served before, and sync, a restart and a commit beside the routes do not undo it',
  withFolder(async folder => {
    const {repo, commit} = await repoIn(folder)
    const a = await commit('a')
    const one = await serving(folder, COMMIT)
    const b = await commit('b')
    await one.sync()
    assert.is(one.now().applied, b)
    const outcome = await one.reconciler.operator.rollback({revision: null, who: 'ada', why: 'slow'})
    assert.equal(outcome, {answer: {from: b, to: a, quarantined: [b]}})
    const taken = {applied: a, routes: ['a.localhost'], sync: 'OutOfSync Quarantined', failed: b}
    assert.equal(one.now(), taken)
    assert.match(one.reconciler.view().sync.message, `${b} was taken back to ${a} (rolled back by ada: slow)`)
    await one.sync()
    assert.equal(one.now(), taken)
    await one.reconciler.close()
    const two = await serving(folder, COMMIT)
    assert.equal(two.now(), taken)
    await folder.write({'README.md': 'new'})
    const beside = await repo.commit('beside the routes')
    await two.sync()
    assert.equal(two.now(), {...taken, failed: beside})
    const fix = await commit('fix')
    await two.sync()
    assert.equal(two.now(), {applied: fix, routes: ['fix.localhost'], sync: 'Synced Applied', failed: null})
    assert.equal(two.condition('Quarantined'), null)
  }),
)

test(
  'a rollback over several commits keeps each of them out; resume lets the tip in',
  withFolder(async folder => {
    const {repo, commit} = await repoIn(folder)
    const a = await commit('a')
    const one = await serving(folder, COMMIT)
    const [b, c] = [await commit('b'), await commit('c')]
    await one.sync()
    assert.is(one.now().applied, c)
    const outcome = await one.reconciler.operator.rollback({revision: a, ...NOBODY})
    assert.equal(outcome, {answer: {from: c, to: a, quarantined: [c, b]}})
    await repo.git('reset', '--quiet', '--hard', b)
    await one.sync()
    assert.equal([one.now().applied, one.now().sync], [a, 'OutOfSync Quarantined'])
    const lifted = await one.reconciler.operator.resume()
    assert.equal(lifted, {answer: {suspension: null, quarantine: [c], left: []}})
    assert.equal([one.now().applied, one.now().sync], [b, 'Synced Applied'])
  }),
)

test(
  'a second rollback goes on to what was served before that; what comes later, or is unknown, is refused',
  withFolder(async folder => {
    const {commit} = await repoIn(folder)
    const a = await commit('a')
    const one = await serving(folder, COMMIT)
    const {operator} = one.reconciler
    const b = await commit('b')
    await one.sync()
    const c = await commit('c')
    await one.sync()
    await operator.rollback({revision: null, ...NOBODY})
    assert.is(one.now().applied, b)
    await operator.rollback({revision: null, ...NOBODY})
    assert.is(one.now().applied, a)
    const refusals = [null, c, a, 'nonsense', '--all'].map(async revision => {
      const outcome = await operator.rollback({revision, ...NOBODY})
      return 'refused' in outcome ? outcome.refused.message : outcome
    })
    assert.equal(await Promise.all(refusals), [
      'nothing was served before',
      `${c} was taken back itself; \`routesd resume\` lifts that first`,
      `${a} is what is served`,
      'there is no revision nonsense, in git or kept',
      'there is no revision --all, in git or kept',
    ])
    assert.is(one.now().applied, a)
  }),
)

test(
  'in a work tree the content is kept out, under whatever name it comes, and anything else is served',
  withFolder(async folder => {
    const {repo, commit} = await repoIn(folder)
    const a = await commit('a')
    const one = await serving(folder, WORKTREE)
    await folder.write({'routes.d/a.yaml': route('b')})
    await one.sync()
    const dirty = one.now().applied ?? ''
    assert.match(dirty, `${a}+dirty.`)
    const outcome = await one.reconciler.operator.rollback({revision: null, ...NOBODY})
    assert.equal(outcome, {answer: {from: dirty, to: a, quarantined: [dirty]}})
    const named = await repo.commit('the same under a name')
    await one.sync()
    assert.equal(one.now(), {applied: a, routes: ['a.localhost'], sync: 'OutOfSync Quarantined', failed: named})
    await one.reconciler.close()
    const two = await serving(folder, WORKTREE)
    assert.equal(two.now().routes, ['a.localhost'])
    await folder.write({'routes.d/a.yaml': route('c')})
    await two.sync()
    assert.equal([two.now().routes, two.now().sync], [['c.localhost'], 'Synced Applied'])
  }),
)

test(
  'outside git the sets that were served are kept, and a named one is gone back to',
  withFolder(async folder => {
    const names: string[] = []
    await folder.write({'routes.d/a.yaml': route('a')})
    const one = await serving(folder, WORKTREE)
    for (const name of ['a', 'b', 'c']) {
      await folder.write({'routes.d/a.yaml': route(name)})
      await one.sync()
      names.push(one.now().applied ?? '')
    }
    assert.match(names[0] ?? '', /^files\./)
    await one.reconciler.operator.rollback({revision: names[0] ?? '', ...NOBODY})
    assert.equal([one.now().applied, one.now().routes], [names[0], ['a.localhost']])
    await folder.write({'routes.d/a.yaml': route('b')})
    await one.sync()
    assert.equal([one.now().routes, one.now().sync], [['a.localhost'], 'OutOfSync Quarantined'])
  }),
)

// --- suspension

test(
  'while suspended nothing is applied, also after a restart, and the time that was said ends it',
  withFolder(async folder => {
    const {commit} = await repoIn(folder)
    const a = await commit('a')
    const clock = createFakeClock(Date.now())
    const one = await started(folder, COMMIT, clock)
    const end = new Date(clock.now() + 3_600_000).toISOString()
    await one.reconciler.operator.suspend({until: end, who: 'ada', why: 'by hand'})
    const b = await commit('b')
    await synced(one, clock)
    assert.equal([one.now().applied, one.now().sync], [a, 'Suspended Suspended'])
    assert.is(one.reconciler.view().sync.message, `nothing is applied until ${end} by ada: by hand`)
    await one.reconciler.close()
    const two = await started(folder, COMMIT, clock)
    assert.equal([two.now().applied, two.now().sync], [a, 'Suspended Suspended'])
    await clock.advance(3_600_000)
    await until('the end', async () => {
      await clock.advance(100)
      return two.now().applied === b
    })
    assert.equal([two.now().sync, two.condition('Suspended')], ['Synced Applied', null])
  }),
)

test(
  'resume ends the suspension first, and the quarantine when it is asked again',
  withFolder(async folder => {
    const {commit} = await repoIn(folder)
    const a = await commit('a')
    const one = await serving(folder, COMMIT)
    const {operator} = one.reconciler
    const b = await commit('b')
    await one.sync()
    await operator.suspend({until: null, ...NOBODY})
    await operator.rollback({revision: null, ...NOBODY})
    assert.equal([one.now().applied, one.now().sync], [a, 'Suspended Suspended'])
    const first = await operator.resume()
    assert.equal('answer' in first && [first.answer.quarantine, first.answer.left], [[], [b]])
    assert.equal([one.now().applied, one.now().sync], [a, 'OutOfSync Quarantined'])
    await operator.resume()
    assert.equal([one.now().applied, one.now().sync], [b, 'Synced Applied'])
    const third = await operator.resume()
    assert.equal(third, {answer: {suspension: null, quarantine: [], left: []}})
  }),
)

test(
  'a suspension of a first start does not keep it from serving',
  withFolder(async folder => {
    const {commit} = await repoIn(folder)
    await commit('a')
    const one = await serving(folder, COMMIT)
    await one.reconciler.operator.suspend({until: null, ...NOBODY})
    await one.reconciler.close()
    await folder.remove('state/last-good')
    await folder.remove('state/served')
    const two = await serving(folder, COMMIT)
    assert.equal([two.now().routes, two.now().sync], [['a.localhost'], 'Suspended Suspended'])
  }),
)

// --- confirmation

const CONFIRM = 'state: ./state\ngit: {serve: commit, confirmWithin: 10m}\n'

test(
  'a change that nobody confirms goes back, and one that was confirmed stays',
  withFolder(async folder => {
    const {commit} = await repoIn(folder)
    const a = await commit('a')
    const clock = createFakeClock(Date.now())
    const one = await started(folder, CONFIRM, clock)
    assert.is(one.now().sync, 'Synced Applied')
    const b = await commit('b')
    await synced(one, clock)
    assert.equal([one.now().applied, one.now().sync], [b, 'Synced Progressing'])
    assert.match(one.condition('Progressing')?.message ?? '', `${b} goes back to ${a} in `)
    assert.equal(await one.reconciler.operator.confirm(), {answer: {revision: b}})
    assert.equal([one.now().sync, one.condition('Progressing')], ['Synced Applied', null])
    const again = await one.reconciler.operator.confirm()
    assert.is('refused' in again && again.refused.status, 409)
    await clock.advance(700_000)
    assert.is(one.now().applied, b)
    const c = await commit('c')
    await synced(one, clock)
    assert.is(one.now().applied, c)
    await clock.advance(601_000)
    await until('the way back', async () => {
      await clock.advance(100)
      return one.now().sync === 'OutOfSync Quarantined'
    })
    assert.equal(one.now(), {applied: b, routes: ['b.localhost'], sync: 'OutOfSync Quarantined', failed: c})
    const [last] = one.reconciler.operator.history()
    assert.equal([last?.revision, last?.outcome, last?.reason, last?.serving], [c, 'reverted', 'NotConfirmed', b])
  }),
)

test(
  'a clock that leaps neither takes a change back nor keeps it waiting',
  withFolder(async folder => {
    const {commit} = await repoIn(folder)
    const a = await commit('a')
    const clock = createFakeClock(Date.now())
    const one = await started(folder, CONFIRM, clock)
    const b = await commit('b')
    await synced(one, clock)
    for (const leapMs of [86_400_000, -172_800_000]) {
      await clock.advance(60_000)
      clock.leap(leapMs)
      await until('the new end', async () => {
        await clock.advance(1_000)
        return one.lines.some(({fields}) => Math.abs(Number(fields['leapMs']) - leapMs) <= 1_000)
      })
      assert.equal([one.now().applied, one.now().sync], [b, 'Synced Progressing'], String(leapMs))
    }
    const left = /in (\d+)m/.exec(one.condition('Progressing')?.message ?? '')?.[1]
    assert.ok(Number(left) <= 8, left)
    await clock.advance(480_000)
    await until('the way back', async () => {
      await clock.advance(100)
      return one.now().applied === a
    })
  }),
)

test(
  'a restart goes on waiting for the confirmation, and takes back what was not confirmed meanwhile',
  withFolder(async folder => {
    const {commit} = await repoIn(folder)
    const a = await commit('a')
    const clock = createFakeClock(Date.now())
    const one = await started(folder, CONFIRM, clock)
    await commit('b')
    await synced(one, clock)
    const c = await commit('c')
    await synced(one, clock)
    assert.is(one.now().applied, c)
    await one.reconciler.close()
    await clock.advance(300_000)
    const two = await started(folder, CONFIRM, clock)
    assert.equal([two.now().applied, two.now().sync], [c, 'Synced Progressing'])
    await two.reconciler.close()
    await clock.advance(301_000)
    const three = await started(folder, CONFIRM, clock)
    assert.equal([three.now().applied, three.now().sync], [a, 'OutOfSync Quarantined'])
    assert.match(three.reconciler.view().sync.message, 'nobody confirmed it')
    await three.reconciler.close()
    await folder.write({'state/last-good/manifest.json': 'torn'})
    const four = await started(folder, CONFIRM, clock)
    assert.equal([four.now().applied, four.now().sync], [a, 'OutOfSync Quarantined'])
  }),
)

// --- history

test(
  'every attempt is in the history, once, with who and why, and survives a restart and a torn line',
  withFolder(async folder => {
    const {repo, commit} = await repoIn(folder)
    const a = await commit('a')
    const one = await serving(folder, COMMIT)
    await folder.write({'routes.d/a.yaml': '- id: x.localhost\n  targt: no\n'})
    const broken = await repo.commit('typo')
    await one.sync()
    await one.sync()
    const b = await commit('b')
    await one.sync()
    await folder.write({'README.md': 'x'})
    const beside = await repo.commit('readme')
    await one.sync()
    await one.reconciler.operator.rollback({revision: a, who: 'ada', why: ''})
    await one.reconciler.close()
    const said = (one: Serving) =>
      one.reconciler.operator.history().map(entry => {
        const {added, removed, moved, changed} = entry.diff ?? {}
        return [
          entry.revision,
          entry.outcome,
          entry.reason,
          entry.serving,
          entry.subject,
          added,
          removed,
          moved,
          changed,
        ]
      })
    const none = [undefined, undefined, undefined, undefined]
    const wanted = [
      [beside, 'reverted', 'RolledBack', a, 'readme', 1, 1, 0, 0],
      [beside, 'unchanged', 'SameRoutes', beside, 'readme', ...none],
      [b, 'applied', 'Applied', b, 'b', 1, 1, 0, 0],
      [broken, 'refused', 'ValidationFailed', a, 'typo', ...none],
      [a, 'applied', 'Applied', a, 'a', ...none],
    ]
    assert.equal(said(one), wanted)
    assert.match(one.reconciler.operator.history()[3]?.diagnostics[0]?.place ?? '', /^routes\.d\/a\.yaml:2:/)
    const path = folder.at('state/history.ndjson')
    await writeFile(path, `${await readFile(path, 'utf8')}{"revision":"half`)
    const two = await serving(folder, COMMIT)
    assert.equal(said(two), wanted)
  }),
)

// ---

async function repoIn(folder: Folder): Promise<{repo: Repo; commit: (name: string) => Promise<string>}> {
  const repo = await createRepo(folder.path)
  await folder.write({'.gitignore': 'state\nroutesd.yaml\n'})
  const commit = async (name: string) => {
    await folder.write({'routes.d/a.yaml': route(name)})
    return repo.commit(name)
  }
  return {repo, commit}
}

type FakeClock = ReturnType<typeof createFakeClock>

// Time must go on for what waits for quiet.
async function moving<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  let isDone = false
  const result = work.finally(() => {
    isDone = true
  })
  await until(
    'the work',
    async () => {
      await clock.advance(100)
      return isDone
    },
    20_000,
  )
  return result
}

function started(folder: Folder, yaml: string, clock: FakeClock): Promise<Serving> {
  return moving(clock, serving(folder, yaml, clock))
}

function synced(one: Serving, clock: FakeClock): Promise<void> {
  return moving(clock, one.sync())
}

test.run()
