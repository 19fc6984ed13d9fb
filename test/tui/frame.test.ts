// Whole screens, as files to look at. UPDATE_GOLDEN=1 writes them anew; those that the README shows are in docs.

import {mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Action} from '../../src/tui/actions.ts'
import {cellsOf} from '../../src/tui/cells.ts'
import type {Size, State} from '../../src/tui/state.ts'
import {drawn, everything, NOON_MS, press, REFUSED, route, STATUS, stateOf} from '../helpers/tui.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const SIZES: readonly Size[] = [
  {columns: 120, rows: 40},
  {columns: 80, rows: 24},
  {columns: 40, rows: 10},
]
const SCREENS = ['routes', 'instances', 'certs', 'commits', 'traffic', 'log'] as const

const refused: Action = {type: 'event', event: {seq: 2, at: '', type: 'status', status: REFUSED}, atMs: NOON_MS}
const gone: Action = {type: 'lost', reason: 'no daemon at /run/routesd/admin.sock: nobody listens', atMs: NOON_MS}
const missing: Action = {type: 'missing', actions: ['sync', 'renew']}

function matches(path: string, state: State, isAscii = false): void {
  const file = join(ROOT, path)
  const text = drawn(state, isAscii)
  for (const line of text.split('\n')) assert.ok(cellsOf(line) <= state.size.columns, `too wide: ${line}`)
  if (process.env['UPDATE_GOLDEN'] === '1') {
    mkdirSync(dirname(file), {recursive: true})
    writeFileSync(file, `${text}\n`)
  }
  assert.fixture(`${text}\n`, readFileSync(file, 'utf8'), path)
}

for (const size of SIZES) {
  const name = `${size.columns}x${size.rows}`
  for (const [index, screen] of SCREENS.entries()) {
    test(`${screen} at ${name}`, () => {
      matches(`test/golden/tui/${screen}-${name}.txt`, press(everything(size), String(index + 1)))
    })
  }
  test(`the second row with its detail at ${name}`, () => {
    matches(`test/golden/tui/detail-${name}.txt`, press(everything(size), '2j<enter>'))
  })
  test(`a refused revision at ${name}`, () => {
    matches(`test/golden/tui/refused-${name}.txt`, stateOf(size, refused))
  })
  test(`a daemon that is gone at ${name}`, () => {
    matches(`test/golden/tui/gone-${name}.txt`, stateOf(size, gone))
  })
  test(`help at ${name}`, () => matches(`test/golden/tui/help-${name}.txt`, press(stateOf(size, missing), '?')))
}

test('commands that the daemon does not have are said to be missing while one is typed', () => {
  matches('test/golden/tui/command-80x24.txt', press(stateOf({columns: 80, rows: 24}, missing), ':re'))
})

test('no character beyond ASCII when none is wanted', () => {
  const state = press(stateOf({columns: 80, rows: 24}, refused), '2j<enter>')
  matches('test/golden/tui/ascii-80x24.txt', state, true)
  assert.match(drawn(state, true), /^[\x20-\x7e\n]*$/)
})

test('below 40x10 it says that there is no room', () => {
  const text = drawn(everything({columns: 39, rows: 9}))
  assert.match(text, /^routesd: 39x9 is too small/)
})

test('the pictures of the README', () => {
  const size = {columns: 110, rows: 16}
  matches('docs/tui-routes.txt', everything(size))
  matches('docs/tui-instances.txt', press(everything({columns: 110, rows: 18}), '2j<enter>'))
  matches('docs/tui-certs.txt', press(everything({columns: 110, rows: 14}), '3'))
  matches('docs/tui-commits.txt', press(everything({columns: 110, rows: 14}), '4'))
  matches('docs/tui-traffic.txt', press(everything({columns: 110, rows: 14}), '5'))
  matches('docs/tui-log.txt', press(stateOf({columns: 110, rows: 14}, refused), '6'))
  matches('docs/tui-refused.txt', stateOf({columns: 110, rows: 20}, refused))
})

test('what strangers write cannot move the cursor, and wide characters keep the columns straight', () => {
  const rows = [
    route('a\x1b[2J.example.com', '日本語サービス', 'routes.d/\u202ea.yaml', 1, 1, 0),
    route('b', 'x', 'f', 1, 1, 0),
  ]
  const state = stateOf(
    {columns: 80, rows: 24},
    {type: 'fetched', fetched: {source: 'routes', rows}, atMs: NOON_MS + 1000},
  )
  const lines = drawn(state).split('\n')
  assert.ok(lines.some(line => line.includes('a?[2J.example.com')))
  assert.not.match(drawn(state), /[\x1b\u202e]/)
  const cellOf = (line: string, text: string) => cellsOf(line.slice(0, line.lastIndexOf(text)))
  const [first = '', second = ''] = lines.filter(line => / 0 {7}1 /.test(line) || / 1 {7}0/.test(line))
  assert.is(cellOf(first, ' 1 '), cellOf(second, ' 1 '))
})

test('a frame of any size has as many lines as the screen, none wider', () => {
  for (let columns = 10; columns <= 160; columns += 15) {
    for (let rows = 3; rows <= 45; rows += 7) {
      for (const keys of ['', '2<enter>', '?', ':', '3<enter>', '6']) {
        const state = press(stateOf({columns, rows}, refused), keys)
        const lines = drawn(state).split('\n')
        assert.is(lines.length, rows, `${columns}x${rows} ${keys}`)
        for (const line of lines) assert.ok(cellsOf(line) <= columns, `${columns}x${rows} ${keys}: ${line}`)
      }
    }
  }
})

test('one that is Synced has no banner', () => {
  const back: Action = {type: 'event', event: {seq: 3, at: '', type: 'status', status: STATUS}, atMs: NOON_MS}
  assert.match(drawn(stateOf({columns: 80, rows: 24}, refused)), /9d0c11e is refused; 1f3c2ab keeps serving/)
  assert.not.match(drawn(stateOf({columns: 80, rows: 24}, refused, back)), /refused/)
})

test.run()
