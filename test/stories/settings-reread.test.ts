// routesd.yaml is read again while the daemon serves: what each group of settings does then, on the wire.

import {readFile, unlink} from 'node:fs/promises'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {certificates, hasOpenssl} from '../helpers/certificates.ts'
import {type Client, clientOf, exchange, getAndClose} from '../helpers/client.ts'
import {startIn} from '../helpers/command.ts'
import {daemonIn, type RunningDaemon, writeSettings} from '../helpers/daemon.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {OK, type Origin, originThatAnswers} from '../helpers/origin.ts'
import {createRepo} from '../helpers/repo.ts'
import {secureTo} from '../helpers/tls-client.ts'
import {PATIENCE_MS, until} from '../helpers/until.ts'
import {webSocketOf, webSocketOrigin} from '../helpers/websocket.ts'

const GET = 'GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n'

test(
  'SIGHUP puts other settings in force; connections and WebSockets that are open go on',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    const echo = await webSocketOrigin(folder.scope)
    await folder.write({
      'routes.d/a.yaml': `- {id: x.localhost, target: "${origin.url}"}\n- {id: x.localhost/ws, target: "${echo.url}"}\n`,
    })
    await writeSettings(folder, '')
    const daemon = startIn(folder, ['run'])
    const port = Number(/http=127\.0\.0\.1:(\d+)/.exec(await daemon.line(/^routesd ready/))?.[1])
    const client = await clientOf(folder.scope, port)
    const socket = await webSocketOf(folder.scope, port, '/ws')
    client.send(GET)
    await client.until(/ok$/)
    assert.not.match(origin.received.join(''), /x-request-id/i)

    await writeSettings(
      folder,
      'forward: {requestId: true}\nedge: {headBytes: 1KiB}\nlog: {access: ./access.log, format: logfmt}\n',
    )
    daemon.child.kill('SIGHUP')
    await until('the line in the log', () => /message="other settings are in force"/.test(daemon.stderr()))
    await until('the reload', async () => {
      await ask(client)
      return /x-request-id/i.test(origin.received.join(''))
    })
    assert.match(await exchange(folder.scope, port, long(2048)), /^HTTP\/1\.1 431 /)
    await readUntil(folder, 'access.log', /status=431/)
    await readUntil(folder, 'access.log', /host=x\.localhost .*status=200/)
    socket.send('still here')
    await socket.until(/still here$/)
    await ask(client)
  }),
)

test(
  'whose word about clients is believed is another at once, in every worker',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    const daemon = await serving(folder, origin, '')
    const held = await clientOf(folder.scope, daemon.port)
    held.send(GET)
    await held.until(/ok$/)
    await change(folder, daemon, 'trustedProxies: [127.0.0.0/8]\nproxyProtocol: on\n')
    const proxied = `PROXY TCP4 192.0.2.7 192.0.2.1 5000 80\r\n${getAndClose('/')}`
    for (let i = 0; i < 8; i++) assert.match(await exchange(folder.scope, daemon.port, proxied), /^HTTP\/1\.1 200 /)
    assert.match(origin.received.join(''), /x-forwarded-for: 192\.0\.2\.7\r\n/i)
    await ask(held)
  }),
)

test(
  'a bound for each client counts those who were there before it',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    const daemon = await serving(folder, origin, '')
    const held = await clientOf(folder.scope, daemon.port)
    held.send(GET)
    await held.until(/ok$/)
    await change(folder, daemon, 'edge: {perClient: 3}\n')
    const others = [await clientOf(folder.scope, daemon.port), await clientOf(folder.scope, daemon.port)]
    for (const other of others) {
      other.send(GET)
      await other.until(/ok$/)
    }
    assert.match(await exchange(folder.scope, daemon.port, getAndClose('/')), /^HTTP\/1\.1 503 /)
  }),
)

test(
  'lines of the access log go elsewhere, in another format, or nowhere',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    const daemon = await serving(folder, origin, '')
    await change(folder, daemon, 'log: {access: ./one.log}\n')
    await exchange(folder.scope, daemon.port, getAndClose('/first'))
    await change(folder, daemon, 'log: {access: ./two.log, format: combined}\n')
    await exchange(folder.scope, daemon.port, getAndClose('/second'))
    await change(folder, daemon, '')
    await exchange(folder.scope, daemon.port, getAndClose('/third'))
    assert.match(await readUntil(folder, 'one.log', /\n$/), /^\{.*"path":"\/first".*\}\n$/)
    assert.match(await readUntil(folder, 'two.log', /\n$/), /^127\.0\.0\.1 .*"GET \/second HTTP\/1\.1" 200 .*\n$/)
  }),
)

