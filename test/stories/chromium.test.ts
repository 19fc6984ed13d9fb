// What people point at a server with https: a browser, curl, openssl and nghttp, each with no more trust than the roots of the
// local CA. Those that are not installed are left out, and said.

import {execFile} from 'node:child_process'
import {accessSync, constants, mkdirSync} from 'node:fs'
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {Socket} from 'node:net'
import {delimiter, join} from 'node:path'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {startIn} from '../helpers/command.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {agreement} from '../helpers/websocket.ts'

const SETTINGS = 'workers: 2\nlisten: {http: "127.0.0.1:0", https: "127.0.0.1:0", service: off}\nadmin: {http: off}\n'
const LIMIT_MS = 90_000

needing('chromium', 'certutil')(
  'a browser is sent to https, speaks HTTP/2 there, and has its script, its answers and its WebSocket',
  withFolder(async folder => {
    const {http, https} = await serve(folder)
    const home = folder.at('home')
    mkdirSync(join(home, '.pki', 'nssdb'), {recursive: true})
    const database = `sql:${join(home, '.pki', 'nssdb')}`
    await run('certutil', ['-d', database, '-N', '--empty-password'])
    await run('certutil', ['-d', database, '-A', '-t', 'C,,', '-n', 'routesd', '-i', folder.at('ca.pem')])
    const {stdout, stderr} = await run('chromium', [...headless(folder), '--dump-dom', `http://x.localhost:${http}/`], {
      HOME: home,
    })
    const [, found = ''] = /<pre id="seen">([^<]*)<\/pre>/.exec(stdout) ?? []
    assert.ok(found !== '', `${stdout}\n${stderr}`)
    assert.equal(JSON.parse(found.replaceAll('&quot;', '"')), {
      place: `https://x.localhost:${https}/`,
      isSecure: true,
      page: 'h2',
      script: 'h2',
      posted: 'POST /posted https: from the page',
      echoed: 'this is x.localhost: hello',
    })
  }),
)

needing('curl')(
  'curl trusts what `certs export --ca` prints and nothing less, over HTTP/1.1 and HTTP/2',
  withFolder(async folder => {
    const {http, https} = await serve(folder)
    const curl = (...more: string[]) =>
      run('curl', ['-sS', '--noproxy', '*', '--resolve', `x.localhost:${https}:127.0.0.1`, ...more])
    const url = `https://x.localhost:${https}/text`
    const trust = ['--cacert', folder.at('ca.pem')]
    for (const [flag, version] of [
      ['--http1.1', '1.1'],
      ['--http2', '2'],
    ] as const) {
      const {stdout} = await curl(...trust, flag, '-w', ' over %{http_version}', url)
      assert.is(stdout, `GET /text https over ${version}`)
    }
    assert.match((await curl(url)).stderr, /certificate problem|unable to get local issuer/)
    const redirected = await run('curl', [
      '-sSI',
      '--noproxy',
      '*',
      '-H',
      `Host: x.localhost:${http}`,
      `http://127.0.0.1:${http}/text?a=1`,
    ])
    assert.match(
      redirected.stdout,
      new RegExp(`^HTTP/1.1 308 .*\r\n[^]*location: https://x.localhost:${https}/text\\?a=1\r`, 'i'),
    )
  }),
)

needing('openssl')(
  'openssl verifies the chain and the name, agrees on TLS 1.2 and 1.3, and resumes',
  withFolder(async folder => {
    const {https} = await serve(folder)
    const client = (...more: string[]) =>
      run('sh', [
        '-c',
        'exec openssl s_client "$@" </dev/null',
        'sh',
        ...['-connect', `127.0.0.1:${https}`, '-servername', 'x.localhost', '-CAfile', folder.at('ca.pem')],
        ...['-verify_return_error', '-alpn', 'h2,http/1.1', ...more],
      ])
    for (const version of ['1_2', '1_3']) {
      const {stdout} = await client(`-tls${version}`, '-verify_hostname', 'x.localhost')
      assert.match(stdout, /Verify return code: 0 \(ok\)/)
      assert.match(stdout, /ALPN protocol: h2/)
      assert.match(stdout, new RegExp(`TLSv${version.replace('_', '.')}, Cipher is .*AES_?128.GCM.SHA256`, 's'))
    }
    const other = await client('-verify_hostname', 'y.localhost')
    assert.match(other.stdout + other.stderr, /[Hh]ostname mismatch/)
    const again = await client('-tls1_2', '-reconnect')
    assert.is(again.stdout.match(/^Reused, TLSv1.2/gm)?.length, 5, again.stdout)
  }),
)

needing('nghttp')(
  'nghttp gets several answers over one connection',
  withFolder(async folder => {
    const {https} = await serve(folder)
    const url = `https://127.0.0.1:${https}/text`
    const {stdout} = await run('nghttp', ['-v', '-m3', url])
    assert.match(stdout, /The negotiated protocol: h2/, stdout)
    assert.is(stdout.match(/:status: 200/g)?.length, 3, stdout)
    assert.is(stdout.match(/Connected|\[\s*[\d.]+\] Connected/g)?.length, 1)
  }),
)

