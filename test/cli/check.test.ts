import {mkdir, readFile} from 'node:fs/promises'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {command} from '../helpers/command.ts'
import {withFolder} from '../helpers/folder.ts'

const GOOD = '- id: x.localhost\n  target: http://127.0.0.1:1\n'
const BAD = '- id: x.localhost\n  tagret: http://127.0.0.1:1\n'

type Report = {
  ok: boolean
  files: number
  routes: number
  services: number
  tests: number
  diagnostics: Record<string, unknown>[]
}

test(
  'a valid folder is exit 0, and says what was checked',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': GOOD})
    const {code, stdout} = await command(['check'], {cwd: folder.path})
    assert.is(code, 0)
    assert.match(stdout, /1 file.*1 route/)
  }),
)

test(
  'a wrong key is exit 1, with its place and what was meant',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': BAD})
    const {code, stdout} = await command(['check', '--format', 'compact'], {cwd: folder.path})
    assert.is(code, 1)
    assert.match(stdout, /^routes\.d\/x\.yaml:2:3: error/m)
    assert.match(stdout, /target/)
    const pretty = await command(['check'], {cwd: folder.path})
    assert.is(pretty.code, 1)
    assert.match(pretty.stdout, /\^/)
  }),
)

test(
  'json has the shape that scripts rely on',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': BAD, 'routes.d/y.yaml': 'id: y.localhost\ntarget: http://127.0.0.1:1\n'})
    const {code, stdout} = await command(['check', '-o', 'json'], {cwd: folder.path})
    assert.is(code, 1)
    const report = JSON.parse(stdout) as Report
    assert.equal([report.ok, report.files, report.services, report.tests], [false, 2, 0, 0])
    const [first] = report.diagnostics
    for (const key of [
      'rule',
      'severity',
      'file',
      'line',
      'column',
      'endLine',
      'endColumn',
      'path',
      'message',
      'hint',
    ]) {
      assert.ok(first && key in first, key)
    }
    assert.equal([first?.['file'], first?.['line'], first?.['column']], ['routes.d/x.yaml', 2, 3])
    await folder.write({'routes.d/x.yaml': GOOD})
    const good = JSON.parse((await command(['check', '-o', 'json'], {cwd: folder.path})).stdout) as Report
    assert.equal(good, {ok: true, files: 2, routes: 2, services: 0, tests: 0, diagnostics: []})
  }),
)

test(
  'annotations come by themselves below GitHub Actions, unless a format is asked for',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': BAD})
    const env = {GITHUB_ACTIONS: 'true'}
    const {code, stdout} = await command(['check'], {cwd: folder.path, env})
    assert.is(code, 1)
    assert.match(stdout, /^::error file=routes\.d\/x\.yaml,line=2,col=3/m)
    assert.not.match((await command(['check', '-o', 'compact'], {cwd: folder.path, env})).stdout, /^::/m)
  }),
)

test(
  'nothing to check is exit 2, never "clean"',
  withFolder(async folder => {
    await mkdir(join(folder.path, 'empty'))
    await folder.write({'notes.txt': 'hello'})
    for (const args of [['check'], ['check', 'nowhere'], ['check', 'empty'], ['check', 'x.yaml']]) {
      const {code, stdout, stderr} = await command(args, {cwd: folder.path})
      assert.equal([code, stdout], [2, ''], args.join(' '))
      assert.match(stderr, /no files matched|no such file/)
    }
  }),
)

test(
  'files and folders that are named are checked together, whatever routes.d says',
  withFolder(async folder => {
    await folder.write({'routes.d/bad.yaml': BAD, 'new/one.yaml': GOOD, 'two.yaml': GOOD})
    assert.is((await command(['check', 'new'], {cwd: folder.path})).code, 0)
    assert.is((await command(['check', join(folder.path, 'two.yaml')], {cwd: '/'})).code, 0)
    const both = await command(['check', 'new', 'two.yaml', '-o', 'compact'], {cwd: folder.path})
    assert.is(both.code, 1)
    assert.match(both.stdout, /duplicate-id/)
    assert.match(both.stdout, /new\/one\.yaml/)
  }),
)

test(
  'warnings alone are exit 0, and 3 with --strict',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': GOOD, 'routes.d/hosts.yaml': 'hosts:\n  - name: nobody.localhost\n'})
    const {code, stdout} = await command(['check', '-o', 'json'], {cwd: folder.path})
    const report = JSON.parse(stdout) as Report
    assert.equal(
      report.diagnostics.map(({rule, severity}) => [rule, severity]),
      [['unused-host', 'warning']],
    )
    assert.equal([code, report.ok], [0, true])
    assert.is((await command(['check', '--strict'], {cwd: folder.path})).code, 3)
  }),
)

