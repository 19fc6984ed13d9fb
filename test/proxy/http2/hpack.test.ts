// HPACK against the examples of RFC 7541 appendix C, against nghttp2, and against bytes that are no block.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {FieldDecoder} from '../../../src/proxy/http2/field-decoder.ts'
import {blockBytesMax, FieldEncoder} from '../../../src/proxy/http2/field-encoder.ts'
import type {RequestField} from '../../../src/proxy/http2/request-field.ts'
import {createRandom} from '../../fuzz/random.ts'

// null: it is no block.
function decoded(decoder: FieldDecoder, hex: string): string[] | null {
  const fields: string[] = []
  const block = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  const isBlock = decoder.decode(block, 0, block.length, {
    take: ({name, value}: RequestField) => void fields.push(`${name}=${value}`),
  })
  return isBlock ? fields : null
}

const FIRST = [':method=GET', ':scheme=http', ':path=/', ':authority=www.example.com']
const SECOND = [...FIRST, 'cache-control=no-cache']
const THIRD = [
  ':method=GET',
  ':scheme=https',
  ':path=/index.html',
  ':authority=www.example.com',
  'custom-key=custom-value',
]

test('requests of appendix C.3 are read, plain', () => {
  const decoder = new FieldDecoder()
  assert.equal(decoded(decoder, '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d'), FIRST)
  assert.equal(decoded(decoder, '8286 84be 5808 6e6f 2d63 6163 6865'), SECOND)
  assert.equal(decoded(decoder, '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65'), THIRD)
})

test('requests of appendix C.4 are read, packed', () => {
  const decoder = new FieldDecoder()
  assert.equal(decoded(decoder, '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff'), FIRST)
  assert.equal(decoded(decoder, '8286 84be 5886 a8eb 1064 9cbf'), SECOND)
  assert.equal(decoded(decoder, '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf'), THIRD)
})

test('fields that do not fit any more leave the table, the oldest first', () => {
  const decoder = new FieldDecoder()
  // A table of 64 bytes holds one of these; 'a: 1' and 'b: 2' have 34 each.
  assert.equal(decoded(decoder, '3f21 4001 61 01 31 4001 62 01 32 be'), ['a=1', 'b=2', 'b=2'])
  assert.is(decoded(decoder, 'bf'), null)
})

const NO_BLOCKS: readonly (readonly [string, string])[] = [
  ['index 0', '80'],
  ['an index beyond the tables', 'be'],
  ['an integer that does not end', 'ffffff'],
  ['an integer beyond all bounds', 'ffffffffffff7f'],
  ['a text longer than the block', '4001 61 7f ff'],
  ['a field without a value', '4001 61'],
  ['a table larger than allowed', '3fe2 1f'],
  ['a new size behind a field', '82 20'],
  ['EOS in a text', '4084 ffff fffc 01 31'],
  ['a padding of more than seven bits', '4002 f1e3 82 1fff'],
  ['a padding of zeros', '4001 61 81 18'],
]

for (const [what, hex] of NO_BLOCKS)
  test(`${what} is no block`, () => assert.is(decoded(new FieldDecoder(), hex), null))

test('what the encoder writes is read as the same by a decoder, whatever comes and whatever size is asked for', () => {
  const random = createRandom(7)
  const encoder = new FieldEncoder()
  const decoder = new FieldDecoder()
  for (let round = 0; round < 3_000; round++) {
    if (random.below(20) === 0) encoder.resize(random.below(3) === 0 ? 0 : random.below(6_000))
    const status = String(200 + random.below(300))
    const count = random.below(12)
    let lines = ''
    const expected = [`:status=${status}`]
    for (let i = 0; i < count; i++) {
      const name = `X-Name-${random.below(40)}`
      const value = 'v'.repeat(random.below(random.below(30) === 0 ? 5_000 : 60)) + random.below(5)
      lines += `${name}: ${value}\r\n`
      expected.push(`${name.toLowerCase()}=${value}`)
    }
    const out = Buffer.alloc(blockBytesMax(lines.length + 2))
    const end = encoder.lines(`${lines}\r\nbody: none`, 0, out, encoder.status(status, out, 0))
    assert.equal(decoded(decoder, out.toString('hex', 0, end)), expected)
  }
})

test('fields of the connection are not sent', () => {
  const out = Buffer.alloc(100)
  const text = 'Connection: close\r\nTransfer-Encoding: chunked\r\nkeep-alive: 1\r\n\r\n'
  assert.is(new FieldEncoder().lines(text, 0, out, 0), 0)
})

test('bytes of any kind are read, or are no block', () => {
  const random = createRandom(11)
  let decoder = new FieldDecoder()
  let blocks = 0
  for (let round = 0; round < 20_000; round++) {
    const block = Buffer.from(Array.from({length: random.below(40)}, () => random.below(256)))
    if (decoded(decoder, block.toString('hex')) === null) decoder = new FieldDecoder()
    else blocks++
  }
  assert.ok(blocks > 100, `${blocks} blocks`)
})

test.run()