test(
  'defaults of all routes are a reload, with a place in the history; what a route says itself stays',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    const routes = `- {id: own.localhost, target: "${origin.url}", timeouts: {response: 7s}}\n`
    const daemon = await serving(folder, origin, 'forward: {via: true}\n', routes)
    const timeouts = () => {
      const {routes: all} = daemon.operations.config().config as {routes: {id: string; timeouts: unknown}[]}
      return Object.fromEntries(all.map(({id, timeouts: of}) => [id, of]))
    }
    await until('the history', () => daemon.operations.history().length === 1)
    await change(
      folder,
      daemon,
      'forward: {via: true}\ndefaults: {timeouts: {response: 1s, connect: 2s}, retry: {times: 2}}\n',
    )
    const rest = {send: '60s', idle: '60s', tunnel: '1h'}
    assert.equal(timeouts(), {
      'x.localhost': {...rest, connect: '2s', response: '1s'},
      'own.localhost': {...rest, connect: '2s', response: '7s'},
    })
    const [newest, ...others] = daemon.operations.history()
    assert.is(others.length, 1)
    assert.equal([newest?.outcome, newest?.trigger, newest?.reason], ['applied', 'admin', 'SameFiles'])
    assert.is(newest?.diff?.changed, 2)
  }),
)

test(
  'owners and permits judge what is there already: what breaks them is refused, and served as before',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    const daemon = await serving(folder, origin, '')
    await change(folder, daemon, 'owners: [{files: "b.yaml", routes: [x.localhost]}]\n')
    assert.equal(reasonsOf(daemon), ['OutOfSync OwnershipViolated'])
    assert.match(await exchange(folder.scope, daemon.port, getAndClose('/')), /^HTTP\/1\.1 200 /)
    await change(folder, daemon, 'permit: {denyTargets: [127.0.0.0/8]}\n')
    assert.equal(reasonsOf(daemon), ['OutOfSync ValidationFailed'])
    await change(folder, daemon, '')
    assert.equal(reasonsOf(daemon), ['Synced Applied'])
  }),
)

test(
  'a name that leads where requests may not go any more is dialled no more',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    await folder.write({'routes.d/a.yaml': `- {id: x.localhost, target: "http://app.test:${origin.port}"}\n`})
    const daemon = await daemonIn(folder, {resolve: async () => ['127.0.0.1']})
    const status = async () => Number(/ (\d+) /.exec(await exchange(folder.scope, daemon.port, getAndClose('/')))?.[1])
    assert.is(await status(), 200)
    await change(folder, daemon, 'permit: {denyTargets: [127.0.0.0/8]}\n')
    await until('the name to be denied', async () => (await status()) === 503)
    await change(folder, daemon, '')
    await until('the name to be allowed', async () => (await status()) === 200)
  }),
)

test(
  'a token that is rotated in its file counts from the next reading on',
  withFolder(async folder => {
    await folder.write({token: 'old', 'routes.d/a.yaml': 'services: [{slug: orders, register: true}]\n'})
    const settings = 'registry: {tokens: [{slug: orders, token: {file: token}}]}\n'
    const daemon = await daemonIn(folder, {settings})
    const put = async (token: string) => {
      const body = JSON.stringify({url: 'http://127.0.0.1:9'})
      const url = `http://127.0.0.1:${daemon.servicePort}/registry-svc/instance`
      return (await fetch(url, {method: 'PUT', body, headers: {authorization: `Bearer ${token}`}})).status
    }
    assert.equal([await put('old'), await put('new')], [200, 401])
    await folder.write({token: 'new'})
    await daemon.operations.sync()
    assert.equal([await put('old'), await put('new')], [401, 200])
  }),
)

test(
  'another minVersion is that of the next handshake',
  withFolder(async folder => {
    await folder.write({'routes.d/a.yaml': '- {id: x.localhost, respond: {status: 200}}\n'})
    const listen = 'listen: {http: "127.0.0.1:0", https: "127.0.0.1:0", service: off}\n'
    const daemon = await daemonIn(folder, {settings: listen})
    const port = Number(daemon.listeners.https[0]?.split(':').at(-1))
    const protocolOf = async () => {
      return secureTo(folder.scope, port, {maxVersion: 'TLSv1.2'}).then(
        ({socket}) => socket.getProtocol(),
        () => 'refused',
      )
    }
    assert.is(await protocolOf(), 'TLSv1.2')
    await change(folder, daemon, `${listen}tls: {minVersion: TLSv1.3}\n`)
    assert.is(await protocolOf(), 'refused')
  }),
)

