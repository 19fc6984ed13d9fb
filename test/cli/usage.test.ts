import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {alignColumns} from '../../src/cli/table.ts'
import {callerFolder} from '../../src/cli/terminal.ts'
import {GLOBAL_FLAGS, VERBS} from '../../src/cli/verbs.ts'
import {command} from '../helpers/command.ts'
import {withFolder} from '../helpers/folder.ts'

const root = join(import.meta.dirname, '..', '..')

test('--help lists every verb, its own help every flag of a verb', async () => {
  const all = await command(['--help'])
  assert.is(all.code, 0)
  assert.is(all.stderr, '')
  for (const verb of VERBS) {
    assert.ok(all.stdout.includes(`  ${`${verb.name} ${verb.operands}`.trim()} `), verb.name)
    const own = await command([...verb.name.split(' '), '--help'])
    assert.is(own.code, 0)
    for (const flag of [...verb.flags, ...GLOBAL_FLAGS]) assert.ok(own.stdout.includes(`--${flag.name}`), flag.name)
  }
  assert.is((await command(['help', 'check'])).stdout, (await command(['check', '-h'])).stdout)
  assert.is((await command(['routes', '--help'])).stdout, all.stdout)
})

test('no verb at all is help on stderr and exit 2', async () => {
  const {code, stdout, stderr} = await command([])
  assert.equal([code, stdout], [2, ''])
  assert.match(stderr, /Usage: routesd VERB/)
})

const mistakes: [args: string[], message: RegExp][] = [
  [['chekc'], /there is no verb 'chekc' \(did you mean check\?/],
  [['frobnicate'], /there is no verb 'frobnicate' \(routesd --help/],
  [['routes'], /'routes' needs one of: ls, save, rm/],
  [['routes', 'sav'], /there is no verb 'routes sav' \(did you mean save\?/],
  [['check', '--strct'], /there is no flag --strct \(did you mean --strict\?/],
  [['status', '--strict'], /'status' has no flag --strict/],
  [['check', '--strict=yes'], /--strict takes no value/],
  [['check', '-c'], /-c needs a value: FILE/],
  [['check', '--format', 'xml'], /'check' has no format 'xml' \(it writes pretty, compact, json, github/],
  [['explain'], /'explain' needs \[METHOD\] URL/],
  [['explain', 'a', 'b', 'c'], /'c' is too many/],
  [['status', 'now'], /'status' takes no arguments: 'now' is too many/],
  [['config', 'schema', 'rout'], /there is no schema 'rout' \(did you mean route\?/],
  [['explain', '-H', 'nocolon', 'http://x/'], /--header 'nocolon' is not 'Name: value'/],
]

test('a mistake on the command line is told in one sentence, with a guess, and exit 2', async () => {
  for (const [args, message] of mistakes) {
    const {code, stdout, stderr} = await command(args, {cwd: root})
    assert.equal([code, stdout], [2, ''], args.join(' '))
    assert.match(stderr, message)
    assert.is(stderr.split('\n').length, 2)
  }
})

test('flags may stand before the verb, and list means ls', async () => {
  const before = await command(['-o', 'json', 'routes', 'list', '--offline'], {cwd: root})
  assert.is(before.code, 0, before.stderr)
  assert.equal(before.stdout, (await command(['routes', 'ls', '--offline', '--format=json'], {cwd: root})).stdout)
})

test('version is that of package.json', async () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {version: string}
  const {stdout} = await command(['version'])
  assert.is(stdout.split(' ', 2).join(' '), `routesd ${manifest.version}`)
  assert.is((await command(['--version'])).stdout, stdout)
  const facts = JSON.parse((await command(['version', '-o', 'json'])).stdout) as Record<string, string>
  assert.equal([facts['version'], facts['node']], [manifest.version, process.versions.node])
})

test('a flag means the same with every verb', () => {
  const seen = new Map<string, string>()
  for (const flag of [...GLOBAL_FLAGS, ...VERBS.flatMap(verb => verb.flags)]) {
    const shape = `${flag.short ?? ''} ${flag.value ?? ''}`
    assert.is(seen.get(flag.name) ?? shape, shape, flag.name)
    seen.set(flag.name, shape)
  }
  const shorts = [...seen.values()].map(shape => shape.split(' ')[0]).filter(Boolean)
  assert.is(new Set(shorts).size, shorts.length)
})

test('below npm relative paths count from where npm was called, and only when npm calls us', () => {
  const npm = {npm_lifecycle_script: 'node src/main.ts', npm_package_json: '/repo/package.json', INIT_CWD: '/home/ann'}
  assert.is(callerFolder('/repo', npm), '/home/ann')
  assert.is(callerFolder('/repo', {...npm, npm_lifecycle_script: 'node src/main.ts check'}), '/home/ann')
  assert.is(callerFolder('/tmp/x', npm), '/tmp/x')
  assert.is(callerFolder('/repo', {...npm, npm_lifecycle_script: 'node test/run.ts'}), '/repo')
  assert.is(callerFolder('/repo', {}), '/repo')
})

test(
  'INIT_CWD is where the program looks for files',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': 'id: a.localhost\ntarget: http://127.0.0.1:1\n'})
    const env = {
      npm_lifecycle_script: 'node src/main.ts',
      npm_package_json: join(root, 'package.json'),
      INIT_CWD: folder.path,
    }
    const {code, stdout, stderr} = await command(['routes', 'ls', '--offline'], {cwd: root, env})
    assert.is(code, 0, stderr)
    assert.match(stdout, /a\.localhost .* routes\.d\/a\.yaml:1/)
    assert.is((await command(['check', 'routes.d/a.yaml'], {cwd: root, env})).code, 0)
  }),
)

test('a reader that goes away ends the program quietly', async () => {
  const child = spawn(process.execPath, [join(root, 'src/main.ts'), 'config', 'schema', 'route'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.destroy()
  let stderr = ''
  child.stderr.on('data', data => {
    stderr += data
  })
  const [code] = await once(child, 'close')
  assert.equal([code, stderr], [0, ''])
})

test('an old Node gets one line and exit 2', async () => {
  const script = `Object.defineProperty(process.versions, 'node', {value: '20.19.0'}); await import(${JSON.stringify(join(root, 'src/main.ts'))})`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {stdio: ['ignore', 'pipe', 'pipe']})
  let stderr = ''
  child.stderr.on('data', data => {
    stderr += data
  })
  const [code] = await once(child, 'close')
  assert.is(code, 2)
  assert.match(stderr, /^routesd needs Node 24 or newer; this is v\S+ \(.*\)\n$/)
})

test('columns are aligned, and a name cannot move the cursor', () => {
  assert.equal(
    alignColumns(
      [
        ['ID', 'N', 'FROM'],
        ['a\x1b[2J', '10', ''],
      ],
      [1],
    ),
    ['ID      N  FROM', 'a?[2J  10'],
  )
})

test.run()
