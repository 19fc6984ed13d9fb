// What becomes of a change of the configuration, good and broken, here and with the proxies that people know: the files that
// a person would write, the programs that Debian ships, and a client that asks.
//
//   node test/bench/anchors.ts [--only routesd,caddy,nginx] [--rounds 5]

import {type ChildProcess, execFileSync, spawn, spawnSync} from 'node:child_process'
import {once} from 'node:events'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {request} from 'node:http'
import {type AddressInfo, connect, createServer, type Socket} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {parseArgs} from 'node:util'

type Target = {readonly app: number; readonly tunnel: number}
type Proxy = {
  readonly name: string
  /** null: it is not installed. */
  readonly version: string | null
  /** Writes the configuration, with the app at one of the origins; 'broken' has a mistake that no program can take. */
  write(folder: string, port: number, target: Target, how: 'good' | 'broken'): Promise<void>
  command(folder: string): readonly [string, ...string[]]
  /** What a person does after an edit; nothing, where the program watches its files. */
  apply(child: ChildProcess): void
}

/** Long enough for every watcher to have looked several times. */
const PATIENCE_MS = 8_000
const TUNNELS = 5

const ROUTESD: Proxy = {
  name: 'routesd',
  version: process.version,
  async write(folder, port, {app, tunnel}, how) {
    await writeFile(
      join(folder, 'routesd.yaml'),
      `workers: 1\nlisten: {http: "127.0.0.1:${port}", service: off}\nadmin: {http: off}\n`,
    )
    const key = how === 'good' ? 'target' : 'targt'
    const text = `- {id: app.test, ${key}: "http://127.0.0.1:${app}"}\n- {id: tunnel.test, target: "http://127.0.0.1:${tunnel}"}\n`
    execFileSync('mkdir', ['-p', join(folder, 'routes.d')])
    await writeFile(join(folder, 'routes.d/a.yaml'), text)
  },
  command: folder => {
    const main = join(import.meta.dirname, '../../src/main.ts')
    return [process.execPath, '--no-warnings', main, 'run', '-c', join(folder, 'routesd.yaml')]
  },
  apply: () => {},
}

const CADDY: Proxy = {
  name: 'caddy --watch',
  version: versionOf('caddy', 'version'),
  async write(folder, port, {app, tunnel}, how) {
    const word = how === 'good' ? 'reverse_proxy' : 'reverse_porxy'
    const site = (host: string, to: number) => `http://${host}:${port} {\n\t${word} 127.0.0.1:${to}\n}\n`
    const text = `{\n\tadmin off\n}\n${site('app.test', app)}${site('tunnel.test', tunnel)}`
    await writeFile(join(folder, 'Caddyfile'), text)
  },
  command: folder => ['caddy', 'run', '--watch', '--config', join(folder, 'Caddyfile')],
  apply: () => {},
}

const NGINX: Proxy = {
  name: 'nginx + reload',
  version: versionOf('nginx', '-v'),
  async write(folder, port, {app, tunnel}, how) {
    const word = how === 'good' ? 'proxy_pass' : 'proxy_pas'
    const upgrade =
      'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;'
    const site = (host: string, to: number) =>
      `server { listen 127.0.0.1:${port}; server_name ${host}; location / { ${upgrade} ${word} http://127.0.0.1:${to}; } }\n`
    const text =
      `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;\n` +
      `events {}\nhttp { access_log off;\n${site('app.test', app)}${site('tunnel.test', tunnel)}}\n`
    await writeFile(join(folder, 'nginx.conf'), text)
  },
  command: folder => ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf')],
  apply: child => void child.kill('SIGHUP'),
}

const {values} = parseArgs({options: {only: {type: 'string', default: ''}, rounds: {type: 'string', default: '5'}}})
for (const proxy of [ROUTESD, CADDY, NGINX]) {
  if (values.only !== '' && !values.only.split(',').some(name => proxy.name.startsWith(name))) continue
  if (proxy.version === null) console.log(`SKIP ${proxy.name}: it is not installed`)
  else await measure(proxy, Number(values.rounds))
}

// ---

