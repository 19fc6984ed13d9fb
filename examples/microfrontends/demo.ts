// `npm start`: three tiny frontends on loopback and routesd in front of them, until Ctrl-C.
//
//   demo.ts [SETTINGS (the routesd.yaml beside this file)]

import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {createServer, type Server} from 'node:http'
import {join} from 'node:path'
import {createInterface} from 'node:readline'

const root = join(import.meta.dirname, '..', '..')
const [settings = join(import.meta.dirname, 'routesd.yaml')] = process.argv.slice(2)

// The targets of routes.d/x.localhost.yaml.
const FRONTENDS = [
  {name: 'root', port: 8401},
  {name: 'app', port: 8402},
  {name: 'admin', port: 8403},
]
const FORWARDING = ['host', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip', 'forwarded', 'via']

// Below npm, Ctrl-C comes from the terminal and once more from npm: signals this close together are one.
const SAME_SIGNAL_MS = 100

process.exitCode = await demo()

// ---

async function demo(): Promise<number> {
  const frontends: Server[] = []
  try {
    for (const {name, port} of FRONTENDS) frontends.push(await startFrontend(name, port))
    return await runDaemon()
  } catch (error) {
    console.error(`demo: ${error instanceof Error ? error.message : error}`)
    return 2
  } finally {
    for (const frontend of frontends) {
      frontend.close()
      frontend.closeAllConnections()
    }
  }
}

async function startFrontend(name: string, port: number): Promise<Server> {
  const frontend = createServer((request, response) => {
    const headers = FORWARDING.flatMap(header => {
      const value = request.headers[header]
      return value === undefined ? [] : [`  ${header}: ${value}`]
    })
    response.setHeader('content-type', 'text/plain; charset=utf-8')
    response.end([`frontend: ${name}`, `path: ${request.url}`, 'headers:', ...headers, ''].join('\n'))
  })
  frontend.listen(port, '127.0.0.1')
  await once(frontend, 'listening')
  return frontend
}

// In our process group, so that whatever ends the group ends the daemon too.
async function runDaemon(): Promise<number> {
  const run = ['src/main.ts', 'run', '--config', settings]
  const daemon = spawn(process.execPath, run, {cwd: root, stdio: ['ignore', 'pipe', 'inherit']})
  const wasAsked = stopWithUs(daemon)
  createInterface({input: daemon.stdout}).on('line', line => {
    console.log(line)
    const [, http, https] = /^routesd ready .*\bhttp=(\S+) https=(\S+)/.exec(line) ?? []
    if (http && https) console.log(tryThese(http, https))
  })
  const [code, signal] = (await once(daemon, 'close')) as [number | null, NodeJS.Signals | null]
  if (wasAsked()) return 0
  if (signal) console.error(`demo: routesd was ended by ${signal}`)
  return code ?? 1
}

function tryThese(http: string, https: string): string {
  const at = (scheme: string, address: string) => `${scheme}://x.localhost:${address.split(':').at(-1)}`
  return [
    '',
    'Try',
    ...['/', '/app/page', '/app/admin/settings'].map(path => `  curl ${at('http', http)}${path}`),
    '',
    'Over https, when the roots of the local CA are trusted',
    '  npm run -s routesd -- certs export --ca > .routesd/ca.pem',
    `  curl --cacert .routesd/ca.pem ${at('https', https)}/`,
    '',
  ].join('\n')
}

/** Passes every request to stop on; the returned function says whether there was one. */
function stopWithUs(daemon: ChildProcess): () => boolean {
  let since: number | null = null
  const stop = () => {
    const now = performance.now()
    if (since !== null && now - since < SAME_SIGNAL_MS) return
    since = now
    daemon.kill('SIGTERM')
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  process.on('exit', () => daemon.kill('SIGKILL'))
  return () => since !== null
}
