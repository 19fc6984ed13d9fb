// The text format: what must be escaped, and how numbers are written.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {renderFamily, renderHistogram, renderSample} from '../../src/admin/exposition.ts'
import {readExposition} from '../helpers/exposition.ts'

const FAMILY = {name: 'a_seconds', type: 'histogram', help: 'A \\ and\na line.'} as const

test('labels and help may hold anything', () => {
  const labels = {route: 'a"b\\c\nd{e="f"},g', le2: 'ü'}
  const text = renderFamily({...FAMILY, type: 'gauge'}) + renderSample('a_seconds', labels, 0.1)
  assert.equal(readExposition(text).samples('a_seconds')[0]?.labels, labels)
  assert.match(text, '# HELP a_seconds A \\\\ and\\na line.\n')
})

test('a histogram accumulates, and ends with all of it', () => {
  const text = renderFamily(FAMILY) + renderHistogram('a_seconds', {route: 'r'}, [0.001, 1], [3, 0, 4], 12.5)
  const read = readExposition(text)
  assert.equal(
    read.samples('a_seconds_bucket').map(({labels, value}) => [labels['le'], value]),
    [
      ['0.001', 3],
      ['1', 3],
      ['+Inf', 7],
    ],
  )
  assert.equal([read.value('a_seconds_sum'), read.value('a_seconds_count')], [12.5, 7])
})

test('a reader that is strict finds what is wrong', () => {
  const gauge = '# HELP a b\n# TYPE a gauge\n'
  for (const bad of ['a 1', `${gauge}b 1\n`, `${gauge}a 1\na 2\n`, `${gauge}a{b="c} 1\n`, `${gauge}a{b="c"} one\n`])
    assert.throws(() => readExposition(bad), undefined, bad)
})

test.run()
