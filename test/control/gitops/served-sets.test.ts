import {createHash} from 'node:crypto'
import {readdir, writeFile} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {silentLog} from '../../../src/base/log.ts'
import type {SourceFile} from '../../../src/base/source-file.ts'
import {createServedSets, KEPT_AT_MOST, type KeptSet} from '../../../src/control/gitops/served-sets.ts'
import {type Folder, withFolder} from '../../helpers/folder.ts'

test(
  'the last sets are kept, newest first, and read as they were, also after a restart',
  withFolder(async folder => {
    const one = await setsIn(folder)
    for (let n = 0; n < KEPT_AT_MOST.sets + 3; n++)
      await one.keep(set(`${n}`), [file('a.yaml', `${n}`), file('b.yaml', 'b')])
    const two = await setsIn(folder)
    for (const sets of [one, two]) {
      assert.is(sets.list().length, KEPT_AT_MOST.sets)
      assert.equal([sets.list()[0]?.revision, sets.list().at(-1)?.revision], ['12', '3'])
      assert.equal(await sets.read(set('7')), [file('a.yaml', '7'), file('b.yaml', 'b')])
      const gone = await sets.read(set('2')).catch((error: Error) => error.message)
      assert.is(gone, '2 is no longer kept')
    }
    assert.is((await readdir(folder.at('served/blobs'))).length, KEPT_AT_MOST.sets + 1)
  }),
)

test(
  'the same content under another name takes the place of the newest',
  withFolder(async folder => {
    const sets = await setsIn(folder)
    await sets.keep(set('1'), [file('a.yaml', '1')])
    await sets.keep({...set('1'), revision: 'named'}, [file('a.yaml', '1')])
    assert.equal(
      sets.list().map(({revision}) => revision),
      ['named'],
    )
    assert.equal(await sets.read(set('1')), [file('a.yaml', '1')])
  }),
)

test(
  'a damaged blob is said, a damaged manifest is forgotten, and what a crash left is removed',
  withFolder(async folder => {
    const one = await setsIn(folder)
    await one.keep(set('1'), [file('a.yaml', '1')])
    await one.keep(set('2'), [file('a.yaml', '2')])
    await writeFile(folder.at(`served/blobs/${sha256('2')}`), 'other')
    const damaged = await one.read(set('2')).catch((error: Error) => error.message)
    assert.is(damaged, 'the kept content of a.yaml is damaged')
    await folder.write({'served/2.json': '{', 'served/3.json.abcd.tmp': 'half'})
    const two = await setsIn(folder)
    assert.equal(
      two.list().map(({revision}) => revision),
      ['1'],
    )
    assert.equal((await readdir(folder.at('served'))).sort(), ['1.json', 'blobs'])
    assert.equal(await readdir(folder.at('served/blobs')), [sha256('1')])
  }),
)

// ---

async function setsIn(folder: Folder) {
  const sets = createServedSets(folder.path, silentLog)
  await sets.load()
  return sets
}

function set(name: string): KeptSet {
  return {
    revision: name,
    commit: null,
    content: `content ${name}`,
    author: '',
    subject: '',
    at: '2026-01-01T00:00:00Z',
  }
}

function file(path: string, text: string): SourceFile {
  return {path, text, sha256: sha256(text)}
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

test.run()