test(
  'an own certificate is served, and who would bring the others is said anew',
  withFolder(async folder => {
    if (!hasOpenssl) return console.log('SKIP: there is no openssl')
    const {server} = certificates(folder.scope)
    await folder.write({
      'own.crt': server.cert,
      'own.key': server.key,
      'routes.d/a.yaml':
        '- {id: inner.test, respond: {status: 200}}\n- {id: shop.example.com, respond: {status: 200}}\n',
    })
    const listen = 'listen: {http: "127.0.0.1:0", https: "127.0.0.1:0", service: off}\n'
    const daemon = await daemonIn(folder, {settings: listen})
    const problem = () => daemon.operations.status().health.message
    assert.match(problem(), /inner\.test: .*set acme\.agree/)
    const own = 'tls: {certificates: [{cert: own.crt, key: own.key}]}\n'
    await change(folder, daemon, `${listen}acme: off\n${own}`)
    const port = Number(daemon.listeners.https[0]?.split(':').at(-1))
    const shown = await secureTo(folder.scope, port, {name: 'inner.test'})
    assert.is(shown.name, 'inner.test')
    assert.match(problem(), /^shop\.example\.com: acme is off/)
    await change(folder, daemon, `${listen}acme: off\n`)
    assert.match(problem(), /inner\.test: acme is off/)
  }),
)

test(
  'what is served is a commit instead of the files, and the files again',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    const repo = await createRepo(folder.path)
    const daemon = await serving(folder, origin, '')
    await repo.git('add', 'routes.d')
    await repo.git('commit', '--quiet', '-m', 'first')
    await folder.write({'routes.d/b.yaml': '- {id: y.localhost, respond: {status: 204}}\n'})
    const ids = () => daemon.operations.routes().map(({id}) => id)
    await until('the file', () => ids().length === 2)
    await change(folder, daemon, 'git: {serve: commit}\n')
    assert.equal(ids(), ['x.localhost'])
    assert.ok(daemon.operations.status().conditions.some(({type}) => type === 'Drift'))
    await repo.git('add', 'routes.d')
    await repo.git('commit', '--quiet', '-m', 'second')
    await until('the commit', () => ids().length === 2)
    await change(folder, daemon, '')
    await unlink(folder.at('routes.d/b.yaml'))
    await until('the file to be gone', () => ids().length === 1)
  }),
)

test(
  'a change waits for its confirmation from now on; asked for no more, it stays',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    const daemon = await serving(folder, origin, '')
    await change(folder, daemon, 'git: {confirmWithin: 10m}\n')
    assert.equal(reasonsOf(daemon), ['Synced Applied'])
    await folder.write({'routes.d/b.yaml': '- {id: y.localhost, respond: {status: 204}}\n'})
    await until('the trial', () => reasonsOf(daemon)[0] === 'Synced Progressing')
    await change(folder, daemon, '')
    assert.equal(reasonsOf(daemon), ['Synced Applied'])
    assert.is(daemon.operations.routes().length, 2)
  }),
)

test(
  'the webhook is opened, moved and closed',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    const work = await createRepo(folder.path)
    const hooks: string[] = []
    const log = {
      debug() {},
      info: (message: string, fields?: Readonly<Record<string, unknown>>) =>
        void (message === 'webhooks are taken' && hooks.push(String(fields?.['at']))),
      warn() {},
      error() {},
    }
    await folder.write({secret: 'shared', 'routes.d/a.yaml': `- {id: x.localhost, target: "${origin.url}"}\n`})
    await work.git('add', 'routes.d')
    await work.git('commit', '--quiet', '-m', 'first')
    const remote = `remote: ${folder.path}, every: 1h`
    const daemon = await daemonIn(folder, {settings: `git: {${remote}}\n`, log})
    const statusAt = (url: string) =>
      fetch(url, {method: 'POST'}).then(
        ({status}) => status,
        () => 'closed',
      )
    const hook = (path: string) =>
      `git: {${remote}, webhook: {listen: "127.0.0.1:0", path: ${path}, secret: {file: secret}}}\n`
    await change(folder, daemon, hook('/one'))
    assert.is(await statusAt(hooks[0] ?? ''), 401)
    await change(folder, daemon, hook('/two'))
    assert.is(await statusAt(hooks[0] ?? ''), 404)
    assert.is(await statusAt(String(hooks[0]).replace('/one', '/two')), 401)
    await change(folder, daemon, `git: {${remote}}\n`)
    assert.is(await statusAt(hooks[0] ?? ''), 'closed')
  }),
)

