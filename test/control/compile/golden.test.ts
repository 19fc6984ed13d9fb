// What the compiler makes of what people write, one idea each: test/golden/compile/*.txt.

import {isDeepStrictEqual} from 'node:util'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createTimeouts} from '../../../src/control/compile/timeouts.ts'
import type {References} from '../../../src/control/config/references.ts'
import type {Instance, Pool, Route} from '../../../src/snapshot/snapshot.ts'
import {goldenCases} from '../../helpers/golden.ts'
import {compiled} from '../../helpers/written.ts'

const cases = goldenCases('compile')

/** A reference stands for itself, so that a case shows where its text goes. */
const REFERENCES: References = {
  textOf: reference => (reference === undefined ? '' : `the text of ${JSON.stringify(reference)}`),
}

test('there are golden files', () => {
  assert.ok(cases.length >= 15, `${cases.length} cases`)
})

for (const golden of cases) {
  test(golden.name.replaceAll('-', ' '), () => {
    const files = golden.files.map(({path, bytes}) => [path, Buffer.from(bytes).toString('utf8')])
    const {routes, pools, instances, checks} = compiled(Object.fromEntries(files), {references: REFERENCES})
    golden.expect(
      readable({
        routes: routes.map(brief),
        pools: pools.map(briefer),
        instances: instances.map(briefer),
        ...(checks.length > 0 && {checks}),
      }),
    )
  })
}

test.run()

// ---

// Times that no case wrote would stand in all of them.
function brief(route: Route): unknown {
  return isDeepStrictEqual(route.timeouts, createTimeouts()(undefined)) ? {...route, timeouts: 'default'} : route
}

// What most instances speak goes without saying.
function briefer({protocol, ...rest}: Instance | Pool): unknown {
  return protocol === 'http1' ? rest : {...rest, protocol}
}

// JSON, with every entry that fits on a line on one.
function readable(value: unknown, indent = ''): string {
  const flat = JSON.stringify(value)
  if (typeof value !== 'object' || value === null || indent.length + flat.length <= 120 - 2) return spaced(flat)
  const inner = `${indent}  `
  const parts = Array.isArray(value)
    ? value.map(part => inner + readable(part, inner))
    : Object.entries(value).map(([key, part]) => `${inner}${JSON.stringify(key)}: ${readable(part, inner)}`)
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  return `${open}\n${parts.join(',\n')}\n${indent}${close}`
}

function spaced(flat: string): string {
  return flat.replace(/("(?:[^"\\]|\\.)*")|([,:])/g, (_, text: string | undefined, mark: string) => text ?? `${mark} `)
}
