import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createSettler} from '../../../src/control/gitops/settle.ts'
import {createFakeClock, type FakeClock} from '../../helpers/clock.ts'

const atRest = async () => null

test('a folder that nobody touched is settled at once', async () => {
  const clock = createFakeClock()
  const wait = watched(createSettler(clock, atRest).settled())
  await clock.advance(0)
  assert.is(wait.ended, true)
})

test('it is settled 150 ms after the last event, not before', async () => {
  const clock = createFakeClock()
  const settler = createSettler(clock, atRest)
  settler.touch()
  const wait = watched(settler.settled())
  await clock.advance(100)
  settler.touch()
  await clock.advance(149)
  assert.is(wait.ended, false)
  await clock.advance(1)
  assert.is(wait.ended, true)
})

test('endless events hold it up for two seconds and no longer', async () => {
  const clock = createFakeClock()
  const settler = createSettler(clock, atRest)
  settler.touch()
  const wait = watched(settler.settled())
  await touchEvery(clock, 50, 1_950, settler.touch)
  assert.is(wait.ended, false)
  await touchEvery(clock, 50, 100, settler.touch)
  assert.is(wait.ended, true)
})

test('a lock is waited for, and after it a quiet moment', async () => {
  const clock = createFakeClock()
  let lock: string | null = 'git holds index.lock'
  const wait = watched(createSettler(clock, async () => lock).settled())
  await clock.advance(5_000)
  assert.is(wait.ended, false)
  lock = null
  await clock.advance(100)
  assert.is(wait.ended, false)
  await clock.advance(150)
  assert.equal([wait.ended, wait.value], [true, null])
})

test('a lock that stays is waited for 30 s, and then named', async () => {
  const clock = createFakeClock()
  const wait = watched(createSettler(clock, async () => 'a merge is not concluded').settled())
  await clock.advance(29_500)
  assert.is(wait.ended, false)
  await clock.advance(1_000)
  assert.equal([wait.ended, wait.value], [true, 'a merge is not concluded'])
})

test('stopping ends a wait at once and leaves no timer', async () => {
  const clock = createFakeClock()
  const settler = createSettler(clock, async () => 'a merge is not concluded')
  const wait = watched(settler.settled())
  await clock.advance(1_000)
  settler.stop()
  await clock.advance(0)
  assert.equal([wait.ended, clock.pending()], [true, 0])
})

test.run()

// ---

function watched(promise: Promise<string | null>): {ended: boolean; value: string | null} {
  const wait: {ended: boolean; value: string | null} = {ended: false, value: null}
  void promise.then(value => Object.assign(wait, {ended: true, value}))
  return wait
}

async function touchEvery(clock: FakeClock, stepMs: number, forMs: number, touch: () => void): Promise<void> {
  for (let passed = 0; passed < forMs; passed += stepMs) {
    touch()
    await clock.advance(stepMs)
  }
}
