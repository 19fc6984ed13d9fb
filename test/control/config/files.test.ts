import {execFile} from 'node:child_process'
import {mkdir, symlink, truncate, utimes, writeFile} from 'node:fs/promises'
import {promisify} from 'node:util'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createKnownFiles, decodeSource, readPaths, readRoutesFolder} from '../../../src/control/config/files.ts'
import {withFolder} from '../../helpers/folder.ts'

test(
  'YAML files are read by path, whatever their depth; dot-files and others are not',
  withFolder(async folder => {
    await folder.write({
      'b.yaml': 'b',
      'a/z.yml': 'z',
      'a.yaml': 'a',
      '.hidden.yaml': 'x',
      '.git/c.yaml': 'x',
      'notes.md': 'x',
    })
    const {files, diagnostics, missing} = await readRoutesFolder(folder.path, 'routes.d')
    assert.equal(
      files.map(({path, text}) => [path, text]),
      [
        ['a.yaml', 'a'],
        ['a/z.yml', 'z'],
        ['b.yaml', 'b'],
      ],
    )
    assert.equal(diagnostics, [])
    assert.is(missing, false)
  }),
)

test(
  'a folder that is not there is missing, and that is no diagnostic',
  withFolder(async folder => {
    assert.equal(await readRoutesFolder(folder.at('nowhere'), 'routes.d'), {files: [], diagnostics: [], missing: true})
  }),
)

test(
  'the links of a mounted ConfigMap are followed',
  withFolder(async folder => {
    await folder.write({'..2026_01/shop.yaml': 'one'})
    await symlink('..2026_01', folder.at('..data'))
    await symlink('..data/shop.yaml', folder.at('shop.yaml'))
    const {files, diagnostics} = await readRoutesFolder(folder.path, 'routes.d')
    assert.equal(
      files.map(({path, text}) => [path, text]),
      [['shop.yaml', 'one']],
    )
    assert.equal(diagnostics, [])
  }),
)

test(
  'a link that leads outside is refused, and so is one that never ends',
  withFolder(async folder => {
    await folder.write({'secret.yaml': 'secret', 'routes.d/a.yaml': 'a', 'routes.d-next/b.yaml': 'b'})
    await symlink('../secret.yaml', folder.at('routes.d/out.yaml'))
    await symlink('../routes.d-next', folder.at('routes.d/sibling'))
    await symlink('.', folder.at('routes.d/loop'))
    await symlink('nowhere.yaml', folder.at('routes.d/dangling.yaml'))
    const {files, diagnostics} = await readRoutesFolder(folder.at('routes.d'), 'routes.d')
    assert.equal(
      files.map(({path}) => path),
      ['a.yaml'],
    )
    assert.equal(
      diagnostics.map(({file, rule}) => `${file} ${rule}`),
      [
        'routes.d/dangling.yaml unreadable',
        'routes.d/loop link-loop',
        'routes.d/out.yaml link-outside',
        'routes.d/sibling link-outside',
      ],
    )
  }),
)

test(
  'a file above 16 MiB is not read',
  withFolder(async folder => {
    await folder.write({'big.yaml': ''})
    await truncate(folder.at('big.yaml'), 16 * 2 ** 20 + 1)
    const {files, diagnostics} = await readRoutesFolder(folder.path, 'routes.d')
    assert.equal(files, [])
    assert.equal(
      diagnostics.map(({file, rule}) => `${file} ${rule}`),
      ['routes.d/big.yaml file-too-large'],
    )
  }),
)

test(
  'more than 256 MiB together are not read',
  withFolder(async folder => {
    for (let index = 0; index < 17; index++) {
      await writeFile(folder.at(`${index}.yaml`), '')
      await truncate(folder.at(`${index}.yaml`), 16 * 2 ** 20)
    }
    const {diagnostics} = await readRoutesFolder(folder.path, 'routes.d')
    assert.equal(
      diagnostics.map(({rule}) => rule),
      ['too-much-text'],
    )
  }),
)

