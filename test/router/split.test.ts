// Who goes where in a split: the shares as written, the same client always to the same part, and few that move.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {compileSplit} from '../../src/control/compile/split.ts'
import {choosePart} from '../../src/router/split.ts'
import type {SplitPart} from '../../src/snapshot/snapshot.ts'

const CLIENTS = Array.from({length: 10_000}, (_, i) => `10.${i >> 8}.${i & 255}.7`)

function split(...shares: string[]): readonly SplitPart[] {
  const action = compileSplit(
    shares.map((share, index) => ({target: `http://${index}`, share})),
    part => part.target ?? '',
  )
  if (action.kind !== 'split') throw new Error(action.kind)
  return action.parts
}

function sent(parts: readonly SplitPart[], id = 'x.localhost', clients: readonly string[] = CLIENTS): number[] {
  return clients.map(client => choosePart(parts, id, client))
}

function shareOf(part: number, chosen: readonly number[]): number {
  return chosen.filter(other => other === part).length / chosen.length
}

for (const shares of [
  ['95%', '5%'],
  ['50%', '30%', '20%'],
  ['33.3%', '33.3%', '33.4%'],
]) {
  test(`${shares.join(' + ')} of 10,000 clients come out within 5 % of what is written`, () => {
    const chosen = sent(split(...shares))
    for (const [index, share] of shares.entries()) {
      const wanted = Number.parseFloat(share) / 100
      // Of a part as small as 5 % the clients themselves, drawn by chance, vary by 4.4 % (one standard deviation).
      const tolerance = wanted < 0.1 ? 0.1 : 0.05
      const got = shareOf(index, chosen)
      assert.ok(Math.abs(got - wanted) <= wanted * tolerance, `${share}: ${got}`)
    }
  })
}

test('addresses of one network are spread as well', () => {
  const v6 = Array.from({length: 10_000}, (_, i) => `2001:db8::${i.toString(16)}`)
  assert.ok(Math.abs(shareOf(1, sent(split('50%', '50%'), 'x.localhost', v6)) - 0.5) < 0.025)
})

test('a part of 0 % gets nobody and one of 100 % everybody, wherever they stand', () => {
  assert.is(shareOf(1, sent(split('0%', '100%', '0%'))), 1)
  assert.is(shareOf(0, sent(split('100%', '0%'))), 1)
})

test("the last hash is the last part's, however the shares are rounded", () => {
  for (const shares of [Array(7).fill('14.2857142857%').with(6, '14.2857142858%'), ['33.3%', '33.3%', '33.4%']]) {
    assert.is(split(...(shares as string[])).at(-1)?.below, 2 ** 32)
  }
})

test('a share that grows from 5 % to 10 % moves 5 % of the clients, and nobody away from it', () => {
  const before = sent(split('95%', '5%'))
  const after = sent(split('90%', '10%'))
  const moved = before.filter((part, index) => part !== after[index]).length / before.length
  assert.ok(Math.abs(moved - 0.05) < 0.01, String(moved))
  assert.ok(before.every((part, index) => part === 0 || after[index] === 1))
})

test('who gets the canary of one route does not get that of every other', () => {
  const one = sent(split('90%', '10%'), 'x.localhost/a')
  const other = sent(split('90%', '10%'), 'x.localhost/b')
  const both = one.filter((part, index) => part === 1 && other[index] === 1).length / one.length
  assert.ok(Math.abs(both - 0.01) < 0.005, String(both))
})

test.run()
