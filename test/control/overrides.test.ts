import {readFileSync} from 'node:fs'
import {chmod, mkdir} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {type Log, silentLog} from '../../src/base/log.ts'
import {createOverrides} from '../../src/control/overrides.ts'
import {createFakeClock, type FakeClock} from '../helpers/clock.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'

const WISH = {forMs: 600_000, who: 'ada', why: 'new version'}

// Overrides on the state of `folder`, as a start of the daemon makes them.
async function started(folder: Folder, clock: FakeClock, log: Log = silentLog) {
  let changes = 0
  const overrides = createOverrides({state: folder.path, clock, log, onChange: () => changes++})
  folder.scope.defer(() => overrides.close())
  await overrides.load()
  return {...overrides, changes: () => changes}
}

test(
  'a drain is on the disk before it holds, and a second start finds it',
  withFolder(async folder => {
    const clock = createFakeClock()
    const first = await started(folder, clock)
    const lease = await first.drain('orders@a:1', WISH)
    assert.equal(lease, {
      id: 'orders@a:1',
      since: '2026-01-01T00:00:00.000Z',
      until: '2026-01-01T00:10:00.000Z',
      who: 'ada',
      why: 'new version',
    })
    assert.is(first.changes(), 1)
    // Nothing is closed first: a kill -9 leaves just this.
    const second = await started(folder, clock)
    assert.equal(second.drains(), [lease])
    assert.equal(second.drainOf('orders@a:1'), lease)
  }),
)

test(
  'a drain ends by itself, in a running daemon and while none runs',
  withFolder(async folder => {
    const clock = createFakeClock()
    const first = await started(folder, clock)
    await first.drain('orders@a:1', WISH)
    await first.drain('orders@b:1', {...WISH, forMs: 900_000})
    await clock.advance(599_999)
    assert.is(first.drains().length, 2)
    await clock.advance(1)
    assert.equal(
      first.drains().map(({id}) => id),
      ['orders@b:1'],
    )
    assert.is(first.changes(), 3)
    await clock.advance(300_000)
    assert.is(first.changes(), 4)
    assert.equal((await started(folder, clock)).drains(), [])
  }),
)

test(
  'a drain may outlive the longest timer of the system',
  withFolder(async folder => {
    const clock = createFakeClock()
    const overrides = await started(folder, clock)
    await overrides.drain('orders@a:1', {...WISH, forMs: 30 * 86_400_000})
    await clock.advance(30 * 86_400_000 - 1)
    assert.is(overrides.drains().length, 1)
    await clock.advance(1)
    assert.is(overrides.drains().length, 0)
    assert.is(clock.pending(), 0)
  }),
)

test(
  'draining again sets a new time, and lifting it is kept as well',
  withFolder(async folder => {
    const clock = createFakeClock()
    const overrides = await started(folder, clock)
    await overrides.drain('orders@a:1', WISH)
    await overrides.drain('orders@a:1', {...WISH, forMs: 1_000})
    assert.is(overrides.drains().length, 1)
    assert.is(overrides.drainOf('orders@a:1')?.until, '2026-01-01T00:00:01.000Z')
    assert.is((await overrides.undrain('orders@a:1'))?.why, 'new version')
    assert.is(await overrides.undrain('orders@a:1'), null)
    assert.equal((await started(folder, clock)).drains(), [])
  }),
)

test(
  'drains that are asked for at the same time are all kept',
  withFolder(async folder => {
    const clock = createFakeClock()
    const overrides = await started(folder, clock)
    const ids = Array.from({length: 20}, (_, index) => `orders@a:${index}`)
    await Promise.all(ids.map(id => overrides.drain(id, WISH)))
    assert.is(overrides.changes(), 2, 'one alone, and the others that came while it was written')
    assert.equal(
      (await started(folder, clock)).drains().map(({id}) => id),
      ids,
    )
  }),
)

test(
  'orders that come while the file is being written take effect in their order',
  withFolder(async folder => {
    const overrides = await started(folder, createFakeClock())
    await overrides.drain('orders@a:1', WISH)
    const answers = await Promise.all([
      overrides.drain('orders@b:1', WISH),
      overrides.undrain('orders@b:1'),
      overrides.undrain('orders@a:1'),
      overrides.weigh('orders@c:1', 3, WISH),
      overrides.undrain('orders@c:1'),
    ])
    assert.equal(
      answers.map(answer => answer?.id ?? null),
      ['orders@b:1', 'orders@b:1', 'orders@a:1', 'orders@c:1', null],
    )
    for (const one of [overrides, await started(folder, createFakeClock())]) {
      assert.equal([one.drains(), one.weights().map(({id}) => id)], [[], ['orders@c:1']])
    }
  }),
)

