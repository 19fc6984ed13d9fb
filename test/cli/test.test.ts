import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {command} from '../helpers/command.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {createRepo} from '../helpers/repo.ts'

const ROUTES = `routes:
  - {id: x.localhost, target: "http://root:8080"}
  - {id: x.localhost/app, target: "http://app:3000"}
`
const GOOD = `tests:
  - {name: the app has its pages, request: "GET https://x.localhost/app/page", expect: {route: x.localhost/app}}
`
const BAD = `tests:
  - name: apples are apps
    request: GET https://x.localhost/apple
    expect: {forward: "http://app:3000/apple"}
`

async function run(folder: Folder, ...args: string[]): Promise<{code: number | null; stdout: string; stderr: string}> {
  return command(['test', ...args], {cwd: folder.path})
}

test(
  'a test that fails is exit 1 and says expected, actual, where and why; passing ones are exit 0',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': ROUTES, 'routes.d/good.yaml': GOOD})
    const good = await run(folder)
    assert.equal([good.code, good.stderr], [0, ''])
    assert.is(
      good.stdout,
      `ok   the app has its pages

1 passed, 0 failed; 50% of the routes are tested
  no test reaches x.localhost (routes.d/x.yaml:2)
`,
    )
    await folder.write({'routes.d/bad.yaml': BAD})
    const bad = await run(folder)
    assert.equal([bad.code, bad.stderr], [1, ''])
    assert.is(
      bad.stdout,
      `FAIL apples are apps  routes.d/bad.yaml:2
       forward
         expected "http://app:3000/apple"
         actual   "http://root:8080/apple"
       x.localhost wins: it takes every path of x.localhost
ok   the app has its pages

1 passed, 1 failed; 100% of the routes are tested
`,
    )
    // Given files are the whole configuration, as with check.
    const given = await run(folder, 'routes.d/x.yaml', 'routes.d/good.yaml', '--fail-under', '60')
    assert.is(given.code, 1)
    assert.match(given.stderr, /50% of the routes are tested, and --fail-under is 60/)
  }),
)

test(
  'json has the shape that scripts rely on, and --at reads a commit',
  withFolder(async folder => {
    const repo = await createRepo(folder.path)
    await folder.write({'routes.d/x.yaml': ROUTES, 'routes.d/bad.yaml': BAD})
    const first = await repo.commit('one')
    await folder.remove('routes.d/bad.yaml')
    const {code, stdout} = await run(folder, '--at', 'HEAD', '-o', 'json')
    assert.is(code, 1)
    assert.equal(JSON.parse(stdout), {
      ok: false,
      passed: 0,
      failed: 1,
      coverage: 50,
      results: [
        {
          name: 'apples are apps',
          ok: false,
          file: 'routes.d/bad.yaml',
          line: 2,
          expected: {forward: 'http://app:3000/apple'},
          actual: {forward: 'http://root:8080/apple'},
          why: 'x.localhost wins: it takes every path of x.localhost',
        },
      ],
      uncovered: [{id: 'x.localhost/app', file: 'routes.d/x.yaml', line: 3}],
      revision: first,
    })
    const now = await run(folder)
    assert.equal([now.code, now.stdout.split('\n')[0]], [0, '0 passed, 0 failed; 0% of the routes are tested'])
  }),
)

test(
  'what is not valid cannot be tested',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': '- id: x.localhost\n'})
    const wrong = await run(folder)
    assert.equal([wrong.code, wrong.stdout], [1, ''])
    assert.match(wrong.stderr, /routes\.d is not valid/)
    const percent = await run(folder, '--fail-under', 'half')
    assert.is(percent.code, 2)
  }),
)

test.run()
