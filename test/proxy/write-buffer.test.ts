// Where small messages are put together: what still waits to be written is not written over.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {WriteBuffer} from '../../src/proxy/http1/write-buffer.ts'

test('a message is what was added to it, bytes and texts, and the next begins anew', () => {
  const writeBuffer = new WriteBuffer()
  writeBuffer.add(Buffer.from('..head'), 2, 6)
  writeBuffer.addText(' caf\xe9 ')
  writeBuffer.add(Buffer.from('body..'), 0, 4)
  assert.is(writeBuffer.take().latin1Slice(), 'head caf\xe9 body')
  writeBuffer.addText('x')
  assert.is(writeBuffer.take().latin1Slice(), 'x')
})

test('memory that was left to a message is not used for another of the same length', () => {
  const writeBuffer = new WriteBuffer()
  writeBuffer.addText('first')
  const first = writeBuffer.take()
  writeBuffer.leave()
  writeBuffer.addText('again')
  assert.is(writeBuffer.take().latin1Slice(), 'again')
  assert.is(first.latin1Slice(), 'first')
})

test('a message of the greatest length that it says it holds is whole', () => {
  const writeBuffer = new WriteBuffer()
  let most = 0
  while (writeBuffer.holds(most + 1)) most++
  writeBuffer.addText('y'.repeat(most - 1))
  writeBuffer.add(Buffer.from('z'), 0, 1)
  const message = writeBuffer.take()
  assert.is(message.length, most)
  assert.is(message.latin1Slice(most - 2), 'yz')
})

test.run()
