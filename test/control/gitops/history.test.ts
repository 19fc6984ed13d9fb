import {readFile, stat, writeFile} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createHistory, HISTORY_BOUNDS, type HistoryEntry} from '../../../src/control/gitops/history.ts'
import {type Folder, withFolder} from '../../helpers/folder.ts'

test(
  'entries are there again after a restart, each a line of its own',
  withFolder(async folder => {
    const one = await historyIn(folder)
    await one.add(entry('aaaaaaa'))
    await one.add(entry('bbbbbbb', {outcome: 'refused', reason: 'ValidationFailed', message: 'a\nb'}))
    assert.is((await readFile(folder.at('history.ndjson'), 'utf8')).split('\n').length, 3)
    const two = await historyIn(folder)
    assert.equal(two.entries(), one.entries())
    assert.is((await stat(folder.at('history.ndjson'))).mode & 0o777, 0o600)
  }),
)

test(
  'what was said of a revision is not said again, but what is new is',
  withFolder(async folder => {
    const history = await historyIn(folder)
    const refused = entry('bbbbbbb', {outcome: 'refused', reason: 'ValidationFailed', serving: 'aaaaaaa'})
    await history.add(entry('aaaaaaa'))
    await history.add(refused)
    await history.add({...refused, at: '2026-01-02T00:00:00.000Z', trigger: 'timer'})
    await history.add({...refused, message: 'another place'})
    assert.equal(
      history.entries().map(({revision, message}) => [revision, message]),
      [
        ['aaaaaaa', ''],
        ['bbbbbbb', ''],
        ['bbbbbbb', 'another place'],
      ],
    )
  }),
)

test(
  'a torn last line is left out, and does not spoil the next one',
  withFolder(async folder => {
    const one = await historyIn(folder)
    await one.add(entry('aaaaaaa'))
    const path = folder.at('history.ndjson')
    const whole = await readFile(path, 'utf8')
    for (const torn of ['{"revision":"bbb', '{"revision":7}', '\0\0\0', 'null']) {
      await writeFile(path, `${whole}${torn}`)
      const two = await historyIn(folder)
      assert.equal(
        two.entries().map(({revision}) => revision),
        ['aaaaaaa'],
      )
      await two.add(entry('ccccccc'))
      assert.equal(
        (await historyIn(folder)).entries().map(({revision}) => revision),
        ['aaaaaaa', 'ccccccc'],
      )
    }
  }),
)

test(
  'the newest thousand are kept, long texts are cut, and the file does not grow beyond twice as much',
  withFolder(async folder => {
    const long = Array.from({length: 2 * HISTORY_BOUNDS.entries}, (_, n) => JSON.stringify(entry(`r${n}`)))
    await writeFile(folder.at('history.ndjson'), `${long.join('\n')}\n`)
    const history = await historyIn(folder)
    const found = {place: 'a.yaml:1:1', rule: 'r', message: 'm'.repeat(5000)}
    await history.add(entry('last', {message: 'x'.repeat(5000), diagnostics: Array.from({length: 50}, () => found)}))
    const lines = (await readFile(folder.at('history.ndjson'), 'utf8')).trimEnd().split('\n')
    assert.is(lines.length, HISTORY_BOUNDS.entries)
    const kept = history.entries()
    assert.equal([kept.length, kept[0]?.revision, kept.at(-1)?.revision], [1000, 'r1001', 'last'])
    assert.equal([kept.at(-1)?.message.length, kept.at(-1)?.diagnostics.length], [1001, 20])
    for (let n = 0; n < 300; n++) {
      const diagnostics = Array.from({length: 20}, () => found)
      await history.add(entry(`big${n}`, {diagnostics}))
    }
    assert.ok((await stat(folder.at('history.ndjson'))).size <= 2 * HISTORY_BOUNDS.bytes + 30_000)
    assert.ok(history.entries().length < 300)
  }),
)

// ---

async function historyIn(folder: Folder) {
  const history = createHistory(folder.path)
  await history.load()
  return history
}

function entry(revision: string, more: Partial<HistoryEntry> = {}): HistoryEntry {
  return {
    ...{revision, author: 'Ada', subject: 'one', at: '2026-01-01T00:00:00.000Z', trigger: 'watch'},
    ...{outcome: 'applied', reason: 'Applied', message: '', diagnostics: [], diff: null, serving: revision},
    ...more,
  }
}

test.run()
