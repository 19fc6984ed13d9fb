// What is chosen, sorted, filtered and asked, without a terminal.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Event, RouteRow} from '../../src/admin/protocol.ts'
import type {Action} from '../../src/tui/actions.ts'
import {chosenId, positionOf} from '../../src/tui/position.ts'
import {reduce} from '../../src/tui/reduce.ts'
import {initialState, type LiveRoute, type State} from '../../src/tui/state.ts'
import {asked, drawn, everything, INSTANCES, NOON_MS, press, REFUSED, route, STATUS, stateOf} from '../helpers/tui.ts'

const SIZE = {columns: 80, rows: 24}

function fetched(rows: readonly RouteRow[], atMs = NOON_MS): Action {
  return {type: 'fetched', fetched: {source: 'routes', rows}, atMs}
}

const many = Array.from({length: 200}, (_, index) =>
  route(`r${String(index).padStart(3, '0')}.example.com`, 'x', 'routes.d/a.yaml', index + 1, 1000 - index, index),
)
const ids = (state: State) => positionOf(state).rows.map(row => (row as LiveRoute).id)

test('j, k, g, G, arrows and pages move within the table and no further', () => {
  const state = stateOf(SIZE, fetched(many))
  assert.is(chosenId(state), 'r000.example.com')
  assert.is(chosenId(press(state, 'jj<down>k')), 'r002.example.com')
  assert.is(chosenId(press(state, 'kk')), 'r000.example.com')
  assert.is(chosenId(press(state, 'G')), 'r199.example.com')
  assert.is(chosenId(press(state, 'Gjj<pagedown>')), 'r199.example.com')
  assert.is(chosenId(press(state, 'Gg')), 'r000.example.com')
  const page = positionOf(press(state, '<pagedown>'))
  assert.is(page.index, 18)
  assert.is(positionOf(press(state, '<pagedown><pageup>')).index, 0)
})

test('the chosen row is always on the screen', () => {
  let state = stateOf(SIZE, fetched(many))
  for (const keys of ['G', '<pageup>', 'k', '<pageup>', 'jjjjjjjjjjjjjjjjjjjjjjjjj', 'g', '<pagedown><pagedown>']) {
    state = press(state, keys)
    const {index, top} = positionOf(state)
    assert.ok(index >= top && index < top + 19, `${keys}: ${index} from ${top}`)
  }
  const smaller = reduce(state, {type: 'resize', size: {columns: 80, rows: 12}})
  const {index, top} = positionOf(smaller)
  assert.ok(index >= top && index < top + 8)
})

test('a row that was chosen stays so when the rows around it change, and leaves its place when it is gone', () => {
  const state = press(stateOf(SIZE, fetched(many)), 'jjjjj')
  assert.is(chosenId(reduce(state, fetched(many.slice(3)))), 'r005.example.com')
  assert.is(chosenId(reduce(state, fetched(many.filter(({id}) => id !== 'r005.example.com')))), 'r006.example.com')
  assert.is(chosenId(reduce(state, fetched([]))), null)
})

test('s sorts by the next column, numbers from the largest, and S turns that round', () => {
  const state = stateOf(SIZE, fetched(many))
  assert.is(ids(press(state, 's'))[0], 'r000.example.com')
  assert.is(ids(press(state, 'sS'))[0], 'r199.example.com')
  assert.is(ids(press(state, 'sssss'))[0], 'r199.example.com')
  assert.is(ids(press(state, 'sssssS'))[0], 'r000.example.com')
  assert.is(ids(press(state, 'ssssss<left><left>'))[0], 'r000.example.com')
})

test('/ filters as it is typed, ! inverts, esc takes back, and the filter belongs to its screen', () => {
  const state = stateOf(SIZE, fetched(many))
  assert.is(ids(press(state, '/r01')).length, 10)
  assert.is(ids(press(state, '/R013 YAML<enter>')).length, 1)
  assert.is(ids(press(state, '/!r01<enter>')).length, 190)
  assert.is(ids(press(state, '/r01<enter>/zzz<escape>')).length, 10)
  assert.is(ids(press(state, '/r01<enter><escape>')).length, 200)
  assert.is(ids(press(state, '/r01<enter>21')).length, 10)
  assert.is(ids(press(state, '/q<backspace>r1<enter>')).length, 100)
})

