// `npm start` as a person runs it, on its real ports; where one of them is taken there is nothing to test.

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {createServer} from 'node:net'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createScope} from '../../src/base/scope.ts'
import {type RunningCommand, spawnCommand} from '../helpers/command.ts'
import {until} from '../helpers/until.ts'

const root = join(import.meta.dirname, '..', '..')
const script = join(root, 'examples', 'microfrontends', 'demo.ts')
const PORTS = [8080, 11337, 8401, 8402, 8403]

const taken = (await Promise.all(PORTS.map(port => isFree(port).then(free => (free ? [] : [port]))))).flat()
if (taken.length > 0) console.log(`SKIP the demo: port ${taken.join(', ')} is in use`)

function demo(name: string, body: (start: () => RunningCommand) => Promise<void>): void {
  const run = async () => {
    const scope = createScope()
    try {
      await body(() => scope.own(spawnCommand([], {cwd: root, script}), running => running.stop()))
    } finally {
      await scope.close()
    }
  }
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

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  demo(`${signal} to the demo alone stops everything with exit code 0`, async start => {
    const running = start()
    await running.line(/^routesd ready /)
    running.child.kill(signal)
    assert.is(await running.ended, 0)
    await allFree()
  })
}

demo('Ctrl-C, which every process of the group gets, stops everything with exit code 0', async () => {
  const child = spawn(process.execPath, ['--no-warnings', script], {
    cwd: root,
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

  const frontend = createServer().listen(8402, '127.0.0.1')
  await once(frontend, 'listening')
  const second = start()
  assert.is(await second.ended, 2)
  frontend.close()
  assert.match(second.stderr(), /^demo: .*8402\n$/)
  await allFree()
})

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
async function ask(url: string): Promise<string> {
  const child = spawn('curl', ['--silent', '--show-error', '--max-time', '10', url], {
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
