import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {hashOf} from '../../src/base/hash.ts'
import {MemberEntry} from '../../src/proxy/entries.ts'
import {Origin} from '../../src/proxy/origin.ts'
import {createRing, nextOnRing} from '../../src/proxy/ring.ts'
import {MEMBER_FIELDS} from '../../src/scoreboard/member.ts'

const KEYS = Array.from({length: 20_000}, (_, i) => hashOf(`10.${i >> 12}.${(i >> 6) & 63}.${i & 63}`))

function membersOf(count: number, weight: (index: number) => number = () => 1): MemberEntry[] {
  const counters = new Float64Array(8)
  return Array.from({length: count}, (_, index) => {
    const instance = {
      key: `http://10.0.0.${index}:80`,
      scheme: 'http',
      host: `10.0.0.${index}`,
      port: 80,
      tls: null,
      protocol: 'http1',
      keepalive: {idle: 64, timeoutMs: 60_000},
      slot: 0,
    } as const
    const books = {counters, loads: new Int32Array(1), lanes: 1, resolutions: new Int32Array(1)}
    const written = {id: '', basePath: '', weight: weight(index), isBackup: false, isDown: false, slot: 0}
    return new MemberEntry(written, new Origin(instance, books), new Int32Array(MEMBER_FIELDS), 0)
  })
}

const owners = (members: readonly MemberEntry[], mayTake: (member: MemberEntry) => boolean = () => true) => {
  const ring = createRing(members)
  return KEYS.map(key => nextOnRing(ring, key, mayTake)?.origin.key)
}

for (const count of [2, 3, 10, 50]) {
  test(`when one of ${count} members goes, about 1/${count} of the keys move, and only those it had`, () => {
    const members = membersOf(count)
    const before = owners(members)
    const after = owners(members.slice(1))
    const gone = members[0]?.origin.key
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
  const got = owners(members).filter(owner => owner === members[2]?.origin.key).length / KEYS.length
  assert.ok(Math.abs(got - 5 / 8) < 0.06, String(got))
})

test('a ring of nobody gives nobody', () => {
  assert.is(
    nextOnRing(createRing([]), 7, () => true),
    null,
  )
})

test.run()
