import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {command} from '../helpers/command.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {createRepo} from '../helpers/repo.ts'

const ONE = '- id: x.example.com\n  target: http://a\n'
const TWO = `${ONE}- id: x.example.com/app\n  target: http://b\n`

type Answer = {
  from: string
  to: string
  changes: {kind: string; space: string; before: {id: string} | null; after: {line: number} | null; flags: string[]}[]
  certificates: {order: string[]; drop: string[]}
}

async function diff(folder: Folder, ...args: string[]): Promise<{code: number | null; answer: Answer}> {
  const {code, stdout, stderr} = await command(['diff', '-o', 'json', ...args], {cwd: folder.path})
  assert.is(stderr, '')
  return {code, answer: JSON.parse(stdout) as Answer}
}

test(
  'HEAD against the files on disk, one commit against another, and the exit code',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'README.md': 'nothing is routed yet'})
    const empty = await repo.commit('before routes.d')
    await folder.write({'routes.d/x.yaml': ONE})
    const one = await repo.commit('one')
    await folder.write({'routes.d/x.yaml': TWO})

    const {code, answer} = await diff(folder)
    assert.is(code, 0)
    assert.is(answer.from, one)
    assert.match(answer.to, new RegExp(`^${one}\\+dirty\\.`))
    assert.equal(answer.changes, [
      {
        kind: 'moved',
        space: 'x.example.com/app',
        before: {id: 'x.example.com', destination: 'http://a', file: 'routes.d/x.yaml', line: 1},
        after: {id: 'x.example.com/app', destination: 'http://b', file: 'routes.d/x.yaml', line: 3},
        flags: ['shadowed'],
        note: 'taken by x.example.com/app, no longer by x.example.com, which is still there: /app is longer',
      },
    ])
    assert.is((await diff(folder, '--exit-code')).code, 1)

    const born = await diff(folder, `${empty}..${one}`, '--exit-code')
    assert.equal([born.code, born.answer.from, born.answer.to], [1, empty, one])
    assert.equal(born.answer.certificates, {order: ['x.example.com'], drop: []})
    const same = await diff(folder, one, 'HEAD', '--exit-code')
    assert.equal([same.code, same.answer.changes], [0, []])
  }),
)

test(
  'three dots leave out what the other branch did meanwhile',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/x.yaml': ONE})
    await repo.commit('one')
    await repo.git('checkout', '--quiet', '-b', 'topic')
    await folder.write({'routes.d/new.yaml': 'id: new.example.com\ntarget: http://n\n'})
    await repo.commit('new')
    await repo.git('checkout', '--quiet', 'main')
    await folder.write({'routes.d/x.yaml': TWO})
    await repo.commit('two')
    const {answer} = await diff(folder, 'main...topic')
    assert.equal(
      answer.changes.map(({kind, space}) => `${kind} ${space}`),
      ['added new.example.com'],
    )
  }),
)

test(
  'what cannot be compared is said: no repository, no such commit, a commit that is not valid',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': '- id: x.example.com\n  tagret: http://a\n'})
    const outside = await command(['diff'], {cwd: folder.path})
    assert.equal([outside.code, outside.stdout], [2, ''])
    assert.match(outside.stderr, /not in a git work tree/)
    const repo = await createRepo(folder.path)
    await repo.commit('wrong')
    await folder.write({'routes.d/x.yaml': ONE})
    const wrong = await command(['diff'], {cwd: folder.path})
    assert.equal([wrong.code, wrong.stdout], [1, ''])
    assert.match(wrong.stderr, /routes\.d at HEAD is not valid/)
    const nowhere = await command(['diff', 'nowhere'], {cwd: folder.path})
    assert.equal([nowhere.code, nowhere.stderr], [2, 'routesd: there is no commit nowhere\n'])
  }),
)

test.run()
