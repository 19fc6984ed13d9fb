import {symlink} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {readFilesAt} from '../../../src/control/gitops/tree.ts'
import {type Folder, withFolder} from '../../helpers/folder.ts'
import {createRepo} from '../../helpers/repo.ts'

async function texts(folder: Folder, place: string, revision: string): Promise<Record<string, string> | null> {
  const tree = await readFilesAt(folder.at(place), revision)
  return tree && Object.fromEntries(tree.files.map(({path, bytes}) => [path, bytes.toString()]))
}

test(
  'the files of a commit are read whatever lies on disk, in a subfolder with spaces and umlauts, too',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({
      'edge/routes.d/a.yaml': 'a\n',
      'edge/routes.d/b/ü x.yml': 'ü\n',
      'edge/routes.d/twin.yaml': 'a\n',
      'edge/routes.d/empty.yaml': '',
      'edge/routes.d/.hidden.yaml': 'h',
      'edge/routes.d/note.txt': 't',
      'other.yaml': 'o',
    })
    await repo.commit('one')
    await folder.remove('edge')
    const files = {'a.yaml': 'a\n', 'b/ü x.yml': 'ü\n', 'empty.yaml': '', 'twin.yaml': 'a\n'}
    assert.equal(await texts(folder, 'edge/routes.d', 'HEAD'), files)
    assert.equal(await texts(folder, 'edge/routes.d/a.yaml', 'main'), {'': 'a\n'})
    assert.is((await texts(folder, '.', 'HEAD'))?.['other.yaml'], 'o')
    assert.is((await readFilesAt(folder.at('nowhere'), 'HEAD'))?.missing, true)
    assert.is(await texts(folder, 'edge/routes.d', 'no-such-branch'), null)
  }),
)

test(
  'links are named and not followed',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/a.yaml': 'a\n'})
    await symlink('/etc/passwd', folder.at('routes.d/link.yaml'))
    await repo.commit('one')
    const tree = await readFilesAt(folder.at('routes.d'), 'HEAD')
    assert.equal(
      tree?.files.map(({path}) => path),
      ['a.yaml'],
    )
    assert.equal(tree?.unreadable, [{path: 'link.yaml', why: 'is a link, which a commit cannot follow'}])
  }),
)

test(
  'a name that looks like an option is no revision',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/a.yaml': 'a\n'})
    await repo.commit('one')
    assert.is(await readFilesAt(folder.at('routes.d'), '--all').catch(() => null), null)
  }),
)

test.run()
