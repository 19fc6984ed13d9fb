import {createHash} from 'node:crypto'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {SourceFile} from '../../../src/base/source-file.ts'
import {type CheckedFile, checkFile} from '../../../src/control/config/check-file.ts'
import {checkInThreads} from '../../../src/control/config/check-in-threads.ts'

const fileOf = (path: string, text: string): SourceFile => ({
  path,
  text,
  sha256: createHash('sha256').update(text).digest('hex'),
})

// Two thirds of a MiB each, in a shape that only the parser reads.
const large = (name: string) =>
  fileOf(
    name,
    Array.from(
      {length: 6000},
      (_, i) => `- {id: ${name}-${i}.test, target: "http://127.0.0.1:1", timeouts: {connect: 1s}}\n`,
    ).join(''),
  )

async function checkedIn(files: readonly SourceFile[]): Promise<Map<string, CheckedFile>> {
  const results = new Map<string, CheckedFile>()
  await checkInThreads(files, (sha256, checked) => results.set(sha256, checked))
  return results
}

test('a large set is checked in threads with the same result', async () => {
  const files = [large('a'), large('b'), large('c'), fileOf('broken', '- {id: x.test, targt: y}\n')]
  const results = await checkedIn(files)
  for (const {sha256, text} of files) assert.equal(results.get(sha256), checkFile(text))
})

test('a small set is left to the caller, but for its simple files', async () => {
  const simple = fileOf('a', '- id: x.test\n  target: "http://127.0.0.1:1"\n')
  const other = fileOf('b', '- {id: y.test, target: "http://127.0.0.1:1"}\n')
  assert.equal([...(await checkedIn([simple, other])).keys()], [simple.sha256])
})

test.run()
