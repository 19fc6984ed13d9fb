// The route files of the documents that this program was made from, as they stand there: test/golden/seeds/*.yaml, line by
// line with their comments and trailing spaces. They are accepted, and decided as the documents say, by explain and over
// the wire. Each stand-in listens on a loopback address of its own, because the targets name their ports.

import {readFileSync} from 'node:fs'
import {createServer, request, type Server} from 'node:http'
import {join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {codeOf} from '../src/base/errors.ts'
import {silentLog} from '../src/base/log.ts'
import type {Scope} from '../src/base/scope.ts'
import {loadSettings} from '../src/control/config/settings.ts'
import {runDaemon} from '../src/daemon.ts'
import {createExplainer} from '../src/router/explain.ts'
import {type Folder, withFolder} from './helpers/folder.ts'
import {compiled} from './helpers/written.ts'

type Seed = {
  readonly file: string
  /** What is asked for, and where the documents say that it goes; null for 404. */
  readonly decisions: readonly (readonly [string, string | null])[]
}

const SEEDS: readonly Seed[] = [
  {
    file: 'api-route.yaml',
    decisions: [
      ['http://api.example.com/', 'http://1backend:11337/'],
      ['http://api.example.com/user-svc/login?a=1', 'http://1backend:11337/user-svc/login?a=1'],
      ['http://example.com/', null],
    ],
  },
  {
    file: 'routes.yaml',
    decisions: [
      ['http://api.example.com/x', 'http://1backend:11337/x'],
      ['http://example.com/', 'http://frontend:8080/'],
      ['http://cdn.example.com/logo.svg', 'http://nginx/logo.svg'],
      ['http://app.example.com/', 'http://react-app:3000/'],
      ['http://www.example.com/', null],
    ],
  },
  {
    file: 'microfrontends.yaml',
    decisions: [
      ['http://x.localhost/app/admin/settings', 'http://admin-frontend:4000/app/admin/settings'],
      ['http://x.localhost/app/page', 'http://app-frontend:3000/app/page'],
      ['http://x.localhost/', 'http://root-frontend:8080/'],
      ['http://x.localhost/anything/else?q', 'http://root-frontend:8080/anything/else?q'],
      ['http://x.localhost/app', 'http://app-frontend:3000/app'],
      ['http://x.localhost/apple', 'http://root-frontend:8080/apple'],
      ['http://x.localhost/app/administrator', 'http://app-frontend:3000/app/administrator'],
    ],
  },
]

/** By the names in the files: every instance has an address of its own. */
const ADDRESSES: Readonly<Record<string, string>> = {
  '1backend': '127.0.0.2',
  frontend: '127.0.0.3',
  nginx: '127.0.0.4',
  'react-app': '127.0.0.5',
  'root-frontend': '127.0.0.6',
  'app-frontend': '127.0.0.7',
  'admin-frontend': '127.0.0.8',
}

for (const {file, decisions} of SEEDS) {
  const text = readFileSync(join(import.meta.dirname, 'golden/seeds', file), 'utf8')

  test(`${file} is accepted verbatim and explained as documented`, () => {
    const explain = createExplainer(compiled({[file]: text}))
    for (const [url, forward] of decisions) {
      const explained = explain('GET', url)
      assert.is(explained.forward, forward, url)
      assert.is(explained.answer?.status, forward === null ? 404 : undefined, url)
    }
  })

  test(
    `${file} is served verbatim and every request arrives where it is documented to`,
    withFolder(async folder => {
      const targets = new Set(decisions.flatMap(([, forward]) => (forward === null ? [] : [new URL(forward).host])))
      for (const target of targets) {
        const refused = await standIn(folder.scope, target)
        if (refused === null) continue
        console.log(`SKIP ${file} over the wire: ${refused}`)
        return
      }
      const port = await serve(folder, file, text)
      for (const [url, forward] of decisions) {
        const {host, pathname, search} = new URL(url)
        const {status, body} = await get(port, host, pathname + search)
        if (forward === null) {
          assert.is(status, 404, url)
          continue
        }
        const wanted = new URL(forward)
        assert.equal(
          [status, JSON.parse(body)],
          [200, {target: wanted.host, url: wanted.pathname + wanted.search, host, forwardedHost: host}],
        )
      }
    }),
  )
}

test.run()

// ---

// Answers under the name of the target; null, or why its address and port cannot be had here.
async function standIn(scope: Scope, target: string): Promise<string | null> {
  const [name = '', port = '80'] = target.split(':')
  const server = createServer((incoming, response) => {
    const {url, headers} = incoming
    response.end(JSON.stringify({target, url, host: headers.host, forwardedHost: headers['x-forwarded-host']}))
  })
  const refused = await listening(server, ADDRESSES[name] ?? '', Number(port))
  if (refused !== null) return `${ADDRESSES[name]}:${port} cannot be bound (${refused})`
  scope.defer(() => {
    server.close()
    server.closeAllConnections()
  })
  return null
}

function listening(server: Server, host: string, port: number): Promise<string | null> {
  return new Promise((resolve, reject) => {
    server.once('error', error => {
      const code = codeOf(error)
      // EADDRNOTAVAIL: macOS has 127.0.0.1 alone.
      if (['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL'].includes(code)) resolve(code)
      else reject(error)
    })
    server.listen({host, port}, () => resolve(null))
  })
}

async function serve(folder: Folder, file: string, text: string): Promise<number> {
  await folder.write({
    [`routes.d/${file}`]: text,
    'routesd.yaml': 'listen: {http: "127.0.0.1:0", service: off}\nadmin: {http: off}\nworkers: 1\n',
  })
  const {settings} = await loadSettings({file: null, cwd: folder.path})
  if (!settings) throw new Error('the settings are not valid')
  const daemon = await runDaemon(settings, {
    log: silentLog,
    stdout: () => {},
    resolve: async host => [ADDRESSES[host] ?? ''].filter(address => address !== ''),
  })
  folder.scope.defer(() => daemon.stop())
  return Number(daemon.listeners.http[0]?.split(':').at(-1))
}

function get(port: number, host: string, path: string): Promise<{status: number; body: string}> {
  return new Promise((resolve, reject) => {
    const call = request({host: '127.0.0.1', port, path, headers: {host}, agent: false}, async response => {
      let body = ''
      for await (const chunk of response) body += chunk
      resolve({status: response.statusCode ?? 0, body})
    })
    call.on('error', reject)
    call.end()
  })
}
