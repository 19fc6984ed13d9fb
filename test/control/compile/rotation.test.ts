import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {rotationOf} from '../../../src/control/compile/rotation.ts'

const CASES: readonly (readonly [readonly number[], string])[] = [
  [[1], 'a'],
  [[1, 1, 1], 'abc'],
  [[5, 1, 1], 'aabacaa'],
  [[2, 4], 'bab'],
  [[0, 1], 'b'],
  [[0, 0], ''],
  [[], ''],
]
for (const [weights, expected] of CASES) {
  test(`weights ${weights.join(', ') || 'of nobody'} go round as '${expected}'`, () => {
    assert.is(
      rotationOf(weights)
        .map(index => 'abcdef'[index])
        .join(''),
      expected,
    )
  })
}

test('a heavy set is scaled down and keeps its shares within a tenth of a percent', () => {
  const weights = Array.from({length: 50}, (_, i) => 997 - i)
  const rotation = rotationOf(weights)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  assert.ok(rotation.length < 5000)
  for (const [index, weight] of weights.entries()) {
    const share = rotation.filter(entry => entry === index).length / rotation.length
    assert.ok(Math.abs(share - weight / total) < 0.001, `${index}: ${share}`)
  }
})

test.run()