test(
  'folders nested too deep are not entered',
  withFolder(async folder => {
    await mkdir(folder.at(Array(40).fill('d').join('/')), {recursive: true})
    const {diagnostics} = await readRoutesFolder(folder.path, 'routes.d')
    assert.equal(
      diagnostics.map(({rule}) => rule),
      ['too-deep'],
    )
  }),
)

test(
  'a pipe with the name of a YAML file is reported, not waited for',
  withFolder(async folder => {
    await promisify(execFile)('mkfifo', [folder.at('pipe.yaml')])
    const {diagnostics} = await readRoutesFolder(folder.path, 'routes.d')
    assert.equal(
      diagnostics.map(({file, rule}) => `${file} ${rule}`),
      ['routes.d/pipe.yaml unreadable'],
    )
  }),
)

test(
  'named files and folders keep the names they were given',
  withFolder(async folder => {
    await folder.write({'a.yaml': 'a', 'more/b.yaml': 'b', 'more/c.txt': 'c'})
    const {files, missing} = await readPaths([
      folder.at('a.yaml'),
      `${folder.at('more')}/`,
      folder.at('more/c.txt'),
      folder.at('none'),
    ])
    assert.equal(
      files.map(({path}) => path),
      [folder.at('a.yaml'), folder.at('more/b.yaml'), folder.at('more/c.txt')],
    )
    assert.equal(missing, [folder.at('none')])
  }),
)

test('the place of the first byte that is not UTF-8 is found, in characters', () => {
  const cases: [Uint8Array, number, number][] = [
    [Buffer.from([0xff]), 1, 1],
    [Buffer.concat([Buffer.from('a: é\nb: '), Buffer.from([0xe9]), Buffer.from('\n')]), 2, 4],
    [Buffer.concat([Buffer.from('\ufeffa: '), Buffer.from([0xc3])]), 1, 5],
  ]
  for (const [bytes, line, column] of cases) {
    const found = decodeSource('a.yaml', bytes, 'a.yaml')
    assert.ok('rule' in found && found.rule === 'not-utf8')
    assert.equal([found.line, found.column], [line, column])
  }
})

test(
  'a file that nobody has touched is not read again; one that was written as it was read is',
  withFolder(async folder => {
    const known = createKnownFiles()
    const read = async () => (await readRoutesFolder(folder.path, 'routes.d', known)).files
    await folder.write({'old.yaml': 'one', 'young.yaml': 'one'})
    const hourAgo = Date.now() / 1000 - 3600
    const olden = () => utimes(folder.at('old.yaml'), hourAgo, hourAgo)
    await olden()
    const [, first] = await read()
    const [, second] = await read()
    // Its times are those of the moment in which it was read.
    assert.is.not(second, first)
    await writeFile(folder.at('old.yaml'), 'two')
    await olden()
    // Size and time of its content are what they were; the change of its inode tells.
    assert.is((await read())[0]?.text, 'two')
  }),
)

test('what was got is what is known the next time, and no more', () => {
  const known = createKnownFiles()
  const info = {dev: 1, ino: 2, size: 3, mtimeMs: 1_000, ctimeMs: 1_000, isFile: () => true}
  const source = {path: 'a.yaml', text: 'one', sha256: '1'}
  known.put('/a.yaml', info, source, 5_000)
  known.settle()
  assert.is(known.get('/a.yaml', info), source)
  known.settle()
  assert.is(known.get('/a.yaml', info), source)
  for (const other of [{ino: 9}, {size: 4}, {mtimeMs: 999}, {ctimeMs: 1_001}]) {
    assert.is(known.get('/a.yaml', {...info, ...other}), null)
  }
  known.put('/b.yaml', {...info, mtimeMs: 4_000}, source, 5_000)
  known.settle()
  // Written in the second in which it was read.
  assert.is(known.get('/b.yaml', {...info, mtimeMs: 4_000}), null)
  known.settle()
  known.settle()
  assert.is(known.get('/a.yaml', info), null)
})

test.run()
