// Every example is booted with its own files and must do what the table of its README says. The origins that it names are
// played by stand-ins on free ports, so only these addresses are changed on the way.

import {existsSync, globSync, readdirSync, readFileSync} from 'node:fs'
import {createServer, type IncomingHttpHeaders, request} from 'node:http'
import {createServer as createHttp2Server} from 'node:http2'
import {request as requestHttps} from 'node:https'
import type {AddressInfo} from 'node:net'
import {dirname, join, relative, resolve} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../src/base/scope.ts'
import {command, startIn} from './helpers/command.ts'
import {type Folder, withFolder} from './helpers/folder.ts'

const root = join(import.meta.dirname, '..')
const examples = readdirSync(join(root, 'examples'))

for (const name of examples) {
  const folder = join(root, 'examples', name)

  test(`${name}: check accepts it, and its files point editors at the schemas`, async () => {
    const {code, stdout} = await command(['check', routesOf(folder), '-o', 'compact'], {cwd: root})
    assert.is(code, 0, stdout)
    for (const file of [...yamlFiles(routesOf(folder)), ...yamlFiles(folder, '*.yaml')]) {
      const schema = /^# yaml-language-server: \$schema=(\S+)\n/.exec(readFileSync(file, 'utf8'))?.[1]
      assert.ok(schema && existsSync(resolve(dirname(file), schema)), `${relative(root, file)}: ${schema}`)
    }
  })

  test(
    `${name}: serves what the table of its README says`,
    withFolder(async temporary => {
      const rows = tableOf(readFileSync(join(folder, 'README.md'), 'utf8'))
      assert.ok(rows.length >= 3, 'the README has a table of requests')
      const standIns = await copyWithStandIns(folder, temporary)
      const daemon = startIn(temporary, ['run'], {env: {ROUTESD_CONFIG_DIR: temporary.at('config')}})
      const ready = await daemon.line(/^routesd ready /)
      const portOf = ({protocol}: URL) => Number(new RegExp(` ${protocol.slice(0, -1)}=\\S+:(\\d+) `).exec(ready)?.[1])
      for (const {from, to} of rows) {
        const {status, body} = await get(portOf(new URL(from)), new URL(from), temporary.scope)
        if (to === '404') {
          assert.is(status, 404, from)
          continue
        }
        const wanted = new URL(to)
        const got = {status, ...(JSON.parse(body) as {origin: string; url: string})}
        assert.equal(got, {status: 200, origin: wanted.origin, url: wanted.pathname + wanted.search}, from)
      }
      assert.is(standIns, new Set(rows.flatMap(row => (row.to === '404' ? [] : [new URL(row.to).origin]))).size)
    }),
  )
}

function routesOf(folder: string): string {
  const own = join(folder, 'routes.d')
  return existsSync(own) ? own : join(root, 'routes.d')
}

function yamlFiles(folder: string, pattern = '**/*.{yaml,yml}'): string[] {
  return globSync(pattern, {cwd: folder}).map(file => join(folder, file))
}

function tableOf(readme: string): {from: string; to: string}[] {
  const rows = readme.matchAll(/^\| `(http[^`]+)` *\| (?:`(http[^`]+)`|(404)) *\|$/gm)
  return [...rows].map(([, from = '', url, status]) => ({from, to: url ?? status ?? ''}))
}

/** Returns how many stand-ins the files needed. */
async function copyWithStandIns(example: string, temporary: Folder): Promise<number> {
  const standIns = new Map<string, string>()
  for (const file of yamlFiles(routesOf(example))) {
    let text = readFileSync(file, 'utf8')
    for (const [origin] of text.matchAll(/http:\/\/127\.0\.0\.1:\d+/g)) {
      const start = isHttp2(text, origin) ? startHttp2StandIn : startStandIn
      if (!standIns.has(origin)) standIns.set(origin, await start(origin, temporary.scope))
    }
    text = text.replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, origin => standIns.get(origin) ?? origin)
    await temporary.write({[join('routes.d', relative(routesOf(example), file))]: text})
  }
  const settings = join(example, 'routesd.yaml')
  const text = existsSync(settings) ? readFileSync(settings, 'utf8') : 'listen:\n  http: 127.0.0.1:8080\n'
  assert.match(text, '127.0.0.1:8080')
  await temporary.write({
    'routesd.yaml': text
      // Whose places are at the top of the repository has the usual ones here.
      .replaceAll(/^(?:routes|state|admin):.*\.\.\/\.\.\/.*\n/gm, '')
      .replace('127.0.0.1:8080', '127.0.0.1:0\n  service: 127.0.0.1:0')
      .replace('127.0.0.1:8443', '127.0.0.1:0'),
  })
  return standIns.size
}

/** Answers under the name of the origin that it stands for. */
async function startStandIn(origin: string, scope: Scope): Promise<string> {
  const server = createServer((incoming, response) => response.end(JSON.stringify({origin, url: incoming.url})))
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  scope.defer(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Does the origin stand behind `protocol: h2c`, before another list item begins? */
function isHttp2(text: string, origin: string): boolean {
  return text.slice(0, text.indexOf(origin)).split(/^ *- /m).at(-1)?.includes('protocol: h2c') ?? false
}

async function startHttp2StandIn(origin: string, scope: Scope): Promise<string> {
  const server = createHttp2Server((incoming, response) => response.end(JSON.stringify({origin, url: incoming.url})))
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  scope.defer(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

type Answer = {status: number | undefined; headers: IncomingHttpHeaders; body: string}

function get(port: number, url: URL, scope: Scope): Promise<Answer> {
  return new Promise((done, reject) => {
    const path = url.pathname + url.search
    const own = {host: '127.0.0.1', port, path, headers: {host: url.host}, agent: false}
    const shown = {servername: url.hostname, rejectUnauthorized: false}
    const send = url.protocol === 'https:' ? requestHttps : request
    const call = send({...own, ...shown}, async response => {
      let body = ''
      for await (const chunk of response) body += chunk
      done({status: response.statusCode, headers: response.headers, body})
    })
    call.on('error', reject)
    scope.defer(() => call.destroy())
    call.end()
  })
}

test.run()