test(
  'settings that are wrong are findings of check, and one line and exit 2 for every other verb',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': GOOD, 'routesd.yaml': 'lsten:\n  http: 8080\n'})
    const {code, stdout} = await command(['check', '-o', 'compact'], {cwd: folder.path})
    assert.is(code, 1)
    assert.match(stdout, /routesd\.yaml:1:1: error.*lsten/)
    for (const args of [['run'], ['status'], ['routes', 'ls'], ['explain', 'http://x.localhost/']]) {
      const other = await command(args, {cwd: folder.path})
      assert.equal([other.code, other.stdout], [2, ''], args.join(' '))
      assert.match(other.stderr, /^routesd: .*routesd\.yaml:1:1.*lsten.*\n$/)
    }
    const missing = await command(['check', '-c', 'other.yaml'], {cwd: folder.path})
    assert.is(missing.code, 2)
    assert.match(missing.stderr, /other\.yaml/)
  }),
)

test(
  'colour is for terminals, and NO_COLOR and --no-color stand over everything',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': BAD})
    const run = async (args: string[], env: Record<string, string>) =>
      (await command(['check', ...args], {cwd: folder.path, env})).stdout.includes('\x1b[')
    assert.is(await run([], {}), false)
    assert.is(await run([], {FORCE_COLOR: '1'}), true)
    assert.is(await run([], {FORCE_COLOR: '1', NO_COLOR: '1'}), false)
    assert.is(await run(['--no-color'], {FORCE_COLOR: '1'}), false)
  }),
)

test(
  'check loads nothing that serves: no http, no net, no worker threads of ours',
  withFolder(async folder => {
    await folder.write({
      'routes.d/x.yaml': GOOD,
      'trace.mjs': `import {registerHooks} from 'node:module'
import {appendFileSync} from 'node:fs'
registerHooks({load(url, context, next) { appendFileSync(${JSON.stringify(join(folder.path, 'loaded'))}, url + '\\n'); return next(url, context) }})`,
    })
    const {code} = await command(['check'], {
      cwd: folder.path,
      env: {NODE_OPTIONS: `--import=${join(folder.path, 'trace.mjs')}`},
    })
    assert.is(code, 0)
    const loaded = (await readFile(join(folder.path, 'loaded'), 'utf8')).split('\n')
    assert.ok(loaded.some(url => url.endsWith('/src/cli/check.ts')))
    const serving = loaded.filter(url => /\/src\/(daemon|proxy|admin|scoreboard|tui)\b/.test(url))
    assert.equal(serving, [])
  }),
)

test(
  'owners in the settings say who may claim what, wherever the files are named from',
  withFolder(async folder => {
    await folder.write({
      'routesd.yaml': 'owners: [{files: "team-a/**", routes: [x.localhost/a]}]\n',
      'routes.d/team-a/x.yaml': '- id: x.localhost/a\n  target: http://127.0.0.1:1\n',
    })
    assert.is((await command(['check', 'routes.d'], {cwd: folder.path})).code, 0)
    await folder.write({'routes.d/team-b.yaml': '- id: x.localhost/a/b\n  target: http://127.0.0.1:1\n'})
    const line =
      'routes.d/team-b.yaml:1:7: error owners: route "x.localhost/a/b" belongs to "team-a/**", which owns "x.localhost/a"' +
      ' (owners[0] in the settings says so: only files that match may claim it.)\n'
    const {code, stdout} = await command(['check', '-o', 'compact'], {cwd: folder.path})
    assert.equal([code, stdout], [1, line])
    const settings = ['-c', '../routesd.yaml', '-o', 'compact']
    const inside = await command(['check', '.', ...settings], {cwd: folder.at('routes.d')})
    assert.equal([inside.code, inside.stdout.replace('./team', 'team')], [1, line.replace('routes.d/', '')])
  }),
)

test(
  'reports for other programs go to stdout alone, whatever is wrong',
  withFolder(async folder => {
    await folder.write({'routes.d/x.yaml': BAD})
    const sarif = await command(['check', '-o', 'sarif'], {cwd: folder.path})
    assert.equal([sarif.code, sarif.stderr], [1, ''])
    assert.is((JSON.parse(sarif.stdout) as {version: string}).version, '2.1.0')
    const quality = await command(['check', '-o', 'codequality'], {cwd: folder.path})
    assert.ok(Array.isArray(JSON.parse(quality.stdout)))
    const junit = await command(['check', '-o', 'junit'], {cwd: folder.path})
    assert.match(junit.stdout, /^<\?xml /)
  }),
)

test.run()
