import {Worker} from 'node:worker_threads'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {clearDoorsLane, createDoorsMemory, openDoors} from '../../src/scoreboard/doors.ts'

test('as many enter as the bound says, all workers together, and a place that is left is free again', () => {
  const memory = createDoorsMemory(2)
  const [one, two] = [0, 1].map(lane => openDoors(memory, lane, 2, 7, {total: 3, perClient: null}))
  if (!one || !two) throw new Error('no doors')
  assert.equal([one.enter('a'), two.enter('a'), one.enter('b'), two.enter('c')], [true, true, true, false])
  assert.is(one.total(), 3)
  one.leave('a')
  assert.is(two.enter('c'), true)
  assert.is(two.enter('c'), false)
  assert.is(two.total(), 3)
})

test('one address has its own bound, all workers together, and does not take the places of others', () => {
  const memory = createDoorsMemory(2)
  const [one, two] = [0, 1].map(lane => openDoors(memory, lane, 2, 7, {total: 100, perClient: 2}))
  if (!one || !two) throw new Error('no doors')
  assert.equal([one.enter('a'), two.enter('a'), one.enter('a'), two.enter('a')], [true, true, false, false])
  assert.equal([one.enter('b'), two.enter('2001:db8::1'), one.total()], [true, true, 4])
  two.leave('a')
  assert.equal([one.enter('a'), one.enter('a')], [true, false])
})

test('whoever is turned away is not counted', () => {
  const memory = createDoorsMemory(1)
  const doors = openDoors(memory, 0, 1, 7, {total: 2, perClient: 1})
  assert.is(doors.enter('a'), true)
  for (let i = 0; i < 10; i++) assert.is(doors.enter('a'), false)
  assert.is(doors.enter('b'), true)
  for (let i = 0; i < 10; i++) assert.is(doors.enter('c'), false)
  doors.leave('a')
  doors.leave('b')
  assert.equal([doors.total(), doors.enter('a'), doors.enter('c')], [0, true, true])
})

test('the connections of a worker that is gone are forgotten, those of the others are not', () => {
  const memory = createDoorsMemory(2)
  const [one, two] = [0, 1].map(lane => openDoors(memory, lane, 2, 7, {total: 4, perClient: 2}))
  if (!one || !two) throw new Error('no doors')
  one.enter('a')
  one.enter('b')
  two.enter('a')
  clearDoorsLane(memory, 0, 2)
  assert.is(two.total(), 1)
  assert.equal([two.enter('a'), two.enter('a'), two.enter('b')], [true, false, true])
})

test('five thousand addresses that look alike are each counted on their own', () => {
  const memory = createDoorsMemory(1)
  for (const seed of [0, 1, 0x7fffffff]) {
    const doors = openDoors(memory, 0, 1, seed, {total: 20_000, perClient: 1})
    const addresses = Array.from({length: 5_000}, (_, i) => `10.${i % 4}.${(i >> 2) % 256}.${i >> 10}`)
    const refused = addresses.filter(address => !doors.enter(address))
    // (5,000 / 2^17)^4 of 5,000 is 0.01; a weak hash would have some.
    assert.equal(refused, [], `seed ${seed}`)
    for (const address of addresses) doors.leave(address)
    assert.is(doors.total(), 0)
  }
})

test('threads that race for the last places never take one too many', async () => {
  const memory = createDoorsMemory(2)
  const peak = new Int32Array(new SharedArrayBuffer(8))
  const program = `
    const {workerData} = require('node:worker_threads')
    import(workerData.module).then(({openDoors}) => {
      const {memory, peak, lane} = workerData
      const doors = openDoors(memory, lane, 2, 7, {total: 2, perClient: null})
      Atomics.add(peak, 1, 1)
      while (Atomics.load(peak, 1) < 2);
      for (let i = 0; i < 200000; i++) {
        if (!doors.enter('a')) continue
        const second = doors.enter('a')
        const inside = Atomics.add(peak, 0, second ? 2 : 1) + (second ? 2 : 1)
        if (inside > 2) throw new Error(inside + ' are inside')
        Atomics.sub(peak, 0, second ? 2 : 1)
        doors.leave('a')
        if (second) doors.leave('a')
      }
    })`
  const module = new URL('../../src/scoreboard/doors.ts', import.meta.url).href
  await Promise.all(
    [0, 1].map(
      lane =>
        new Promise<void>((resolve, reject) => {
          const worker = new Worker(program, {eval: true, workerData: {memory, peak, lane, module}})
          worker.on('error', reject)
          worker.on('exit', () => resolve())
        }),
    ),
  )
})

test.run()
