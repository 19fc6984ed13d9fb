// Verbs that ask no daemon, where nothing is checked out: they read what the daemon has fetched, or say what to do.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createMirror} from '../../src/control/gitops/mirror.ts'
import {command} from '../helpers/command.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {cloneRepo, createRepo, type Repo} from '../helpers/repo.ts'

const ROUTES = `routes:
  - {id: a.test, target: "http://10.0.0.1:1"}
tests:
  - {name: a, request: "GET http://a.test/", expect: {route: a.test}}
`

test(
  'explain, routes ls, check, test, diff and config dump read the branch as it was fetched last',
  withFolder(async folder => {
    const {work, run, fetch} = await edge(folder)
    const one = await pushed(folder, work, ROUTES)
    const two = await pushed(folder, work, ROUTES.replace('10.0.0.1', '10.0.0.2'))
    await fetch()
    await pushed(folder, work, 'not: [fetched')

    const explained = JSON.parse((await run('explain', 'http://a.test/', '-o', 'json')).stdout)
    assert.equal([explained.revision, explained.forward], [two, 'http://10.0.0.2:1/'])
    assert.equal([explained.route.file, explained.route.line, explained.route.commit], ['conf/a.yaml', 2, two])
    const older = JSON.parse((await run('explain', 'http://a.test/', '--at', 'HEAD~1', '-o', 'json')).stdout)
    assert.equal([older.revision, older.forward], [one, 'http://10.0.0.1:1/'])

    const listed = await run('routes', 'ls', '--offline')
    assert.match(listed.stdout, /a\.test +http:\/\/10\.0\.0\.2:1 .* conf\/a\.yaml:2/)
    assert.match(
      listed.stderr,
      `conf is not checked out here: read from ${folder.at('routes.git')} main as fetched last, at ${two}`,
    )
    assert.match((await run('check')).stdout, '1 file, 1 route, 1 test: all valid')
    assert.match((await run('test')).stdout, '1 passed, 0 failed')
    assert.is(JSON.parse((await run('config', 'dump', '-o', 'json')).stdout).revision, two)
    for (const revisions of [['HEAD~1', 'HEAD'], ['HEAD~1'], [`${one}..${two}`]]) {
      const {from, to, changes} = JSON.parse((await run('diff', ...revisions, '-o', 'json')).stdout)
      assert.equal([from, to, changes.length], [one, two, 1])
    }
    const nothing = await run('diff')
    assert.equal([nothing.code, nothing.stdout], [2, ''])
    assert.match(nothing.stderr, 'name two revisions, such as HEAD~1 HEAD')
  }),
)

test(
  'a change of routes that are not checked out is refused',
  withFolder(async folder => {
    const {work, run, fetch} = await edge(folder)
    await pushed(folder, work, ROUTES)
    await fetch()
    await folder.write({'b.yaml': '{id: b.test, target: "http://10.0.0.1:1"}\n'})
    for (const args of [
      ['save', 'b.yaml'],
      ['rm', 'a.test'],
    ]) {
      const {code, stderr} = await run('routes', ...args)
      assert.is(code, 2)
      assert.match(stderr, 'conf is in a repository that is not checked out here')
      assert.match(stderr, 'change it in a clone, and push')
    }
  }),
)

test(
  'without a copy, and with one of another remote, they say what to do',
  withFolder(async folder => {
    const {work, run, fetch} = await edge(folder)
    await pushed(folder, work, ROUTES)
    for (const verb of [
      ['explain', 'http://a.test/'],
      ['routes', 'ls', '--offline'],
      ['check'],
      ['test'],
      ['diff', 'HEAD~1', 'HEAD'],
    ]) {
      const {code, stdout, stderr} = await run(...verb)
      assert.equal([code, stdout], [2, ''], verb.join(' '))
      assert.match(
        stderr,
        `there is no routes.d here, and no copy of ${folder.at('routes.git')} main in ${folder.at('.routesd')}: it has not been fetched yet`,
      )
      assert.match(stderr, '`routesd run` fetches it; or run this in a checkout of that repository')
    }
    await fetch()
    await folder.write({'routesd.yaml': 'git: {remote: ./routes.git, branch: next, path: conf}\n'})
    assert.match((await run('check')).stderr, 'what is there is of another remote or branch')
    assert.match((await run('certs', 'ls', '--offline')).stderr, 'what is there is of another remote or branch')
  }),
)

test(
  'a checkout beside the settings of the edge is what is checked, and a bare repository that is served is read',
  withFolder(async folder => {
    const {work, run} = await edge(folder)
    const sha7 = await pushed(folder, work, ROUTES)
    await folder.write({
      'routes.d/b.yaml': '- {id: b.test, target: "http://10.0.0.1:1"}\n- {id: c.test, target: "http://10.0.0.1:1"}\n',
    })
    assert.match((await run('check')).stdout, '1 file, 2 routes: all valid')
    await folder.write({'routesd.yaml': 'routes: routes.git\ngit: {serve: commit, path: conf}\n'})
    const checked = await run('check')
    assert.match(checked.stdout, '1 file, 1 route, 1 test: all valid')
    assert.match(checked.stderr, `conf is not checked out here: read from routes.git, at ${sha7}`)
  }),
)

// ---

async function edge(folder: Folder): Promise<{
  work: Repo
  run: (...args: string[]) => ReturnType<typeof command>
  fetch: () => Promise<void>
}> {
  const bare = await createRepo(folder.at('routes.git'), '--bare')
  const work = await cloneRepo(bare, folder.at('work'))
  await folder.write({'routesd.yaml': 'git: {remote: ./routes.git, path: conf}\n'})
  const mirror = createMirror({
    ...{state: folder.at('.routesd'), remote: {kind: 'path', url: bare.path}, branch: 'main', timeoutMs: 20_000},
    ...{readSsh: null, readToken: null},
  })
  return {
    work,
    run: (...args) => command(args, {cwd: folder.path}),
    fetch: () => mirror.fetch(new AbortController().signal),
  }
}

async function pushed(folder: Folder, work: Repo, yaml: string): Promise<string> {
  await folder.write({'work/conf/a.yaml': yaml})
  const sha7 = await work.commit('routes')
  await work.git('push', '--quiet', 'origin', 'main')
  return sha7
}

test.run()