async function measure(proxy: Proxy, rounds: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'routesd-anchors-'))
  const [blue, green, port] = [await origin('blue'), await origin('green'), await freePort()]
  const at = (app: number) => ({app, tunnel: blue.port})
  let child = await start(proxy, folder, port, at(blue.port))
  try {
    const say = (what: string, text: string) => console.log(`${proxy.name.padEnd(15)} ${what.padEnd(44)} ${text}`)
    const change = async (app: number, how: 'good' | 'broken') => {
      await proxy.write(folder, port, at(app), how)
      proxy.apply(child)
    }
    const timed = async (app: number, wanted: string) => {
      const began = performance.now()
      await change(app, 'good')
      const isThere = await becomes(port, wanted)
      return isThere ? performance.now() - began : null
    }
    const took: (number | null)[] = []
    for (let round = 0; round < rounds; round++) {
      took.push(await timed(round % 2 === 0 ? green.port : blue.port, round % 2 === 0 ? 'green' : 'blue'))
    }
    say('an edit is live after', took.map(word).join(', '))

    const tunnels: Socket[] = []
    for (let n = 0; n < TUNNELS; n++) {
      tunnels.push(await tunnel(port))
      await timed(n % 2 === 0 ? blue.port : green.port, n % 2 === 0 ? 'blue' : 'green')
    }
    await elapsed(1_000)
    const alive = (await Promise.all(tunnels.map(echoes))).filter(Boolean).length
    const {count, rssMiB} = processes(child.pid ?? 0)
    say('tunnels of another route left after 5 edits', `${alive} of ${TUNNELS}; ${count} processes, ${rssMiB} MiB`)
    for (const socket of tunnels) socket.destroy()

    await timed(green.port, 'green')
    await change(blue.port, 'broken')
    await elapsed(3_000)
    say('after a broken edit it answers', (await ask(port)) ?? 'nothing')
    say('the corrected file is live after', word(await timed(blue.port, 'blue')))

    await change(green.port, 'broken')
    await elapsed(1_500)
    await stop(child)
    child = run(proxy, folder)
    const answer = (await becomes(port, 'blue')) ? 'blue' : ((await ask(port)) ?? 'nothing')
    const state = child.exitCode === null ? 'it runs' : `it has ended with exit code ${child.exitCode}`
    say('started again with the broken file it answers', `${answer}; ${state}`)
  } finally {
    await stop(child)
    blue.close()
    green.close()
    await rm(folder, {recursive: true, force: true})
  }
}

function word(ms: number | null): string {
  return ms === null ? `never (waited ${PATIENCE_MS / 1000} s)` : `${ms.toFixed(0)} ms`
}

async function start(proxy: Proxy, folder: string, port: number, target: Target): Promise<ChildProcess> {
  await proxy.write(folder, port, target, 'good')
  const child = run(proxy, folder)
  if (!(await becomes(port, 'blue'))) throw new Error(`${proxy.name} does not answer`)
  return child
}

function run(proxy: Proxy, folder: string): ChildProcess {
  const [file, ...args] = proxy.command(folder)
  return spawn(file, args, {cwd: folder, stdio: 'ignore', env: {...process.env, HOME: folder, XDG_CONFIG_HOME: folder}})
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
  await ended
  clearTimeout(timer)
}

async function becomes(port: number, wanted: string): Promise<boolean> {
  for (const began = performance.now(); performance.now() - began < PATIENCE_MS; await elapsed(5)) {
    if ((await ask(port)) === wanted) return true
  }
  return false
}

/** The answer of the app; null when there is none. */
function ask(port: number): Promise<string | null> {
  return new Promise(resolve => {
    const asked = request(
      {port, host: '127.0.0.1', agent: false, headers: {host: 'app.test'}, timeout: 2_000},
      answer => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', chunk => {
          text += chunk
        })
        answer.on('end', () => resolve(answer.statusCode === 200 ? text : `status ${answer.statusCode}`))
      },
    )
    asked.on('error', () => resolve(null))
    asked.on('timeout', () => asked.destroy())
    asked.end()
  })
}

async function tunnel(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  const key = Buffer.alloc(16).toString('base64')
  socket.on('error', () => {})
  socket.write(
    `GET / HTTP/1.1\r\nHost: tunnel.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  )
  const [head] = await once(socket, 'data')
  if (!String(head).startsWith('HTTP/1.1 101')) throw new Error(`no tunnel: ${head}`)
  return socket
}

async function echoes(socket: Socket): Promise<boolean> {
  if (socket.destroyed || socket.readableEnded) return false
  const answer = once(socket, 'data').then(
    () => true,
    () => false,
  )
  socket.write('hello')
  return Promise.race([answer, elapsed(2_000).then(() => false)])
}

// Answers with its name; what asks for an upgrade gets its bytes back.
async function origin(name: string): Promise<{port: number; close(): void}> {
  const server = createServer(socket => {
    let isTunnel = false
    socket.on('error', () => {})
    socket.on('data', data => {
      if (isTunnel) return void socket.write(data)
      isTunnel = /^upgrade:/im.test(String(data)) && /^sec-websocket-key:/im.test(String(data))
      if (isTunnel)
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n',
        )
      else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {port: (server.address() as AddressInfo).port, close: () => void server.close()}
}

async function freePort(): Promise<number> {
  const {port, close} = await origin('nobody')
  close()
  return port
}

/** A process and its children. */
function processes(pid: number): {count: number; rssMiB: number} {
  const rows = execFileSync('ps', ['-o', 'rss=', '--pid', String(pid), '--ppid', String(pid)], {encoding: 'utf8'})
  const sizes = rows.trim().split('\n').map(Number)
  return {count: sizes.length, rssMiB: Math.round(sizes.reduce((sum, size) => sum + size, 0) / 1024)}
}

function versionOf(file: string, ...args: string[]): string | null {
  const {status, stdout, stderr} = spawnSync(file, args, {encoding: 'utf8'})
  return status === 0 ? (stdout + stderr).trim() : null
}

function elapsed(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
