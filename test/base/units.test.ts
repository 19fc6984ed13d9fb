import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {
  formatDuration,
  formatShare,
  parseDuration,
  parseFactor,
  parseRate,
  parseShare,
  parseSize,
} from '../../src/base/units.ts'

const CASES: readonly (readonly [(text: string) => number | null, string, number | null])[] = [
  [parseDuration, '150ms', 150],
  [parseDuration, '1m30s', 90_000],
  [parseDuration, '1.5s', 1500],
  [parseDuration, '1y', 31_536_000_000],
  [parseDuration, '30', null],
  [parseDuration, '30 s', null],
  [parseDuration, '-1s', null],
  [parseDuration, '', null],
  [parseSize, '10MiB', 10_485_760],
  [parseSize, '1kB', 1000],
  [parseSize, '100B', 100],
  [parseSize, '10M', null],
  [parseSize, '9999999999GiB', null],
  [parseShare, '12.5%', 0.125],
  [parseShare, '100%', 1],
  [parseShare, '101%', null],
  [parseShare, '5', null],
  [parseFactor, '1.5x', 1.5],
  [parseFactor, 'x', null],
  [parseFactor, 'off', null],
  [parseRate, '10/s', 10],
  [parseRate, '600/m', 10],
  [parseRate, '10/d', null],
]
for (const [parse, text, value] of CASES) {
  test(`${parse.name} reads ${JSON.stringify(text)} as ${value ?? 'nothing'}`, () => assert.is(parse(text), value))
}

test('a duration that was written out reads back as itself', () => {
  for (const ms of [1, 999, 1000, 90_000, 3_600_000, 86_461_001]) assert.is(parseDuration(formatDuration(ms)), ms)
})

for (const text of ['0%', '5%', '7%', '12.5%', '33.3%', '0.001%', '100%']) {
  test(`a share of ${text} is written as it was read`, () => {
    assert.is(formatShare(parseShare(text) ?? -1), text)
  })
}

test.run()
