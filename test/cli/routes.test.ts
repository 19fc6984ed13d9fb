import {existsSync, readFileSync} from 'node:fs'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {command} from '../helpers/command.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {createRepo, type Repo} from '../helpers/repo.ts'

const SHOP = `# the shop
- id: shop.localhost
  target: http://127.0.0.1:3000

# its api
- id: shop.localhost/api # keep
  target: http://127.0.0.1:4000
`
const APP = 'id: app.localhost\ntarget: http://127.0.0.1:5000\n'

async function repository(folder: Folder): Promise<Repo> {
  await folder.write({'routes.d/shop.yaml': SHOP, 'routes.d/team/app.yaml': APP, 'other.txt': 'a\n'})
  const repo = await createRepo(folder.path)
  await repo.commit('first routes')
  return repo
}

const read = (folder: Folder, name: string) => readFileSync(folder.at(name), 'utf8')

test(
  'ls without a daemon reads the files and says so on stderr',
  withFolder(async folder => {
    await repository(folder)
    const {code, stdout, stderr} = await command(['routes', 'ls'], {cwd: folder.path})
    assert.is(code, 0, stderr)
    assert.match(stderr, /no daemon at .*admin\.sock/)
    assert.equal(
      stdout
        .trimEnd()
        .split('\n')
        .map(line => line.split(/\s+/)),
      [
        ['ROUTE', 'ID', 'TARGET', 'REQUESTS', 'ERRORS', 'FROM'],
        ['app.localhost', 'http://127.0.0.1:5000', '-', '-', 'routes.d/team/app.yaml:1'],
        ['shop.localhost', 'http://127.0.0.1:3000', '-', '-', 'routes.d/shop.yaml:2'],
        ['shop.localhost/api', 'http://127.0.0.1:4000', '-', '-', 'routes.d/shop.yaml:6'],
      ],
    )
    const offline = await command(['routes', 'ls', '--offline', '-o', 'json'], {cwd: folder.path})
    assert.is(offline.stderr, '')
    assert.equal((JSON.parse(offline.stdout) as unknown[])[2], {
      id: 'shop.localhost/api',
      host: 'shop.localhost',
      prefix: '/api',
      kind: 'target',
      destination: 'http://127.0.0.1:4000',
      file: 'routes.d/shop.yaml',
      line: 6,
      requests: null,
      errors: null,
    })
  }),
)

test(
  'ls of files that are not valid shows what is wrong and exits 1',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': '- id: x.localhost\n'})
    const {code, stdout, stderr} = await command(['routes', 'ls', '--offline'], {cwd: folder.path})
    assert.equal([code, stdout], [1, ''])
    assert.match(stderr, /routes\.d\/x\.yaml:1/)
  }),
)

test(
  'save writes a file into routes.d and commits it, and nothing else',
  withFolder(async folder => {
    const repo = await repository(folder)
    await folder.write({'new/blog.yaml': 'id: blog.localhost\ntarget: http://127.0.0.1:6000\n', 'other.txt': 'b\n'})
    await repo.git('add', 'other.txt')
    const {code, stdout, stderr} = await command(['routes', 'save', 'new/blog.yaml', '-m', 'add the blog'], {
      cwd: folder.path,
    })
    assert.is(code, 0, stderr)
    const head = (await repo.git('rev-parse', 'HEAD')).slice(0, 7)
    assert.is(stdout, `saved routes.d/blog.yaml, commit ${head}\n`)
    assert.is(read(folder, 'routes.d/blog.yaml'), read(folder, 'new/blog.yaml'))
    assert.is(await repo.git('log', '-1', '--format=%s'), 'add the blog')
    assert.is(await repo.git('show', '--name-only', '--format=', 'HEAD'), 'routes.d/blog.yaml')
    assert.is(await repo.git('diff', '--cached', '--name-only'), 'other.txt')
  }),
)

test(
  'save takes a folder, keeps its layout, and commits once',
  withFolder(async folder => {
    const repo = await repository(folder)
    await folder.write({
      'new/a.yaml': 'id: a.localhost\ntarget: http://127.0.0.1:1\n',
      'new/team/app.yaml': APP.replace('5000', '5001'),
    })
    const {code, stdout, stderr} = await command(['routes', 'save', 'new', '-o', 'json'], {cwd: folder.path})
    assert.is(code, 0, stderr)
    const commit = (await repo.git('rev-parse', 'HEAD')).slice(0, 7)
    assert.equal(JSON.parse(stdout), {files: ['routes.d/a.yaml', 'routes.d/team/app.yaml'], commit})
    assert.match(read(folder, 'routes.d/team/app.yaml'), /5001/)
    assert.is(await repo.git('rev-list', '--count', 'HEAD'), '2')
    assert.is(await repo.git('log', '-1', '--format=%s'), 'routes: save a.yaml, team/app.yaml')
    const again = await command(['routes', 'save', 'new'], {cwd: folder.path})
    assert.is(again.code, 0)
    assert.match(again.stderr, /nothing to commit/)
  }),
)