test('w and :weight ask for how long and why, say when nothing would be left, and want a weight', () => {
  const state = press(everything(SIZE), '2')
  const order = asked(press(state, 'w0<enter><enter>canary<enter>'), '', 'y')
  assert.equal(order?.type === 'order' && [order.order.path, order.order.body], [
    `instances/${encodeURIComponent('orders@10.0.0.1:8080')}/weight`,
    {weight: 0, for: '10m', why: 'canary', who: 'ada'},
  ])
  assert.match(
    drawn(press(state, 'w0<enter><enter><enter>')),
    /weight orders@10\.0\.0\.1:8080 0 for 10m\? It is the last/,
  )
  assert.match(drawn(press(state, ':weight 7<enter>')), /weight orders@10\.0\.0\.1:8080 7 for: 10m/)
  assert.match(drawn(press(state, ':weight frontend@10.0.0.8:3000 7<enter>')), /weight frontend@10\.0\.0\.8:3000 7 for/)
  for (const wrong of ['', ' much', ' 1001', ' a@b 1.5']) {
    assert.match(drawn(press(state, `:weight${wrong}<enter>`)), /is not a weight from 0 to 1000/)
  }
  assert.match(drawn(press(state, ':weight a@b 1 2<enter>')), /usage: weight \[ID\] WEIGHT/)
  const lifted = asked(press(state, ':unweight<enter>'), '', 'y')
  assert.match(lifted?.type === 'order' ? lifted.order.path : '', /unweight$/)
})

test('a weight that an operator has given stands beside the one that is written', () => {
  const weighed = INSTANCES.map((row, index) => (index === 0 ? {...row, weight: 5, configuredWeight: 1} : row))
  const state = stateOf(
    {columns: 160, rows: 24},
    {type: 'fetched', fetched: {source: 'instances', rows: weighed}, atMs: NOON_MS},
  )
  assert.match(drawn(press(state, '2')), /orders@10\.0\.0\.1:8080 .* 5 \(1\) /)
  assert.match(drawn(press(state, '2<enter>')), /weight +5 \(was 1\)/)
})

test('rates are what was counted between two readings', () => {
  const first = route('a', 'x', 'f', 1, 100, 10)
  const state = [fetched([first], NOON_MS), fetched([{...first, requests: 300, errors: 11}], NOON_MS + 2000)].reduce(
    reduce,
    initialState(SIZE, NOON_MS),
  )
  const [row] = state.lists.routes as readonly LiveRoute[]
  assert.equal([row?.requestRate, row?.errorRate, row?.trend], [100, 0.5, [100]])
})

test('what goes through all routes is what the daemon says, and an event of a later daemon changes nothing', () => {
  const traffic = {requestsPerSecond: 812.5, errorsPerSecond: 2, overMs: 1000}
  const latency = {p50Ms: 0.4, p99Ms: 31}
  const before = everything(SIZE)
  const state = reduce(before, {
    type: 'event',
    event: {seq: 9, at: '', type: 'traffic', traffic, latency},
    atMs: NOON_MS + 1000,
  })
  assert.equal([state.rates.requests.at(-1), state.rates.errors.at(-1)], [812.5, 2])
  assert.equal([state.status?.traffic, state.status?.latency], [traffic, latency])
  assert.match(drawn(state), /requests\/s 813 .* errors\/s 2\.0 {3}p50 0\.4ms {2}p99 31ms/)
  const unheard = {seq: 10, at: '', type: 'weather'} as unknown as Event
  assert.equal(reduce(state, {type: 'event', event: unheard, atMs: state.nowMs}), state)
})

