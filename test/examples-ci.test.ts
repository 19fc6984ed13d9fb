// What examples/ci tells people to copy is run, with the real program behind the name routesd.

import {spawn} from 'node:child_process'
import {chmod, readFile} from 'node:fs/promises'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {parse} from 'yaml'
import {type Folder, withFolder} from './helpers/folder.ts'
import {createRepo, type Repo} from './helpers/repo.ts'

const EXAMPLE = join(import.meta.dirname, '../examples/ci')
const MAIN = join(import.meta.dirname, '../src/main.ts')
const FILES = ['routesd.yaml', 'routes.d/team-shop/shop.yaml', 'routes.d/team-api/api.yaml']

const text = (name: string) => readFile(join(EXAMPLE, name), 'utf8')

/** The example as a repository with one commit on main, and a branch with another; `routesd` is on the PATH of `sh`. */
async function prepared(folder: Folder): Promise<{repo: Repo; sh: (script: string) => Promise<Ran>}> {
  const repo = await createRepo(folder.at('repo'))
  for (const name of FILES) await folder.write({[`repo/${name}`]: await text(name)})
  await repo.commit('the example')
  await repo.git('checkout', '--quiet', '-b', 'topic')
  await folder.write({'repo/routes.d/team-shop/new.yaml': 'id: new.localhost\ntarget: http://127.0.0.1:3001\n'})
  await repo.commit('a new host')
  await folder.write({'bin/routesd': `#!/bin/sh\nexec "${process.execPath}" --no-warnings "${MAIN}" "$@"\n`})
  await chmod(folder.at('bin/routesd'), 0o755)
  return {repo, sh: script => shell(folder, script)}
}

type Ran = {code: number | null; output: string}

async function shell(folder: Folder, script: string): Promise<Ran> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(npm_|GIT_|GITHUB_|INIT_CWD$|NODE_)/.test(name))
  const env = {...Object.fromEntries(kept), PATH: `${folder.at('bin')}:${process.env['PATH']}`, ...CI}
  const child = spawn('sh', ['-euc', script], {cwd: folder.at('repo'), env, timeout: 60_000})
  let output = ''
  child.stdout.on('data', (data: Buffer) => (output += data))
  child.stderr.on('data', (data: Buffer) => (output += data))
  const code = await new Promise<number | null>(done => child.on('close', done))
  return {code, output}
}

const CI = {BASE: 'main', CI_MERGE_REQUEST_DIFF_BASE_SHA: 'main', GITHUB_STEP_SUMMARY: 'summary.md'}

test(
  'the GitHub workflow checks, tests and tells what changes hands',
  withFolder(async folder => {
    const {sh} = await prepared(folder)
    const {jobs} = parse(await text('github-actions.yml')) as {jobs: {routes: {steps: {run?: string}[]}}}
    const scripts = jobs.routes.steps.flatMap(({run}) => (run?.includes('routesd ') ? [run] : []))
    assert.is(scripts.length, 3)
    for (const script of scripts) {
      const {code, output} = await sh(script)
      assert.is(code, script.includes('--fail-under') ? 1 : 0, `${script}\n${output}`)
      if (script.includes('--fail-under'))
        assert.match(output, /66\.6% of the routes are tested, and --fail-under is 80/)
    }
    assert.match(await readFile(folder.at('repo/summary.md'), 'utf8'), /^\| added \| `new\.localhost` \| 404 \|/m)
  }),
)

test(
  'the GitLab job writes its reports',
  withFolder(async folder => {
    const {sh} = await prepared(folder)
    const {routes} = parse(await text('gitlab-ci.yml')) as {routes: {script: string[]}}
    const [diff = '', check = '', tests = ''] = routes.script
    for (const script of [diff, check]) assert.is((await sh(script)).code, 0, script)
    assert.is((await sh(tests)).code, 1, 'a third of the routes is not tested')
    assert.match(await readFile(folder.at('repo/diff.md'), 'utf8'), /new\.localhost/)
    assert.equal(JSON.parse(await readFile(folder.at('repo/codequality.json'), 'utf8')), [])
    assert.match(await readFile(folder.at('repo/tests.xml'), 'utf8'), /tests="3" failures="0"/)
  }),
)

test(
  'the hook looks at what is staged, and at nothing else',
  withFolder(async folder => {
    const {repo, sh} = await prepared(folder)
    await folder.write({'repo/.git/hooks/pre-commit': await text('pre-commit')})
    await chmod(folder.at('repo/.git/hooks/pre-commit'), 0o755)
    const before = await repo.git('rev-parse', 'HEAD')
    await folder.write({'repo/routes.d/team-shop/grab.yaml': 'id: shop.localhost/api/v2\ntarget: http://127.0.0.1:1\n'})
    const refused = await sh('git add routes.d && git commit --quiet -m grab')
    assert.is(refused.code, 1, refused.output)
    assert.match(refused.output, /error owners: route "shop\.localhost\/api\/v2" belongs to "team-api\/\*\*"/)
    assert.is(await repo.git('rev-parse', 'HEAD'), before)
    // Not staged any more, it lies around and does no harm.
    const staged = await sh(
      'git rm -q --cached routes.d/team-shop/grab.yaml; git rm -q routes.d/team-shop/new.yaml; git commit -qm x',
    )
    assert.is(staged.code, 0, staged.output)
    assert.is.not(await repo.git('rev-parse', 'HEAD'), before)
  }),
)

test.run()
