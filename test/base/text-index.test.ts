import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {TextIndex} from '../../src/base/text-index.ts'
import {createRandom} from '../fuzz/random.ts'

test('what was put under a text is found by another text that says the same, and nothing else is', () => {
  for (const count of [0, 1, 8, 9, 100, 5_000]) {
    const index = new TextIndex<number>()
    for (let i = 0; i < count; i++) index.set(`t${i}.example.test`, i)
    assert.is(index.size, count)
    for (let i = 0; i < count; i++) assert.is(index.get(Buffer.from(`t${i}.example.test`).toString()), i)
    for (const absent of ['', 't', `t${count}.example.test`, 't0.example.test.', 'x'.repeat(100_000)])
      assert.is(index.get(absent), undefined)
  }
})

test('it holds what a Map holds, whatever is put in, taken out and replaced', () => {
  const random = createRandom(7)
  const index = new TextIndex<number>()
  const map = new Map<string, number>()
  for (let step = 0; step < 40_000; step++) {
    // From few to many and back, so that both forms and the way between them are met.
    const key = `k${random.below(step % 10_000 < 5_000 ? 300 : 12)}`
    if (random.below(3) === 0) assert.is(index.delete(key), map.delete(key))
    else {
      index.set(key, step)
      map.set(key, step)
    }
    assert.is(index.size, map.size)
    assert.is(index.get(key), map.get(key))
    if (step % 1_000 > 0) continue
    assert.equal(index.keys().sort(), [...map.keys()].sort())
    assert.equal(index.values().sort(), [...map.values()].sort())
  }
})

test('an undefined value is no absent one', () => {
  const index = new TextIndex<number | undefined>()
  for (let i = 0; i < 20; i++) index.set(`${i}`, undefined)
  assert.is(index.size, 20)
  assert.is(index.values().length, 20)
})

test.run()