test(
  'one that is lifted is lifted, whatever comes of the file',
  withFolder(async folder => {
    const state = folder.at('state')
    await mkdir(state)
    const overrides = createOverrides({state, clock: createFakeClock(), log: silentLog, onChange: () => {}})
    folder.scope.defer(() => overrides.close())
    await overrides.drain('orders@a:1', WISH)
    await folder.remove('state')
    const lifting = overrides.undrain('orders@a:1')
    assert.equal(overrides.drains(), [], 'before the disk has been asked')
    assert.is(await lifting.catch(error => error.code), 'ENOENT')
    assert.equal(overrides.drains(), [])
  }),
)

test(
  'a drain that cannot be written does not hold, and the next one is tried anew',
  withFolder(async folder => {
    const state = folder.at('state')
    const overrides = createOverrides({state, clock: createFakeClock(), log: silentLog, onChange: () => {}})
    folder.scope.defer(() => overrides.close())
    const failure = await overrides.drain('orders@a:1', WISH).then(
      () => null,
      error => error.code,
    )
    assert.is(failure, 'ENOENT')
    assert.equal(overrides.drains(), [])
    await mkdir(state)
    await chmod(state, 0o700)
    await overrides.drain('orders@a:1', WISH)
    assert.is(overrides.drains().length, 1)
  }),
)

test(
  'a weight is a lease beside drains: on the disk before it holds, found by the next start, ended by itself',
  withFolder(async folder => {
    const clock = createFakeClock()
    const first = await started(folder, clock)
    await first.drain('orders@a:1', WISH)
    const lease = await first.weigh('orders@a:1', 0, {...WISH, forMs: 900_000})
    assert.equal([lease.weight, lease.until], [0, '2026-01-01T00:15:00.000Z'])
    assert.is(await first.unweigh('orders@b:1'), null)
    const second = await started(folder, clock)
    assert.equal([second.drains().length, second.weights()], [1, [lease]])
    await clock.advance(600_000)
    assert.equal([second.drains(), second.weightOf('orders@a:1')], [[], lease])
    await clock.advance(300_000)
    assert.equal([second.weights(), second.weightOf('orders@a:1')], [[], null])
    await second.weigh('orders@a:1', 7, WISH)
    assert.is((await second.unweigh('orders@a:1'))?.weight, 7)
    assert.equal((await started(folder, clock)).weights(), [])
  }),
)

test(
  'drains of a version that knew no weights go on',
  withFolder(async folder => {
    const clock = createFakeClock()
    const drains = [{id: 'a', since: '', until: '2026-01-01T00:10:00.000Z', who: '', why: ''}]
    await folder.write({'overrides.json': JSON.stringify({version: 1, drains})})
    const overrides = await started(folder, clock)
    assert.equal([overrides.drains(), overrides.weights()], [drains, []])
  }),
)

const DAMAGED: readonly (readonly [string, string])[] = [
  ['cut off', '{"version": 1, "drains": [{"id": "ord'],
  ['of a later version', '{"version": 2, "drains": []}'],
  ['without a time', '{"version": 1, "drains": [{"id": "a@b:1", "since": "", "until": "", "who": "", "why": ""}]}'],
  ['no object', '[]'],
]

for (const [what, text] of DAMAGED) {
  test(
    `a file that is ${what} is said and drains nothing`,
    withFolder(async folder => {
      await folder.write({'overrides.json': text})
      const said: string[] = []
      const overrides = await started(folder, createFakeClock(), {
        ...silentLog,
        error: message => void said.push(message),
      })
      assert.equal(overrides.drains(), [])
      assert.equal(said, ['what operators ordered in an earlier run cannot be read and holds no longer'])
      await overrides.drain('orders@a:1', WISH)
      assert.match(readFileSync(folder.at('overrides.json'), 'utf8'), /orders@a:1/)
    }),
  )
}

test(
  'a lease that a wrong clock has made long ends after 30 days all the same',
  withFolder(async folder => {
    const lease = {id: 'a@b:1', since: '2040-01-01T00:00:00Z', until: '2040-01-01T00:10:00Z', who: '', why: ''}
    await folder.write({'overrides.json': JSON.stringify({version: 1, drains: [lease]})})
    const overrides = await started(folder, createFakeClock())
    assert.is(overrides.drainOf('a@b:1')?.until, '2026-01-31T00:00:00.000Z')
  }),
)

test.run()
