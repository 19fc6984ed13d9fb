// Which instance a request would get, and why not the others, over literal pools.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {stickyValue} from '../../src/router/sticky-value.ts'
import {type Asked, type Standing, wouldPick} from '../../src/router/would-pick.ts'
import type {Balance, Pool} from '../../src/snapshot/snapshot.ts'

const UP: Standing = {isUsable: true, reason: '', inFlight: 0}
const DOWN: Standing = {isUsable: false, reason: 'its check fails', inFlight: 0}
const busy = (inFlight: number): Standing => ({...UP, inFlight})
const NOTHING: Asked = {fields: '', clientIp: null, target: '/'}

test('a rotation goes on where it is, past those that cannot take a request', () => {
  const three = pool(3)
  assert.equal(
    [0, 1, 2, 3].map(turn => pickedOf(three, [UP, UP, UP], turn)),
    [0, 1, 2, 0],
  )
  assert.equal(told(three, [UP, DOWN, UP], 1), [
    ['passed', 'it is the turn of another one'],
    ['passed', 'its check fails'],
    ['picked', 'it is its turn'],
  ])
  assert.equal(pickedOf(pool(2, {weights: [3, 1]}), [UP, UP], 2), 0)
})

test('whoever is alone, or left alone, gets it', () => {
  assert.equal(told(pool(1), [UP]), [['picked', 'it is the only one']])
  assert.equal(told(pool(1), [DOWN]), [['passed', 'its check fails']])
  assert.equal(told(pool(2), [DOWN, UP])[1], ['picked', 'it is the only one that can take it'])
})

test('the least loaded for its weight gets it, and of equals the one whose turn it is', () => {
  const least = pool(3, {balance: {kind: 'least-connections'}, weights: [1, 2, 1]})
  assert.is(pickedOf(least, [busy(2), busy(3), busy(2)]), 1)
  assert.equal(told(least, [busy(1), busy(3), busy(2)]), [
    ['picked', 'it has the fewest requests under way for its weight: 1'],
    ['passed', 'another one is less loaded'],
    ['passed', 'another one is less loaded'],
  ])
  const turns = new Set([0, 1, 2, 3].map(turn => pickedOf(least, [UP, UP, UP], turn)))
  assert.equal(turns, new Set([0, 1, 2]))
})

test('what chance decides stays open', () => {
  const two = pool(3, {balance: {kind: 'random-two'}})
  assert.equal(
    told(two, [UP, DOWN, UP]).map(([outcome]) => outcome),
    ['possible', 'passed', 'possible'],
  )
})

test('a hash is told when the request says what is hashed', () => {
  const byClient = pool(3, {balance: {kind: 'hash', by: {kind: 'client'}}})
  const all = [UP, UP, UP]
  assert.equal(
    told(byClient, all).map(([outcome]) => outcome),
    ['possible', 'possible', 'possible'],
  )
  assert.match(told(byClient, all)[0]?.[1] ?? '', /--client-ip/)
  const owners = Array.from({length: 40}, (_, i) => pickedOf(byClient, all, 0, {...NOTHING, clientIp: `10.0.0.${i}`}))
  assert.equal(new Set(owners), new Set([0, 1, 2]))
  // When one goes, its clients alone go elsewhere.
  for (const [i, owner] of owners.entries()) {
    const now = pickedOf(byClient, [UP, DOWN, UP], 0, {...NOTHING, clientIp: `10.0.0.${i}`})
    if (owner === 1) assert.not.equal(now, 1)
    else assert.is(now, owner)
  }
  const byCookie = pool(3, {balance: {kind: 'hash', by: {kind: 'cookie', name: 'user'}}})
  const asked = {...NOTHING, fields: 'Cookie: a=b; user=ada\r\n', clientIp: '10.0.0.1'}
  assert.is(pickedOf(byCookie, all, 0, asked), pickedOf(byCookie, all, 0, {...asked, clientIp: '10.0.0.9'}))
})

test('a cookie keeps its client, unless its instance cannot take the request', () => {
  const sticky = pool(2, {sticky: 'srv'})
  const asked = {...NOTHING, fields: `cookie: srv=${stickyValue('s@1')}\r\n`}
  assert.equal(told(sticky, [UP, UP], 0, asked), [
    ['passed', 'its cookie srv keeps the client at another one'],
    ['picked', 'the cookie srv names it'],
  ])
  assert.is(pickedOf(sticky, [UP, DOWN], 0, asked), 0)
})

test('backups wait until nobody else is usable, also while the others are full', () => {
  const spare = pool(3, {backups: [2], maxInFlight: 2})
  assert.equal(told(spare, [busy(2), busy(1), UP]), [
    ['passed', '2 requests are under way, as many as may be'],
    ['picked', 'it is the only one that can take it'],
    ['passed', 'a backup, while others are usable'],
  ])
  assert.equal(
    told(spare, [busy(2), busy(2), UP]).map(([outcome]) => outcome),
    ['passed', 'passed', 'passed'],
  )
  assert.equal(told(spare, [DOWN, DOWN, UP])[2], ['picked', 'a backup, and nobody else is usable'])
})

test.run()

// ---

type PoolOptions = {balance?: Balance; weights?: number[]; backups?: number[]; maxInFlight?: number; sticky?: string}

function pool(count: number, options: PoolOptions = {}): Pool {
  const {balance = {kind: 'round-robin'}, weights = [], backups = [], maxInFlight = 0, sticky} = options
  const members = Array.from({length: count}, (_, at) => ({
    key: `s ${at}`,
    id: `s@${at}`,
    instance: `http://10.0.0.${at}:80`,
    check: null,
    isDown: false,
    basePath: '',
    weight: weights[at] ?? 1,
    isBackup: backups.includes(at),
  }))
  return {
    key: 's',
    name: 's',
    members,
    balance,
    rotation: members.flatMap(({weight, isBackup}, at) => (isBackup ? [] : Array<number>(weight).fill(at))),
    sticky: sticky === undefined ? null : {cookie: sticky, ttlMs: 0, domain: '', path: '/'},
    slowStartMs: 0,
    passive: null,
    circuit: null,
    maxInFlight,
    queue: null,
    protocol: 'http1',
  }
}

function told(of: Pool, standings: readonly Standing[], turn = 0, asked = NOTHING): [string, string][] {
  return wouldPick(of, standings, turn, asked).map(({outcome, why}) => [outcome, why])
}

function pickedOf(of: Pool, standings: readonly Standing[], turn = 0, asked = NOTHING): number {
  return told(of, standings, turn, asked).findIndex(([outcome]) => outcome === 'picked')
}
