import {once} from 'node:events'
import {chmodSync, existsSync} from 'node:fs'
import {createServer} from 'node:http'
import {type AddressInfo, connect, createServer as createSocketServer} from 'node:net'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {clientOf, exchange, getAndClose} from '../helpers/client.ts'
import {command, type RunningCommand, startIn} from '../helpers/command.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {until} from '../helpers/until.ts'

const SETTINGS = 'listen:\n  http: 127.0.0.1:0\n  service: off\nadmin:\n  http: off\nworkers: 1\n'

async function origin(folder: Folder, answer = 'hello'): Promise<{port: number; held: Set<() => void>}> {
  const held = new Set<() => void>()
  const server = createServer((request, response) => {
    if (request.url === '/hold') held.add(() => response.end('held'))
    else if (request.url === '/fail') response.writeHead(500).end()
    else response.end(answer)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  folder.scope.defer(() => {
    server.close()
    server.closeAllConnections()
  })
  return {port: (server.address() as AddressInfo).port, held}
}

async function serving(folder: Folder): Promise<{daemon: RunningCommand; port: number; held: Set<() => void>}> {
  const {port: target, held} = await origin(folder)
  await folder.write({
    'routesd.yaml': SETTINGS,
    'routes.d/x.yaml': `- id: x.localhost\n  target: http://127.0.0.1:${target}\n`,
  })
  const daemon = startIn(folder, ['run'])
  const ready = await daemon.line(/^routesd ready /)
  return {daemon, held, port: Number(/ http=127\.0\.0\.1:(\d+) /.exec(ready)?.[1])}
}

test(
  'run prints one ready line, status and routes ls ask it, and SIGTERM ends it with 0',
  withFolder(async folder => {
    const {daemon, port} = await serving(folder)
    assert.match(
      daemon.stdout(),
      /^routesd ready revision=files\.[0-9a-f]{8} http=127\.0\.0\.1:\d+ https=off service=off admin=\S+admin\.sock\n$/,
    )
    assert.match(await exchange(folder.scope, port, getAndClose('/')), /hello$/)
    assert.match(await exchange(folder.scope, port, getAndClose('/fail')), /^HTTP\/1\.1 500/)

    const status = await command(['status'], {cwd: folder.path})
    assert.is(status.code, 0, status.stderr)
    assert.match(status.stdout, /^sync +Synced/m)
    assert.match(status.stdout, /^workers +1 serving$/m)
    const json = JSON.parse((await command(['status', '-o', 'json'], {cwd: folder.path})).stdout) as Record<
      string,
      unknown
    >
    for (const key of ['sync', 'health', 'revision', 'listeners', 'workers', 'uptimeMs', 'conditions'])
      assert.ok(key in json, key)
    assert.equal(json['listeners'], {http: [`127.0.0.1:${port}`], https: [], service: []})

    const rows = async () =>
      JSON.parse((await command(['routes', 'ls', '-o', 'json'], {cwd: folder.path})).stdout) as {requests: number}[]
    await until('both requests to be counted', async () => (await rows())[0]?.requests === 2)
    const table = await command(['routes', 'ls'], {cwd: folder.path})
    assert.is(table.stderr, '')
    assert.match(table.stdout, /^x\.localhost +http:\/\/127\.0\.0\.1:\d+ +2 +\d +routes\.d\/x\.yaml:1$/m)
    assert.is(await daemon.stop(), 0)
    assert.not.ok(existsSync(folder.at('.routesd/admin.sock')))
  }),
)

test(
  'status without a daemon is one line and exit 4',
  withFolder(async folder => {
    const {code, stdout, stderr} = await command(['status'], {cwd: folder.path})
    assert.equal([code, stdout], [4, ''])
    assert.match(stderr, /^routesd: no daemon at .*\.routesd\/admin\.sock: .*\n$/)
  }),
)

test(
  'the first signal lets a request finish, and a second one ends it at once with 130',
  withFolder(async folder => {
    const {daemon, port, held} = await serving(folder)
    const client = await clientOf(folder.scope, port)
    client.send('GET /hold HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    await until('the request to arrive', () => held.size === 1)
    daemon.child.kill('SIGINT')
    await refused(port)
    for (const finish of held) finish()
    await client.until(/held$/)
    assert.is(await daemon.ended, 0)
  }),
)

test(
  'a second interrupt ends a drain at once with 130',
  withFolder(async folder => {
    const {daemon, port, held} = await serving(folder)
    const client = await clientOf(folder.scope, port)
    client.send('GET /hold HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    await until('the request to arrive', () => held.size === 1)
    const began = performance.now()
    daemon.child.kill('SIGINT')
    await refused(port)
    // Signals within 100 ms are one, so this one is sent until it is heard.
    await until('the end', () => {
      daemon.child.kill('SIGINT')
      return daemon.child.exitCode !== null
    })
    assert.is(await daemon.ended, 130)
    assert.ok(performance.now() - began < 10_000)
  }),
)

test(
  'two interrupts at the same moment, as npm sends them, are one',
  withFolder(async folder => {
    const {daemon} = await serving(folder)
    // Stopped meanwhile: else more than the 100 ms within which they are one may lie between them.
    daemon.child.kill('SIGSTOP')
    daemon.child.kill('SIGINT')
    daemon.child.kill('SIGTERM')
    daemon.child.kill('SIGCONT')
    assert.is(await daemon.ended, 0)
  }),
)

test(
  'a port in use, a state folder that cannot be written and a second daemon are exit 2 with one clear line',
  withFolder(async folder => {
    const {port: target} = await origin(folder)
    const squatter = createSocketServer().listen(0, '127.0.0.1')
    await once(squatter, 'listening')
    folder.scope.defer(() => squatter.close())
    const {port} = squatter.address() as AddressInfo
    const routes = `id: x.localhost\ntarget: http://127.0.0.1:${target}\n`
    await folder.write({
      'routes.d/x.yaml': routes,
      'routesd.yaml': `listen: {http: "127.0.0.1:${port}", service: off}\nadmin: {http: off}\n`,
    })
    const busy = await command(['run'], {cwd: folder.path})
    assert.equal([busy.code, busy.stdout], [2, ''], busy.stderr)
    assert.match(last(busy.stderr), new RegExp(`^routesd: .*127\\.0\\.0\\.1:${port}`))
    assert.match(busy.stderr, /listen\.http/)

    await folder.write({'routesd.yaml': `listen: {http: "127.0.0.1:0", service: "127.0.0.1:${port}"}\n`})
    const busyService = await command(['run'], {cwd: folder.path})
    assert.is(busyService.code, 2)
    assert.match(busyService.stderr, /listen\.service/)

    await folder.write({file: 'not a folder', 'routesd.yaml': `${SETTINGS}state: ./file/state\n`})
    const state = await command(['run'], {cwd: folder.path})
    assert.equal([state.code, state.stdout], [2, ''], state.stderr)
    assert.match(last(state.stderr), /^routesd: the state folder .*file\/state/)

    await folder.write({'routesd.yaml': SETTINGS})
    const first = startIn(folder, ['run'])
    await first.line(/^routesd ready /)
    const second = await command(['run'], {cwd: folder.path})
    assert.equal([second.code, second.stdout], [2, ''], second.stderr)
    assert.match(last(second.stderr), /^routesd: another routesd answers at/)
    assert.is((await command(['status'], {cwd: folder.path})).code, 0)
  }),
)

test(
  'a first start with routes that are not valid is exit 1 with their place',
  withFolder(async folder => {
    await folder.write({
      'routesd.yaml': SETTINGS,
      'routes.d/x.yaml': '- id: x.localhost\n  tagret: http://127.0.0.1:1\n',
    })
    const {code, stdout, stderr} = await command(['run'], {cwd: folder.path})
    assert.equal([code, stdout], [1, ''])
    assert.match(stderr, /routes\.d\/x\.yaml:2:3/)
    assert.match(stderr, /tagret/)
  }),
)

test(
  'a daemon whose reader has gone goes on serving',
  withFolder(async folder => {
    const {daemon, port} = await serving(folder)
    daemon.child.stdout?.destroy()
    daemon.child.stderr?.destroy()
    await folder.write({'routes.d/y.yaml': 'id: y.localhost\ntarget: http://127.0.0.1:1\n'})
    await until('the new route', async () => {
      const {stdout} = await command(['routes', 'ls', '-o', 'json'], {cwd: folder.path})
      return stdout.includes('y.localhost')
    })
    assert.match(await exchange(folder.scope, port, getAndClose('/')), /hello$/)
  }),
)

test(
  'what init writes is valid and runs, and init does not overwrite',
  withFolder(async folder => {
    const {code, stdout} = await command(['init'], {cwd: folder.path})
    assert.equal([code, stdout], [0, 'wrote routesd.yaml\nwrote routes.d/app.localhost.yaml\n'])
    assert.is((await command(['check'], {cwd: folder.path})).code, 0)
    const again = await command(['init'], {cwd: folder.path})
    assert.is(again.code, 2)
    assert.match(again.stderr, /routesd\.yaml and routes\.d exists? already/)
    await folder.remove('routesd.yaml')
    assert.is((await command(['init'], {cwd: folder.path})).code, 2)
    assert.not.ok(existsSync(folder.at('routesd.yaml')))
    await folder.remove('routes.d')
    chmodSync(folder.path, 0o700)
    assert.is((await command(['init'], {cwd: folder.path})).code, 0)
  }),
)

function last(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? ''
}

async function refused(port: number): Promise<void> {
  await until(
    'new connections to be refused',
    () =>
      new Promise<boolean>(resolve => {
        const probe = connect(port, '127.0.0.1')
        probe.once('connect', () => resolve(false)).once('error', () => resolve(true))
        probe.once('connect', () => probe.destroy())
      }),
  )
}

test.run()
