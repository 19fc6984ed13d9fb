// greenlock does what we let it, in the versions that we know, from source and as it is published.

import {execFileSync} from 'node:child_process'
import {cpSync, readFileSync, symlinkSync} from 'node:fs'
import {createRequire} from 'node:module'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {loadGreenlock, REPLACED, VERSIONS} from '../../../../src/control/certs/acme/hardening.ts'
import {hasPebble} from '../../../helpers/acme/pebble.ts'
import {spawnCommand} from '../../../helpers/command.ts'
import {type Folder, withFolder} from '../../../helpers/folder.ts'
import {scoped} from '../../../helpers/scoped.ts'

const root = join(import.meta.dirname, '..', '..', '..', '..')
const acme = hasPebble ? test : test.skip
if (!hasPebble) console.log('SKIP pebble is not installed: nothing is ordered')

test('each function that is replaced is there, is another one afterwards, and stays so', () => {
  const originals = REPLACED.map(functionOf)
  assert.ok(originals.every(original => typeof original === 'function'))
  loadGreenlock()
  const now = REPLACED.map(functionOf)
  for (const [at, {of, name, why}] of REPLACED.entries()) {
    assert.is.not(now[at], originals[at], `${of} ${name}`)
    assert.ok(why.length > 20)
  }
  loadGreenlock()
  assert.equal(REPLACED.map(functionOf), now)
})

test('the versions are those of package.json and its lock, to the last digit', () => {
  const {dependencies} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  assert.is(dependencies.greenlock, VERSIONS.greenlock)
  const {packages} = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  for (const [name, version] of Object.entries(VERSIONS)) assert.is(packages[`node_modules/${name}`].version, version)
})

test('telemetry, mail servers, directories of its choice and requests of its own are gone', async () => {
  loadGreenlock()
  const [maintainers, validMx, defaultUrl, url] = REPLACED.map(functionOf) as ((...args: unknown[]) => unknown)[]
  assert.is(maintainers?.({maintainerEmail: 'nobody@example.com'}), undefined)
  assert.equal(await validMx?.('nobody@nowhere.invalid'), [])
  process.env['ENV'] = 'STAGING'
  assert.is(defaultUrl?.('https://ca.example.com/dir'), 'https://ca.example.com/dir')
  assert.is(url?.('https://ca.example.com/dir'), 'https://ca.example.com/dir')
  assert.throws(() => url?.(''), /no directory/)
  delete process.env['ENV']
  const {create} = requireFrom('@root/acme')('.') as {create(options: object): {__request(call: object): Promise<void>}}
  const instance = create({maintainerEmail: 'nobody@example.com', packageAgent: 'test/1'})
  const error = await instance.__request({method: 'GET', url: 'https://elsewhere.example/'}).catch((e: unknown) => e)
  assert.match(String(error), 'wants to send GET https://elsewhere.example/ on its own')
})

test(
  'another version is refused by its name',
  withFolder(async folder => {
    for (const part of ['base', 'control/certs'])
      cpSync(join(root, 'src', part), folder.at(`src/${part}`), {recursive: true})
    const versions = {...VERSIONS, '@root/acme': '3.1.1'}
    for (const [name, version] of Object.entries(versions))
      await folder.write({[`node_modules/${name}/package.json`]: JSON.stringify({name, version})})
    await folder.write({
      'package.json': '{"type": "module"}',
      'load.ts': "import {loadGreenlock} from './src/control/certs/acme/hardening.ts'\nloadGreenlock()\n",
    })
    const {code, stderr} = await run(folder, 'load.ts')
    assert.is(code, 1)
    assert.match(stderr, '@root/acme is 3.1.1: what is replaced in it was written for 3.1.0')
  }),
)

test(
  'what is published finds its parts too',
  withFolder(async folder => {
    symlinkSync(join(root, 'node_modules'), folder.at('node_modules'))
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    execFileSync(process.execPath, [tsc, '-p', join(root, 'src', 'tsconfig.json'), '--outDir', folder.at('dist')])
    await folder.write({
      'package.json': '{"type": "module"}',
      'order.js': `import {carryOut} from './dist/control/certs/acme/engine.js'
const stop = async () => { throw new Error('asked for the account') }
const order = {account: {kid: stop, key: stop}, directory: {}, prover: {kind: 'http-01', module: {}}, presented: [], pems: null}
await carryOut(order, 'https://ca.example.com/dir', ['shop.example.com']).catch(error => console.log(error.message))
`,
    })
    const {code, stdout, stderr} = await run(folder, 'order.js')
    assert.equal({code, stdout: stdout.trim(), stderr}, {code: 0, stdout: 'asked for the account', stderr: ''})
  }),
)

acme(
  'an order goes to the authority and to nobody else, then and later',
  scoped(async scope => {
    const script = join(root, 'test', 'helpers', 'acme', 'egress.ts')
    const running = scope.own(spawnCommand([], {script}), child => child.stop())
    assert.is(await running.ended, 0, running.stderr())
    const {directory, connected, lookups} = JSON.parse(running.stdout())
    assert.equal(connected, [directory])
    assert.is(lookups, 0)
    assert.is(running.stderr(), '')
  }),
)

test.run()

// ---

async function run(folder: Folder, script: string): Promise<{code: number | null; stdout: string; stderr: string}> {
  const running = folder.scope.own(spawnCommand([], {script: folder.at(script)}), child => child.stop())
  const code = await running.ended
  return {code, stdout: running.stdout(), stderr: running.stderr()}
}

function requireFrom(of: string): NodeJS.Require {
  let inside = createRequire(join(root, 'src', 'main.ts'))
  for (const name of ['greenlock', '@root/greenlock', '@root/acme']) {
    inside = createRequire(inside.resolve(`${name}/package.json`))
    if (name === of) break
  }
  return inside
}

function functionOf({of, file, name}: (typeof REPLACED)[number]): unknown {
  const module = requireFrom(of)(file === '.' ? './acme.js' : file) as Record<string, unknown>
  return module[name]
}
