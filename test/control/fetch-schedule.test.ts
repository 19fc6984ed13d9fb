// When a remote is fetched.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Clock} from '../../src/base/clock.ts'
import {silentLog} from '../../src/base/log.ts'
import {createRemoteOrigin} from '../../src/control/remote-origin.ts'
import type {Trigger} from '../../src/control/source.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {createRepo} from '../helpers/repo.ts'

const MINUTE_MS = 60_000

test(
  'a remote that can be fetched is fetched as often as it says, give or take a tenth',
  withFolder(async folder => {
    await createRepo(folder.at('origin')).then(repo => repo.commit('one'))
    for (const [random, waitMs] of [
      [0, 54_000],
      [0.5, 60_000],
      [1, 66_000],
    ] as const) {
      const {origin, waits} = originOf(folder, random)
      await origin.refresh(false)
      assert.equal(waits.map(Math.round), [waitMs])
      origin.stop()
    }
  }),
)

test(
  'one that cannot waits twice as long each time, up to a quarter of an hour, and starts over when it can',
  withFolder(async folder => {
    const {origin, waits} = originOf(folder, 0.5)
    for (let n = 0; n < 6; n++) {
      origin.noticed('git')
      assert.is((await origin.refresh(false))?.reason, 'RemoteMissing')
    }
    assert.equal(
      waits.map(ms => ms / MINUTE_MS),
      [2, 4, 8, 15, 15, 15],
    )
    await createRepo(folder.at('origin')).then(repo => repo.commit('one'))
    origin.noticed('webhook')
    assert.is(await origin.refresh(false), null)
    assert.is(waits.at(-1), MINUTE_MS)
    origin.stop()
  }),
)

test(
  'who asks for a fetch gets one, once; a look at the files asks for none',
  withFolder(async folder => {
    await createRepo(folder.at('origin')).then(repo => repo.commit('one'))
    const {origin, waits} = originOf(folder, 0.5)
    await origin.refresh(false)
    const fetchesAfter = async (...triggers: Trigger[]) => {
      const before = waits.length
      for (const trigger of triggers) origin.noticed(trigger)
      await origin.refresh(false)
      return waits.length - before
    }
    assert.equal([await fetchesAfter(), await fetchesAfter('timer'), await fetchesAfter('rescan')], [0, 0, 0])
    for (const trigger of ['admin', 'signal', 'git', 'webhook'] as const) assert.is(await fetchesAfter(trigger), 1)
    assert.is(await fetchesAfter('webhook', 'webhook', 'git', 'admin'), 1)
    origin.stop()
  }),
)

test.run()

// ---

function originOf(folder: Folder, random: number) {
  const waits: number[] = []
  // Notes what it is asked to wait for, and never calls back.
  const clock: Clock = {
    now: () => 0,
    after(ms) {
      waits.push(ms)
      return () => {}
    },
  }
  const origin = createRemoteOrigin({
    state: folder.at('state'),
    remote: {kind: 'path', url: folder.at('origin')},
    branch: 'main',
    path: 'routes.d',
    everyMs: MINUTE_MS,
    timeoutMs: 30_000,
    readSsh: null,
    readToken: null,
    clock,
    log: silentLog,
    random: () => random,
  })
  return {origin, waits}
}
