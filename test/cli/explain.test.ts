import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {command} from '../helpers/command.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {createRepo} from '../helpers/repo.ts'

const ROUTES = `- id: x.localhost
  target: http://root-frontend:8080
- id: x.localhost/app
  target: http://app-frontend:3000/base
`

type Answer = {
  revision: string
  route: {id: string; file: string; line: number; commit: string | null} | null
  candidates: {id: string; outcome: string; why: string}[]
  forward: string | null
  answer: {status: number} | null
}

async function explained(folder: Folder, ...args: string[]): Promise<Answer> {
  const {code, stdout, stderr} = await command(['explain', '-o', 'json', ...args], {cwd: folder.path})
  assert.is(code, 0, stderr)
  return JSON.parse(stdout) as Answer
}

test(
  'explain names the winner, its line, the commit that put it there, and what is forwarded',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': ROUTES})
    const repo = await createRepo(folder.path)
    const first = await repo.commit('first routes')
    await folder.write({'routes.d/x.yaml': ROUTES.replace('- id: x.localhost/app', '- id: x.localhost/app # moved')})
    const second = await repo.commit('move the app')

    const app = await explained(folder, 'http://x.localhost/app/page?a=1')
    const author = 'Ada Tester'
    const moved = {commit: second, author, subject: 'move the app'}
    assert.equal(app.route, {id: 'x.localhost/app', file: 'routes.d/x.yaml', line: 3, ...moved})
    assert.equal([app.revision, app.forward, app.answer], [second, 'http://app-frontend:3000/base/app/page?a=1', null])
    assert.equal(
      app.candidates.map(({id, outcome}) => [id, outcome]),
      [
        ['x.localhost/app', 'won'],
        ['x.localhost', 'lost'],
      ],
    )
    assert.is((await explained(folder, 'http://x.localhost/apple')).route?.commit, first)

    // The files of an older commit, and who wrote them by then.
    const older = await explained(folder, '--at', 'HEAD~1', 'http://x.localhost/app')
    assert.equal([older.revision, older.route?.commit, older.route?.line], [first, first, 3])

    await folder.write({'routes.d/new.yaml': 'id: new.localhost\ntarget: http://127.0.0.1:1\n'})
    const fresh = await explained(folder, 'post', 'new.localhost')
    assert.equal([fresh.route?.id, fresh.route?.commit], ['new.localhost', null])
    assert.match(fresh.revision, new RegExp(`^${second}\\+dirty\\.[0-9a-f]{8}$`))

    const {stdout} = await command(['explain', 'http://x.localhost/app'], {cwd: folder.path})
    assert.match(stdout, /^ {2}x\.localhost\/app wins: /m)
    assert.match(stdout, new RegExp(`^ +commit +${second} move the app \\(Ada Tester\\)$`, 'm'))
    assert.match(stdout, /^ +from +routes\.d\/x\.yaml:3$/m)
    assert.match(stdout, /^ +x\.localhost +\/app is longer$/m)
  }),
)

test(
  'a commit is explained also when its files are gone from the disk',
  withFolder(async folder => {
    await folder.write({'routes.d/team/x.yaml': ROUTES})
    const repo = await createRepo(folder.path)
    const first = await repo.commit('first routes')
    await folder.remove('routes.d')
    assert.is((await explained(folder, '--at', 'HEAD', 'http://x.localhost/app')).route?.commit, first)
  }),
)

test(
  'a URL that no route takes is explained too, and a Host header stands over the URL',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': ROUTES})
    assert.equal((await explained(folder, 'http://y.localhost/')).answer?.status, 404)
    assert.equal((await explained(folder, 'http://x.localhost/..%2f/../..')).answer?.status, 400)
    assert.is((await explained(folder, '-H', 'host: x.localhost', 'http://y.localhost/')).route?.id, 'x.localhost')
    assert.is((await explained(folder, '-H', 'x-beta: 1', 'GET', 'http://x.localhost/')).route?.id, 'x.localhost')
  }),
)

const CHOICES = `- id: x.localhost
  target: http://app
  variants: [{name: beta, when: {headers: {X-Beta: "1"}}, target: "http://beta"}]
- id: split.localhost
  split: [{target: "http://a", share: 100%}, {target: "http://b", share: 0%}]
`

test(
  '--header chooses a variant, --client-ip the part of a split',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': CHOICES})
    assert.is((await explained(folder, '-H', 'x-beta: 1', 'http://x.localhost/')).forward, 'http://beta/')
    assert.is((await explained(folder, '-H', 'x-beta: 2', 'http://x.localhost/')).forward, 'http://app/')
    assert.is((await explained(folder, 'http://split.localhost/')).forward, null)
    assert.is((await explained(folder, '--client-ip', '::1', 'http://split.localhost/')).forward, 'http://a/')
    const beta = await command(['explain', '-H', 'X-Beta: 1', 'http://x.localhost/'], {cwd: folder.path})
    assert.match(beta.stdout, /^ {2}x\.localhost \(beta\) wins: the request has the header x-beta=1$/m)
    assert.match(beta.stdout, /^ +x\.localhost +its variant beta takes the request$/m)
    const split = await command(['explain', '--client-ip', '::1', 'http://split.localhost/'], {cwd: folder.path})
    assert.match(split.stdout, /^ +split +100% of the clients to http:\/\/a, this one too$/m)
    const wrong = await command(['explain', '--client-ip', 'me', 'http://split.localhost/'], {cwd: folder.path})
    assert.equal([wrong.code, wrong.stderr.includes("'me' is not an IP address")], [2, true])
  }),
)

test(
  'without valid routes there is nothing to explain with',
  withFolder(async folder => {
    const missing = await command(['explain', 'http://x.localhost/'], {cwd: folder.path})
    assert.equal([missing.code, missing.stdout], [2, ''])
    assert.match(missing.stderr, /there is no routes\.d/)
    await folder.write({'routes.d/x.yaml': '- id: x.localhost\n  target: localhost:3000\n'})
    const wrong = await command(['explain', 'http://x.localhost/'], {cwd: folder.path})
    assert.equal([wrong.code, wrong.stdout], [1, ''])
    assert.match(wrong.stderr, /routes\.d\/x\.yaml:2:11/)
  }),
)

test.run()