test(
  'save refuses what is not valid together with what is there, and changes nothing',
  withFolder(async folder => {
    const repo = await repository(folder)
    await folder.write({'new.yaml': 'id: shop.localhost\ntarget: http://127.0.0.1:1\n'})
    const {code, stdout, stderr} = await command(['routes', 'save', 'new.yaml'], {cwd: folder.path})
    assert.equal([code, stdout], [1, ''])
    assert.match(stderr, /duplicate-id/)
    assert.match(stderr, /routes\.d\/shop\.yaml/)
    assert.not.ok(existsSync(folder.at('routes.d/new.yaml')))
    assert.is(await repo.git('rev-list', '--count', 'HEAD'), '1')
  }),
)

test(
  'save of nothing, of something else than YAML, and of a path that is not there is exit 2',
  withFolder(async folder => {
    await repository(folder)
    await folder.write({'empty/readme.txt': 'x'})
    for (const path of ['empty', 'other.txt', 'nowhere.yaml']) {
      const {code, stderr} = await command(['routes', 'save', path], {cwd: folder.path})
      assert.is(code, 2, path)
      assert.match(stderr, new RegExp(path))
    }
  }),
)

test(
  '--no-commit leaves the commit to you, and outside git a note says that there is none',
  withFolder(async folder => {
    const repo = await repository(folder)
    await folder.write({'new.yaml': 'id: n.localhost\ntarget: http://127.0.0.1:1\n'})
    assert.is((await command(['routes', 'save', 'new.yaml', '--no-commit'], {cwd: folder.path})).code, 0)
    assert.is(await repo.git('status', '--porcelain', 'routes.d'), '?? routes.d/new.yaml')
    await folder.remove('.git')
    await folder.write({'new2.yaml': 'id: n2.localhost\ntarget: http://127.0.0.1:1\n'})
    const {code, stdout, stderr} = await command(['routes', 'save', 'new2.yaml'], {cwd: folder.path})
    assert.equal([code, stdout], [0, 'saved routes.d/new2.yaml\n'])
    assert.match(stderr, /not committed: .*not in a git work tree/)
  }),
)

test(
  'when the commit fails nothing is changed',
  withFolder(async folder => {
    const repo = await repository(folder)
    await folder.write({
      'new/shop.yaml': SHOP.replace('3000', '3001'),
      'new/z.yaml': 'id: z.localhost\ntarget: http://127.0.0.1:1\n',
    })
    await repo.git('config', 'commit.gpgsign', 'true')
    await repo.git('config', 'gpg.program', '/bin/false')
    const {code, stdout, stderr} = await command(['routes', 'save', 'new'], {cwd: folder.path})
    assert.equal([code, stdout], [2, ''])
    assert.match(stderr, /nothing was changed: /)
    assert.match(stderr, /--no-commit/)
    assert.is(read(folder, 'routes.d/shop.yaml'), SHOP)
    assert.not.ok(existsSync(folder.at('routes.d/z.yaml')))
    assert.is(await repo.git('status', '--porcelain', 'routes.d'), '')
  }),
)

test(
  'rm takes one route out of its file, keeps the rest byte for byte, and commits that',
  withFolder(async folder => {
    const repo = await repository(folder)
    const {code, stdout, stderr} = await command(['routes', 'rm', 'SHOP.localhost/'], {cwd: folder.path})
    assert.is(code, 0, stderr)
    assert.match(stdout, /^removed shop\.localhost from routes\.d\/shop\.yaml, commit [0-9a-f]{7}\n$/)
    assert.is(
      read(folder, 'routes.d/shop.yaml'),
      SHOP.replace('- id: shop.localhost\n  target: http://127.0.0.1:3000\n', ''),
    )
    assert.is(await repo.git('log', '-1', '--format=%s'), 'routes: remove shop.localhost')
    assert.is(await repo.git('status', '--porcelain'), '')
  }),
)

test(
  'rm deletes a file that becomes empty, and says when no route is left',
  withFolder(async folder => {
    const repo = await repository(folder)
    const {stdout} = await command(['routes', 'rm', 'app.localhost', '-o', 'json'], {cwd: folder.path})
    const commit = (await repo.git('rev-parse', 'HEAD')).slice(0, 7)
    assert.equal(JSON.parse(stdout), {id: 'app.localhost', file: 'routes.d/team/app.yaml', deleted: true, commit})
    assert.not.ok(existsSync(folder.at('routes.d/team/app.yaml')))
    assert.is(await repo.git('status', '--porcelain'), '')
    await command(['routes', 'rm', 'shop.localhost/api', '--no-commit'], {cwd: folder.path})
    const last = await command(['routes', 'rm', 'shop.localhost'], {cwd: folder.path})
    assert.is(last.code, 0, last.stderr)
    assert.match(last.stderr, /no route is left/)
  }),
)

test(
  'rm of a route that is not there is exit 2, with a guess',
  withFolder(async folder => {
    const repo = await repository(folder)
    const {code, stderr} = await command(['routes', 'rm', 'shop.localhost/apj'], {cwd: folder.path})
    assert.is(code, 2)
    assert.match(stderr, /there is no route 'shop\.localhost\/apj' \(did you mean shop\.localhost\/api\?/)
    assert.is((await command(['routes', 'rm', 'http://x'], {cwd: folder.path})).code, 2)
    assert.is(await repo.git('rev-list', '--count', 'HEAD'), '1')
  }),
)

test.run()
