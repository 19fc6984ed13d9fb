// When checks are asked, on a clock that stands still between steps.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {type Ask, createRounds} from '../../../src/control/health/rounds.ts'
import {createFakeClock} from '../../helpers/clock.ts'

function roundsWith({random = () => 0.5, parallel = 1000}: {random?: () => number; parallel?: number} = {}) {
  const clock = createFakeClock(0)
  const rounds = createRounds({clock, random, parallel})
  const asked: {key: string; atMs: number}[] = []
  const open = new Map<string, () => void>()
  let most = 0
  const stopped: string[] = []
  /** A question that is open until `answer(key)`, or over after `tookMs`. */
  const asks =
    (key: string, tookMs?: number): Ask =>
    onClose => {
      asked.push({key, atMs: clock.now()})
      const close = () => {
        open.delete(key)
        onClose()
      }
      open.set(key, close)
      most = Math.max(most, open.size)
      if (tookMs !== undefined) clock.after(tookMs, close)
      return () => {
        stopped.push(key)
        close()
      }
    }
  const times = (key: string) => asked.filter(one => one.key === key).map(({atMs}) => atMs)
  return {
    clock,
    rounds,
    asks,
    asked,
    times,
    stopped,
    answer: (key: string) => open.get(key)?.(),
    most: () => most,
    open,
  }
}

test('a new check is asked at once and then every interval, however long an answer takes', async () => {
  const {clock, rounds, asks, times} = roundsWith()
  rounds.add('a', 1000, asks('a', 300))
  await clock.advance(3500)
  assert.equal(times('a'), [0, 1000, 2000, 3000])
})

test('an answer that takes longer than the interval is waited for, and the next question follows at once', async () => {
  const {clock, rounds, asks, times, most} = roundsWith()
  rounds.add('a', 1000, asks('a', 1500))
  await clock.advance(4000)
  assert.equal(times('a'), [0, 1500, 3000])
  assert.is(most(), 1)
})

test('intervals vary by a tenth, never more, and over their whole width', async () => {
  const {clock, rounds, asks, times} = roundsWith({random: Math.random})
  rounds.add('a', 1000, asks('a', 0))
  await clock.advance(300_000)
  const gaps = times('a')
    .map((atMs, index, all) => atMs - (all[index - 1] ?? atMs))
    .slice(1)
  assert.ok(gaps.length > 250, `${gaps.length} gaps`)
  // And 10 ms to the next beat.
  assert.ok(Math.min(...gaps) >= 900 && Math.max(...gaps) <= 1110, `${Math.min(...gaps)} to ${Math.max(...gaps)}`)
  assert.ok(Math.max(...gaps) - Math.min(...gaps) > 150)
})

test('checks that are new together begin one after another, within their interval', async () => {
  const {clock, rounds, asks, asked} = roundsWith()
  for (let i = 0; i < 300; i++) rounds.add(`slow ${i}`, 5000, asks(`slow ${i}`, 0))
  for (let i = 0; i < 50; i++) rounds.add(`fast ${i}`, 100, asks(`fast ${i}`, 0))
  await clock.advance(90)
  assert.ok(asked.length <= 91, `${asked.length} at once`)
  await clock.advance(260)
  const first = (name: string) => new Set(asked.filter(({key}) => key.startsWith(name)).map(({key}) => key)).size
  assert.equal([first('slow'), first('fast')], [300, 50])
})

test('no more than so many are asked at a time; the others have their turn in the order they came due', async () => {
  const {clock, rounds, asks, asked, answer, most} = roundsWith({parallel: 2})
  for (const key of ['a', 'b', 'c', 'd']) rounds.add(key, 60_000, asks(key))
  await clock.advance(10)
  assert.equal(
    asked.map(({key}) => key),
    ['a', 'b'],
  )
  answer('b')
  assert.equal(
    asked.map(({key}) => key),
    ['a', 'b', 'c'],
  )
  answer('a')
  answer('c')
  assert.equal(
    asked.map(({key}) => key),
    ['a', 'b', 'c', 'd'],
  )
  assert.is(most(), 2)
})

test('questions that are over at once do not pile up on the stack', async () => {
  const {clock, rounds, asks, asked, answer} = roundsWith({parallel: 1})
  rounds.add('slow', 60_000, asks('slow'))
  await clock.advance(1)
  for (let i = 0; i < 6_000; i++) {
    rounds.add(`${i}`, 1, onClose => {
      asked.push({key: `${i}`, atMs: clock.now()})
      if (asked.length > 6_001) throw new Error('asked too often')
      onClose()
      return () => {}
    })
  }
  // All of them are due and stand in line behind the one that is open.
  await clock.advance(20)
  answer('slow')
  assert.is(asked.length, 6_001)
  rounds.close()
})

test('what is removed is not asked again: not from its timer, not from the line, not from its question', async () => {
  const {clock, rounds, asks, asked, stopped} = roundsWith({parallel: 1})
  rounds.add('open', 1000, asks('open'))
  await clock.advance(1)
  rounds.add('in line', 1000, asks('in line'))
  await clock.advance(5)
  rounds.add('waiting', 1000, asks('waiting', 0))
  for (const key of ['in line', 'waiting', 'open']) rounds.remove(key)
  await clock.advance(10_000)
  assert.equal(
    asked.map(({key}) => key),
    ['open'],
  )
  assert.equal(stopped, ['open'])
  assert.is(clock.pending(), 0)
})

test('an interval of years is no timer that is over at once', async () => {
  const clock = createFakeClock(0)
  const delays: number[] = []
  const after = (ms: number, fn: () => void) => {
    delays.push(ms)
    return clock.after(ms, fn)
  }
  const rounds = createRounds({clock: {now: clock.now, after}, random: () => 0.5, parallel: 1})
  rounds.add('a', 100 * 365 * 86_400_000, onClose => {
    onClose()
    return () => {}
  })
  await clock.advance(0)
  assert.is(delays[0], 0)
  assert.ok(delays[1] !== undefined && delays[1] > 2 ** 30 && delays[1] < 2 ** 31, `${delays}`)
})

test.run()