test('a daemon that counts from zero again makes no rate below zero', () => {
  const before = everything(SIZE)
  const lost = reduce(before, {type: 'lost', reason: 'gone', atMs: NOON_MS + 1000})
  const snapshot = {seq: 1, at: '', type: 'snapshot', status: STATUS} as const
  const back = reduce(lost, {type: 'event', event: snapshot, atMs: NOON_MS + 2000})
  const state = [fetched([route('a', 'x', 'f', 1, 3, 0)], NOON_MS + 2001), fetched([], NOON_MS + 3000)].reduce(
    reduce,
    back,
  )
  assert.ok(state.rates.requests.every(rate => rate >= 0))
  assert.equal(
    state.log.map(({text}) => text),
    ['the daemon answers again', 'gone', '1f3c2ab is live'],
  )
})

test('what is kept of the past is bounded', () => {
  let state = everything(SIZE)
  for (let index = 0; index < 2_000; index++) {
    state = reduce(state, {type: 'outcome', isOk: true, text: `${index}`, atMs: NOON_MS + index})
    if (index % 10 === 0) state = reduce(state, fetched(many.slice(0, 3), NOON_MS + index * 1000))
    const traffic = {requestsPerSecond: index, errorsPerSecond: 0, overMs: 1000}
    state = reduce(state, {
      type: 'event',
      event: {seq: 2, at: '', type: 'traffic', traffic, latency: null},
      atMs: NOON_MS,
    })
  }
  assert.is(state.log.length, 1000)
  assert.is(state.log[0]?.text, '1999')
  assert.is(state.rates.requests.length, 60)
  assert.ok((state.lists.routes as readonly LiveRoute[]).every(({trend}) => trend.length <= 60))
})

test('only the busiest of many routes have a trend', () => {
  const rows = Array.from({length: 1000}, (_, index) => route(`r${index}`, 'x', 'f', 1, 0, 0))
  const busy = rows.map((row, index) => ({...row, requests: index}))
  const state = [fetched(rows, NOON_MS), fetched(busy, NOON_MS + 1000)].reduce(reduce, initialState(SIZE, NOON_MS))
  const trends = (state.lists.routes as readonly LiveRoute[]).filter(({trend}) => trend.length > 0)
  assert.is(trends.length, 200)
  assert.is(trends[0]?.id, 'r800')
})

test('the log says what becomes another in the status', () => {
  const status = (status: typeof STATUS): Action => {
    return {type: 'event', event: {seq: 2, at: '', type: 'status', status}, atMs: NOON_MS}
  }
  const said = (...all: Action[]) => stateOf(SIZE, ...all).log.map(({kind, text}) => `${kind}: ${text}`)
  assert.equal(said(status(REFUSED)).slice(0, 2), [
    'condition: ValidationFailed: routes.d/shop.yaml:8: unknown key "targt" in a route',
    'sync: OutOfSync: ValidationFailed: routes.d/shop.yaml:8: unknown key "targt" in a route',
  ])
  assert.equal(said(status(REFUSED), status(STATUS)).slice(0, 2), [
    'condition: ValidationFailed no longer holds',
    'sync: Synced',
  ])
  assert.is(said(status(STATUS)).length, 1)
})

test('an event of instances changes their rows and is a line in the log', () => {
  const [first] = INSTANCES
  if (!first) throw new Error('no instance')
  const changed = [{...first, state: 'down' as const, reason: '3 checks failed'}]
  const event = {seq: 2, at: '', type: 'instances', changed, more: 4} as const
  const state = stateOf(SIZE, {type: 'event', event, atMs: NOON_MS})
  assert.equal(state.lists.instances, [...changed, ...INSTANCES.slice(1)])
  assert.equal(
    state.log.slice(0, 2).map(({text}) => text),
    ['and 4 more', 'orders@10.0.0.1:8080 is down: 3 checks failed'],
  )
})

