import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {editFields} from '../../src/proxy/head-policy.ts'
import {editHead, fieldValue, readFields} from '../../src/router/head-fields.ts'
import type {FieldEdits} from '../../src/snapshot/snapshot.ts'
import {createRandom, type Random} from '../fuzz/random.ts'

const NAMES = ['a', 'b', 'x-a', 'x-ab']

test('fields are edited as the data plane edits bytes', () => {
  for (let seed = 1; seed <= 500; seed++) {
    const random = createRandom(seed)
    const head = linesOf(random)
    const edits: FieldEdits = {
      drop: NAMES.filter(() => random.chance(0.3)),
      append: linesOf(random),
      ifMissing: NAMES.filter(() => random.chance(0.3)).map(name => [name, `${name}: default\r\n`]),
    }
    const context = `seed ${seed}: ${JSON.stringify({head, edits})}`
    const [edited, sent] = [editHead(readFields(head), edits), readFields(editFields(head, edits))]
    for (const name of NAMES) assert.is(fieldValue(edited, name), fieldValue(sent, name), context)
  }
})

test('values are what people wrote: without space around them, UTF-8, several in one', () => {
  const fields = readFields(`X-A:  one \r\nx-a: ${Buffer.from('zwei ü').toString('latin1')}\r\n`)
  assert.is(fieldValue(fields, 'X-a'), 'one, zwei ü')
  assert.is(fieldValue(fields, 'x-b'), null)
})

test.run()

// ---

function linesOf(random: Random): string {
  const count = random.below(5)
  return Array.from({length: count}, (_, i) => `${random.pick(['A', ...NAMES, 'X-Ab'])}: ${i}\r\n`).join('')
}
