import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {hashOf} from '../../src/base/hash.ts'
import {createRing, nextOnRing} from '../../src/router/ring.ts'

const KEYS = Array.from({length: 20_000}, (_, i) => hashOf(`10.${i >> 12}.${(i >> 6) & 63}.${i & 63}`))

type Member = {readonly origin: string; readonly weight: number}

function membersOf(count: number, weight: (index: number) => number = () => 1): Member[] {
  return Array.from({length: count}, (_, index) => ({origin: `http://10.0.0.${index}:80`, weight: weight(index)}))
}

const owners = (members: readonly Member[], mayTake: (member: Member) => boolean = () => true) => {
  const ring = createRing(members, ({origin}) => origin)
  return KEYS.map(key => nextOnRing(ring, key, mayTake)?.origin)
}

for (const count of [2, 3, 10, 50]) {
  test(`when one of ${count} members goes, about 1/${count} of the keys move, and only those it had`, () => {
    const members = membersOf(count)
    const before = owners(members)
    const after = owners(members.slice(1))
    const gone = members[0]?.origin
    const moved = before.filter((owner, i) => owner !== after[i])
    assert.ok(moved.every(owner => owner === gone))
    assert.ok(Math.abs(moved.length / KEYS.length - 1 / count) < 0.4 / count, `${moved.length} of ${KEYS.length}`)
  })

  test(`a member of ${count} that may not be taken loses its keys as if it had gone`, () => {
    const members = membersOf(count)
    assert.equal(
      owners(members, member => member !== members[0]),
      owners(members.slice(1)),
    )
  })
}

test('weights are shares of the ring', () => {
  const members = membersOf(3, index => [1, 2, 5][index] ?? 0)
  const got = owners(members).filter(owner => owner === members[2]?.origin).length / KEYS.length
  assert.ok(Math.abs(got - 5 / 8) < 0.06, String(got))
})

test('a ring of nobody gives nobody', () => {
  assert.is(
    nextOnRing(
      createRing([] as Member[], ({origin}) => origin),
      7,
      () => true,
    ),
    null,
  )
})

test.run()