test.run()

// ---

// A test of what has to be installed.
function needing(...programs: string[]): typeof test | typeof test.skip {
  const missing = programs.filter(program => !isInstalled(program))
  if (missing.length === 0) return test
  console.log(`SKIP what needs ${missing.join(' and ')}: not installed`)
  return test.skip
}

function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some(folder => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

// A site behind a daemon on ports of its own, and its roots in ca.pem.
async function serve(folder: Folder): Promise<{http: number; https: number}> {
  const site = await startSite(folder)
  await folder.write({
    'routesd.yaml': SETTINGS,
    'routes.d/site.yaml': ['x.localhost', '127.0.0.1'].map(host => `- {id: "${host}", target: "${site}"}\n`).join(''),
  })
  const env = {ROUTESD_CONFIG_DIR: folder.at('config')}
  const line = await startIn(folder, ['run'], {env}).line(/^routesd ready/)
  const ca = await startIn(folder, ['certs', 'export', '--ca'], {env})
  await ca.ended
  await folder.write({'ca.pem': ca.stdout()})
  const portOf = (kind: string) => Number(new RegExp(` ${kind}=127\\.0\\.0\\.1:(\\d+)`).exec(line)?.[1])
  return {http: portOf('http'), https: portOf('https')}
}

// The page loads its last picture only when its script has seen all it wanted to see: so the browser knows when it is done.
const PAGE = `<!doctype html><title>site</title><pre id="seen"></pre><script src="/script.js"></script><img src="/last.png">`
const SCRIPT = `
const seen = {place: location.href, isSecure: isSecureContext}
const socket = new WebSocket('wss://' + location.host + '/socket')
socket.onopen = () => socket.send('hello')
socket.onmessage = async ({data}) => {
  seen.page = performance.getEntriesByType('navigation')[0].nextHopProtocol
  seen.script = performance.getEntriesByType('resource').find(({name}) => name.endsWith('/script.js')).nextHopProtocol
  seen.posted = await (await fetch('/posted', {method: 'POST', body: 'from the page'})).text()
  seen.echoed = data
  document.getElementById('seen').textContent = JSON.stringify(seen)
  fetch('/seen')
}
`

async function startSite(folder: Folder): Promise<string> {
  let sendLast = () => {}
  const pages: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
    '/': (_, response) => response.setHeader('content-type', 'text/html').end(PAGE),
    '/script.js': (_, response) => response.setHeader('content-type', 'text/javascript').end(SCRIPT),
    '/seen': (_, response) => {
      response.end()
      sendLast()
    },
    '/last.png': (_, response) => {
      sendLast = () => response.end()
    },
  }
  const server = createServer(async (request, response) => {
    const page = pages[request.url ?? '']
    if (page !== undefined) return page(request, response)
    let body = ''
    for await (const chunk of request) body += chunk
    const said = body === '' ? '' : `: ${body}`
    return response.end(`${request.method} ${request.url} ${request.headers['x-forwarded-proto']}${said}`)
  })
  server.on('upgrade', (request, socket: Socket) => {
    socket.on('error', () => {})
    socket.write(agreement(`Sec-WebSocket-Key: ${request.headers['sec-websocket-key']}\r\n`))
    socket.once('data', (frame: Buffer) =>
      socket.write(frameOf(`this is ${request.headers.host?.split(':')[0]}: ${textOf(frame)}`)),
    )
    socket.on('data', () => {})
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  folder.scope.defer(() => {
    server.close()
    server.closeAllConnections()
  })
  const bound = server.address()
  return `http://127.0.0.1:${bound !== null && typeof bound === 'object' ? bound.port : 0}`
}

// RFC 6455 §5.2, of short texts: a client masks what it says, a server does not.
function textOf(frame: Buffer): string {
  const mask = frame.subarray(2, 6)
  return String(frame.subarray(6, 6 + ((frame[1] ?? 0) & 127)).map((byte, at) => byte ^ (mask[at % 4] ?? 0)))
}

function frameOf(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)])
}

function headless(folder: Folder): string[] {
  const off = ['quic', 'background-networking', 'component-update', 'sync', 'extensions', 'dev-shm-usage']
  return [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    ...off.map(feature => `--disable-${feature}`),
    `--user-data-dir=${folder.at('profile')}`,
    `--timeout=${LIMIT_MS / 2}`,
  ]
}

// What a program has said, whether it ended well or not.
function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{stdout: string; stderr: string}> {
  const options = {env: {...process.env, ...env}, timeout: LIMIT_MS, killSignal: 'SIGKILL', maxBuffer: 1 << 24} as const
  return new Promise(resolve => {
    execFile(program, args, options, (_, stdout, stderr) => resolve({stdout, stderr}))
  })
}