test('a drain asks for how long, why, and whether one is sure; only y is yes', () => {
  const state = everything(SIZE)
  const keys = '2d<ctrl-u>5m<enter>new version<enter>'
  assert.equal(asked(state, keys, 'y'), {
    type: 'order',
    order: {
      path: 'instances/orders%4010.0.0.1%3A8080/drain',
      body: {for: '5m', why: 'new version', who: 'ada'},
      what: 'drain orders@10.0.0.1:8080',
    },
  })
  assert.equal(asked(state, keys, 'enter'), {type: 'prompt', prompt: null})
  assert.equal(asked(state, keys, 'x'), null)
  assert.is(press(state, '2d<ctrl-u>soon<enter>').notice?.text, "'soon' is not a time such as 10m or 1h30m")
  const prompt = press(state, keys).prompt
  assert.ok(prompt?.kind === 'sure' && /It is the last of orders: .* 503/.test(prompt.question))
  assert.is(press(state, 'd').prompt, null)
})

test('commands may be cut short, take what is chosen, and say what is wrong with them', () => {
  const state = everything(SIZE)
  const questionOf = (keys: string) => {
    const {prompt} = press(state, keys)
    return prompt?.kind === 'sure' ? prompt.question : null
  }
  assert.is(press(state, ':inst<enter>').screen, 'instances')
  assert.is(questionOf(':sync<enter>'), 'sync?')
  assert.is(questionOf('3:renew<enter>'), 'renew acme-shop.example.com?')
  assert.is(questionOf(':roll 77aa012<enter>'), 'roll back to 77aa012?')
  assert.is(questionOf('4j:rollback<enter>'), 'roll back to 77aa012?')
  assert.is(questionOf('2:undrain<enter>'), 'undrain orders@10.0.0.1:8080?')
  assert.equal(press(state, ':un<tab>').prompt, {kind: 'command', text: 'undrain '})
  const noticeOf = (keys: string, from = state) => press(from, `:${keys}<enter>`).notice?.text
  assert.is(noticeOf('frobnicate'), "there is no command 'frobnicate'")
  assert.is(noticeOf('re'), "'re' may be renew or resume")
  assert.is(noticeOf('sync now'), 'usage: sync')
  assert.is(noticeOf('renew'), 'choose one on the screen of certs, or name it')
  const poor = reduce(state, {type: 'missing', actions: ['sync']})
  assert.is(noticeOf('sync', poor), 'sync is not available by this daemon')
})

test('q leaves at once, and asks first where leaving stops the daemon', () => {
  assert.equal(asked(everything(SIZE), '', 'q'), {type: 'quit'})
  assert.equal(asked(everything(SIZE), '/', 'q'), {type: 'prompt', prompt: {kind: 'filter', text: 'q', before: ''}})
  assert.equal(asked(everything(SIZE), ':qu', 'ctrl-c'), {type: 'quit'})
  const attached = initialState(SIZE, NOON_MS, {isAttached: true})
  assert.is(press(attached, 'q').prompt?.kind, 'sure')
  assert.equal(asked(attached, 'q', 'y'), {type: 'quit'})
  assert.equal(asked(attached, 'q', 'ctrl-c'), {type: 'quit'})
  assert.is(press(attached, 'qn').prompt, null)
})

test('help scrolls where it does not fit, and esc goes back one step at a time', () => {
  const small = everything({columns: 40, rows: 10})
  assert.is(press(small, '?jjk').helpTop, 1)
  assert.is(press(small, '?G').helpTop, press(small, '?Gjjjj').helpTop)
  const state = press(everything(SIZE), '/shop<enter><enter>?')
  assert.is(press(state, '<escape>').helpTop, null)
  assert.is(press(state, '<escape><escape>').isDetailOpen, false)
  assert.is(press(state, '<escape><escape><escape>').views.routes.filter, '')
})

test('a notice ends by itself', () => {
  const state = stateOf(SIZE, {type: 'outcome', isOk: true, text: 'sync: done', atMs: NOON_MS})
  assert.is(state.notice?.text, 'sync: done')
  assert.is(reduce(state, fetched([], NOON_MS + 7_000)).notice, null)
})

test('the state that is given stays as it was', () => {
  const state = everything(SIZE)
  const before = structuredClone(state)
  press(state, '2jj<enter>/x<enter>sS?<escape>:sync<enter>y')
  assert.equal(state, before)
})

test.run()
