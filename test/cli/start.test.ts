// `npm start` as a person runs it, on its real ports; where one of them is taken there is nothing to test. Only its state lies
// elsewhere: what a person has in the checkout was sealed with a key that tests do not have.

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {readFileSync} from 'node:fs'
import {createServer} from 'node:net'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {codeOf} from '../../src/base/errors.ts'
import {command, type RunningCommand, spawnCommand} from '../helpers/command.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {until} from '../helpers/until.ts'

const root = join(import.meta.dirname, '..', '..')
const script = join(root, 'examples', 'microfrontends', 'demo.ts')
const PORTS = [8080, 8443, 11337, 8401, 8402, 8403]

const taken = (await Promise.all(PORTS.map(port => isFree(port).then(free => (free ? [] : [port]))))).flat()
if (taken.length > 0) console.log(`SKIP the demo: port ${taken.join(', ')} is in use`)

function demo(name: string, body: (start: () => RunningCommand, folder: Folder) => Promise<void>): void {
  const run = withFolder(async folder => {
    const own = readFileSync(join(root, 'examples', 'microfrontends', 'routesd.yaml'), 'utf8')
      .replace('../../routes.d', join(root, 'routes.d'))
      .replaceAll('../../.routesd', folder.at('.routesd'))
    await folder.write({'routesd.yaml': own})
    const options = {cwd: root, script, env: {ROUTESD_CONFIG_DIR: folder.at('config')}}
    await body(() => folder.scope.own(spawnCommand([folder.at('routesd.yaml')], options), one => one.stop()), folder)
  })
  if (taken.length > 0) test.skip(name, run)
  else test(name, run)
}

demo('npm start serves three frontends and says how to try them', async start => {
  const running = start()
  const ready = await running.line(/^routesd ready /)
  assert.match(ready, / http=127\.0\.0\.1:8080 /)
  await running.line(/^ {2}curl .*settings$/)
  const curls = running.stdout().match(/^ {2}curl \S+$/gm) ?? []
  assert.is(curls.length, 3)
  const answers = await Promise.all(curls.map(line => ask(line.trim().slice(5))))
  assert.match(answers[0] ?? '', /^frontend: root\npath: \/\n/)
  assert.match(answers[1] ?? '', /^frontend: app\npath: \/app\/page\n/)
  assert.match(answers[2] ?? '', /^frontend: admin\npath: \/app\/admin\/settings\n/)
  assert.match(answers[0] ?? '', / {2}x-forwarded-for: 127\.0\.0\.1\n/)
  assert.match(answers[0] ?? '', / {2}x-forwarded-proto: http\n/)
  assert.is(await running.stop(), 0)
  await allFree()
})

demo(
  'npm start serves them on https too, to whoever trusts the roots that it says how to get',
  async (start, folder) => {
    const running = start()
    assert.match(await running.line(/^routesd ready /), / https=127\.0\.0\.1:8443 /)
    const curl = await running.line(/^ {2}curl --cacert/)
    assert.match(running.stdout(), /^ {2}npm run -s routesd -- certs export --ca > \.routesd\/ca\.pem$/m)
    const exported = await command(['certs', 'export', '--ca'], {cwd: folder.path})
    await folder.write({'ca.pem': exported.stdout})
    const [, url = ''] = /^ {2}curl --cacert \.routesd\/ca\.pem (\S+)$/.exec(curl) ?? []
    const answer = await ask(url, '--cacert', folder.at('ca.pem'))
    assert.match(answer, /^frontend: root\npath: \/\n/)
    assert.match(answer, / {2}x-forwarded-proto: https\n/)
    assert.is(await running.stop(), 0)
    await allFree()
  },
)

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  demo(`${signal} to the demo alone stops everything with exit code 0`, async start => {
    const running = start()
    await running.line(/^routesd ready /)
    running.child.kill(signal)
    assert.is(await running.ended, 0)
    await allFree()
  })
}

demo('SIGTERM to npm alone, as a supervisor sends it, stops everything', async (_, folder) => {
  const npm = spawn('npm', ['start', '--', folder.at('routesd.yaml')], {
    cwd: root,
    env: {...process.env, ROUTESD_CONFIG_DIR: folder.at('config')},
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  folder.scope.defer(() => killGroup(npm.pid ?? 0))
  let stdout = ''
  npm.stdout.on('data', data => {
    stdout += data
  })
  await until('the ready line', () => stdout.includes('routesd ready'), 30_000)
  npm.kill('SIGTERM')
  await once(npm, 'exit')
  await allFree()
})

demo('Ctrl-C, which every process of the group gets, stops everything with exit code 0', async (_, folder) => {
  const child = spawn(process.execPath, ['--no-warnings', script, folder.at('routesd.yaml')], {
    cwd: root,
    env: {...process.env, ROUTESD_CONFIG_DIR: folder.at('config')},
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  child.stdout.on('data', data => {
    stdout += data
  })
  await until('the ready line', () => stdout.includes('routesd ready'), 15_000)
  process.kill(-(child.pid ?? 0), 'SIGINT')
  const [code] = await once(child, 'close')
  assert.is(code, 0)
  await allFree()
})

demo('a port that is taken is told, the exit code is passed on, and nothing is left behind', async start => {
  const squatter = createServer().listen(8080, '127.0.0.1')
  await once(squatter, 'listening')
  const running = start()
  const code = await running.ended
  squatter.close()
  assert.is(code, 2)
  assert.match(running.stderr(), /8080/)
  await allFree()

  const other = createServer().listen(8443, '127.0.0.1')
  await once(other, 'listening')
  const without = start()
  assert.is(await without.ended, 2)
  other.close()
  assert.match(without.stderr(), /8443/)
  await allFree()

  const frontend = createServer().listen(8402, '127.0.0.1')
  await once(frontend, 'listening')
  const second = start()
  assert.is(await second.ended, 2)
  frontend.close()
  assert.match(second.stderr(), /^demo: .*8402\n$/)
  await allFree()
})

// Of a test that has failed something may be left.
function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise(resolve => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

async function allFree(): Promise<void> {
  for (const port of PORTS) await until(`port ${port} to be free`, () => isFree(port))
}

// curl knows that *.localhost is this machine; the resolver of the system may not.
async function ask(url: string, ...options: string[]): Promise<string> {
  const child = spawn('curl', ['--silent', '--show-error', '--max-time', '10', ...options, url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', data => {
    text += data
  })
  await once(child, 'close')
  return text
}

test.run()