test(
  'a broken file is refused whole and says where; the settings before stay in force until it is right again',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    const daemon = await serving(folder, origin, '')
    const conditionOf = (type: string) => daemon.operations.status().conditions.find(one => one.type === type)
    await change(folder, daemon, 'edge: {headBytes: 1KiB}\nlog: {level: loud}\n')
    assert.match(
      conditionOf('SettingsRefused')?.message ?? '',
      /routesd\.yaml:5:14: .*the settings before stay in force/,
    )
    assert.match(conditionOf('SettingsRefused')?.excerpt ?? '', /loud/)
    assert.equal(
      (await daemon.operations.sync()).settings?.map(({type}) => type),
      ['SettingsRefused'],
    )
    assert.match(await exchange(folder.scope, daemon.port, long(2048)), /^HTTP\/1\.1 200 /)
    await change(folder, daemon, 'edge: {headBytes: 1KiB}\nregistry: {tokens: [{slug: a, token: {file: nowhere}}]}\n')
    assert.match(conditionOf('SettingsRefused')?.message ?? '', /the token of a cannot be read: .*nowhere/)
    assert.match(await exchange(folder.scope, daemon.port, long(2048)), /^HTTP\/1\.1 200 /)
    await unlink(folder.at('routesd.yaml'))
    await daemon.operations.sync()
    assert.match(conditionOf('SettingsRefused')?.message ?? '', /cannot be read/)
    await change(folder, daemon, 'edge: {headBytes: 1KiB}\n')
    assert.is(conditionOf('SettingsRefused'), undefined)
    assert.match(await exchange(folder.scope, daemon.port, long(2048)), /^HTTP\/1\.1 431 /)
  }),
)

test(
  'what needs a restart is named until it is as before, and the rest of the file is in force',
  withFolder(async folder => {
    const origin = await originThatAnswers(folder.scope, OK)
    const daemon = await serving(folder, origin, '')
    const needed = () => daemon.operations.status().conditions.find(({type}) => type === 'RestartNeeded')
    await change(
      folder,
      daemon,
      'listen: {http: "127.0.0.1:1", service: "127.0.0.1:0"}\nworkers: 1\nvault: {key: {env: KEY}}\nedge: {headBytes: 1KiB}\n',
    )
    assert.is(needed()?.reason, 'workers, listen.http, vault.key')
    assert.match(needed()?.message ?? '', /another workers, listen.http, vault.key than at the start: restart routesd/)
    assert.match(await exchange(folder.scope, daemon.port, long(2048)), /^HTTP\/1\.1 431 /)
    const {settings} = daemon.operations.config() as {settings: {workers: number; listen: {http: string}}}
    assert.equal([settings.workers, settings.listen.http], [2, '127.0.0.1:0'])
    await change(folder, daemon, '')
    assert.is(needed(), undefined)
  }),
)

test.run()

// ---

async function serving(folder: Folder, origin: Origin, settings: string, routes = ''): Promise<RunningDaemon> {
  await folder.write({'routes.d/a.yaml': `- {id: x.localhost, target: "${origin.url}"}\n${routes}`})
  return daemonIn(folder, {settings})
}

/** One more request on a connection that stays. */
async function ask(client: Client): Promise<string> {
  const from = client.text().length
  client.send(GET)
  return client.until(/ok$/, PATIENCE_MS, from)
}

async function change(folder: Folder, daemon: RunningDaemon, settings: string): Promise<void> {
  await writeSettings(folder, settings)
  await daemon.operations.sync()
}

function reasonsOf(daemon: RunningDaemon): string[] {
  const {state, reason} = daemon.operations.status().sync
  return [`${state} ${reason}`]
}

function long(bytes: number): string {
  return `GET / HTTP/1.1\r\nHost: x.localhost\r\nConnection: close\r\nX-Long: ${'a'.repeat(bytes)}\r\n\r\n`
}

function readUntil(folder: Folder, path: string, pattern: RegExp): Promise<string> {
  return until(`${pattern} in ${path}`, async () => {
    const text = await readFile(folder.at(path), 'utf8').catch(() => '')
    return pattern.test(text) && text
  })
}
