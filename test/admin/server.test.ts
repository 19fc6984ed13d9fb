import {once} from 'node:events'
import {mkdtemp, rename, rm, stat, writeFile} from 'node:fs/promises'
import {createServer, type IncomingMessage, request} from 'node:http'
import {connect, createServer as createSocketServer} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createAdminClient} from '../../src/admin/client.ts'
import type {Event, EventBody, Operations, Status} from '../../src/admin/protocol.ts'
import {createAdminServer} from '../../src/admin/server.ts'
import {AppError, EXIT} from '../../src/base/errors.ts'
import {silentLog} from '../../src/base/log.ts'
import {NO_CERTS} from '../helpers/no-certs.ts'

const STATUS: Status = {
  sync: {state: 'Synced', reason: '', message: ''},
  health: {state: 'Healthy', message: ''},
  revision: {applied: '1234567', fetched: null, verified: null, failed: null},
  listeners: {http: ['127.0.0.1:8080'], https: [], service: []},
  workers: [],
  uptimeMs: 1,
  conditions: [],
}

type Fixture = {socket: string; folder: string; emit(event: EventBody): void; listeners: Set<unknown>}

async function withServer(
  use: (fixture: Fixture) => Promise<void>,
  change: Partial<Operations> = {},
  heartbeatMs = 15_000,
) {
  const folder = await mkdtemp(join(tmpdir(), 'routesd-admin-'))
  const listeners = new Set<(event: EventBody) => void>()
  const operations: Operations = {
    ...quiet,
    config: () => ({revision: '1234567', settings: {}, config: {}}),
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    ...change,
  }
  const socket = join(folder, 'state', 'admin.sock')
  const server = await createAdminServer({socket, operations, log: silentLog, heartbeatMs})
  const emit = (event: EventBody) => {
    for (const listener of listeners) listener(event)
  }
  try {
    await use({socket, folder, emit, listeners})
  } finally {
    await server.close()
    await rm(folder, {recursive: true})
  }
}

type Answer = {status: number | undefined; headers: IncomingMessage['headers']; body: string}

function ask(
  socketPath: string,
  path: string,
  options: {method?: string; headers?: Record<string, string>; body?: string} = {},
) {
  return new Promise<Answer>((resolve, reject) => {
    const {method = 'GET', headers = {}, body} = options
    const call = request(
      {socketPath, path, method, headers: {host: 'localhost', ...headers}, agent: false},
      async response => {
        let text = ''
        for await (const chunk of response) text += chunk
        resolve({status: response.statusCode, headers: response.headers, body: text})
      },
    )
    call.on('error', reject)
    call.end(body)
  })
}

function events(socketPath: string): Promise<{next(): Promise<Event>; response: IncomingMessage}> {
  return new Promise((resolve, reject) => {
    const call = request({socketPath, path: '/v1/events', headers: {host: 'localhost'}, agent: false}, response => {
      const lines = createInterface({input: response})[Symbol.asyncIterator]()
      resolve({response, next: async () => JSON.parse((await lines.next()).value ?? 'null') as Event})
    })
    call.on('error', reject)
    call.end()
  })
}

test('answers what the daemon says, as JSON, and HEAD without the body', () =>
  withServer(async ({socket}) => {
    const got = await ask(socket, '/v1/status')
    assert.is(got.status, 200)
    assert.is(got.headers['content-type'], 'application/json')
    assert.equal(JSON.parse(got.body), STATUS)
    assert.equal(JSON.parse((await ask(socket, '/v1/routes?x=1')).body), [])
    assert.equal(JSON.parse((await ask(socket, '/v1/config')).body), {revision: '1234567', settings: {}, config: {}})
    assert.equal([(await ask(socket, '/v1/status', {method: 'HEAD'})).body], [''])
  }))

test('refuses unknown paths, wrong methods and large bodies with an error object', () =>
  withServer(async ({socket}) => {
    for (const path of ['/', '/v1', '/v1/statu', '/v1/status/', '/v1/__proto__', '/v1/toString']) {
      const got = await ask(socket, path)
      assert.is(got.status, 404, path)
      assert.is(JSON.parse(got.body).error.code, 'not-found')
    }
    const wrong = await ask(socket, '/v1/status', {method: 'POST', body: '{}'})
    assert.is(wrong.status, 405)
    assert.is(wrong.headers.allow, 'GET, HEAD')
    assert.is(JSON.parse(wrong.body).error.code, 'method-not-allowed')
    const large = 'x'.repeat(100_000)
    assert.is((await ask(socket, '/v1/status', {body: large, headers: {'content-length': '100000'}})).status, 413)
    assert.is((await ask(socket, '/v1/status', {body: large, headers: {'transfer-encoding': 'chunked'}})).status, 413)
  }))

test('refuses what only a web page would send, and names that only a rebound page would use', () =>
  withServer(async ({socket}) => {
    const forbidden = [
      {origin: 'https://evil.example'},
      {origin: 'null'},
      {'sec-fetch-site': 'cross-site'},
      {'sec-fetch-site': 'same-origin'},
      {host: 'evil.example'},
      {host: 'evil.example:9180'},
      {host: '127.0.0.1.evil.example'},
    ]
    for (const headers of forbidden) {
      assert.is((await ask(socket, '/v1/status', {headers})).status, 403, JSON.stringify(headers))
    }
    for (const host of ['localhost', 'localhost:80', 'routesd', '127.0.0.1:9180', '[::1]:9180', 'admin.localhost']) {
      assert.is((await ask(socket, '/v1/status', {headers: {host}})).status, 200, host)
    }
  }))

test('an operation that throws is a 500 with its message, and the server goes on', () =>
  withServer(
    async ({socket}) => {
      const got = await ask(socket, '/v1/routes')
      assert.is(got.status, 500)
      assert.equal(JSON.parse(got.body), {error: {code: 'internal', message: 'no routes today'}})
      assert.is((await ask(socket, '/v1/status')).status, 200)
    },
    {
      routes() {
        throw new Error('no routes today')
      },
    },
  ))

test('the socket is 0600 in a folder of 0700, and gone after close', async () => {
  let path = ''
  await withServer(async ({socket}) => {
    path = socket
    assert.is((await stat(socket)).mode & 0o777, 0o600)
    assert.is((await stat(join(socket, '..'))).mode & 0o777, 0o700)
  })
  assert.is(await stat(path).catch(error => error.code), 'ENOENT')
})

test('events begin with a snapshot and count on without a gap', () =>
  withServer(async ({socket, emit, listeners}) => {
    const early = await events(socket)
    const first = await early.next()
    assert.is(first.type, 'snapshot')
    emit({type: 'status', status: STATUS})
    emit({type: 'heartbeat'})
    assert.is((await early.next()).seq, first.seq + 1)
    assert.is((await early.next()).seq, first.seq + 2)
    const late = await events(socket)
    assert.is((await late.next()).seq, first.seq + 2)
    emit({type: 'heartbeat'})
    const [a, b] = [await early.next(), await late.next()]
    assert.equal([a.seq, a.type, b.seq], [first.seq + 3, 'heartbeat', first.seq + 3])
    assert.is(listeners.size, 1)
  }))

test('a heartbeat is sent when nothing else is', () =>
  withServer(
    async ({socket}) => {
      const stream = await events(socket)
      await stream.next()
      assert.is((await stream.next()).type, 'heartbeat')
    },
    {},
    20,
  ))

test('the 33rd reader is refused, and a place is free again when one leaves', () =>
  withServer(async ({socket}) => {
    const readers = await Promise.all(Array.from({length: 32}, () => events(socket)))
    const got = await ask(socket, '/v1/events')
    assert.is(got.status, 503)
    assert.is(JSON.parse(got.body).error.code, 'too-many-readers')
    readers[0]?.response.destroy()
    for (let tries = 0; ; tries++) {
      const again = await events(socket)
      again.response.resume()
      if (again.response.statusCode === 200) break
      assert.ok(tries < 500, 'the place never became free')
    }
  }))

test('a reader that does not read is dropped, and others are not', () =>
  withServer(async ({socket, emit}) => {
    const slow = connect(socket)
    slow.write('GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await once(slow, 'readable')
    const quick = await events(socket)
    await quick.next()
    const text = 'x'.repeat(64 << 10)
    const large: EventBody = {type: 'status', status: {...STATUS, health: {state: 'Degraded', message: text}}}
    // 1 MiB may be unsent, and the kernel takes some more on top.
    for (let sent = 0; sent < 64; sent++) {
      emit(large)
      assert.is((await quick.next()).type, 'status')
    }
    const ended = once(slow, 'close')
    slow.resume()
    await ended
    assert.ok(slow.bytesRead < 4 << 20, `${slow.bytesRead} bytes came`)
    emit({type: 'heartbeat'})
    assert.is((await quick.next()).type, 'heartbeat')
  }))

test('close ends the readers', async () => {
  let ended: Promise<unknown> = Promise.resolve()
  await withServer(async ({socket}) => {
    const {response} = await events(socket)
    response.resume()
    ended = once(response, 'end')
  })
  await ended
})

test('a stale socket is taken over', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'routesd-admin-'))
  const socket = join(folder, 'admin.sock')
  await leaveStale(socket)
  assert.ok((await stat(socket)).isSocket())
  const client = createAdminClient(socket)
  assert.is(await client.status().catch(error => error.exitCode), EXIT.unreachable)
  const server = await createAdminServer({socket, operations: quiet, log: silentLog})
  assert.is((await client.status()).sync.state, 'Synced')
  await server.close()
  await rm(folder, {recursive: true})
})

test('a live socket, a file in its place and a path that is too long are refused with exit code 2', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'routesd-admin-'))
  const socket = join(folder, 'admin.sock')
  const server = await createAdminServer({socket, operations: quiet, log: silentLog})
  const refusal = async (path: string) => {
    const error = await failure(createAdminServer({socket: path, operations: quiet, log: silentLog}))
    assert.is(error.exitCode, EXIT.usage)
    return error.message
  }
  assert.is(await refusal(socket), `another routesd answers at ${socket}`)
  assert.is((await createAdminClient(socket).status()).sync.state, 'Synced')
  await server.close()

  await writeFile(join(folder, 'file'), 'precious')
  assert.match(await refusal(join(folder, 'file')), /exists and is not a socket/)
  assert.match(await refusal(join(folder, 'file', 'admin.sock')), /cannot be created/)
  assert.match(await refusal(join(folder, `${'x'.repeat(107)}.sock`)), /takes 107/)
  await rm(folder, {recursive: true})
})

test('of servers that start at about the same time on a stale socket exactly one serves', async () => {
  for (let round = 0; round < 20; round++) {
    const folder = await mkdtemp(join(tmpdir(), 'routesd-admin-'))
    const socket = join(folder, 'admin.sock')
    await leaveStale(socket)
    const start = async (turns: number) => {
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
      return createAdminServer({socket, operations: quiet, log: silentLog})
    }
    const results = await Promise.allSettled([0, 0, 1, 2, 3, 4, 5, 6].map(start))
    const servers = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    assert.is(servers.length, 1, JSON.stringify(results))
    assert.is((await createAdminClient(socket).status()).sync.state, 'Synced')
    await servers[0]?.close()
    await rm(folder, {recursive: true})
  }
})

test('the client says that nobody is there, that an answer is late, and what the daemon refuses', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'routesd-admin-'))
  const nobody = await failure(createAdminClient(join(folder, 'none.sock')).status())
  assert.is(nobody.exitCode, EXIT.unreachable)
  assert.match(nobody.message, /no daemon at .*none\.sock.*routesd run/)
  assert.not.match(nobody.message, /\n/)

  const mute = createSocketServer(() => {}).listen(join(folder, 'mute.sock'))
  await once(mute, 'listening')
  const late = await failure(createAdminClient(join(folder, 'mute.sock'), 50).routes())
  assert.is(late.exitCode, EXIT.unreachable)
  assert.match(late.message, /no answer within 0.05 s/)
  mute.close()

  const grumpy = createServer((_, response) => {
    response.writeHead(503).end('{"error":{"code":"busy","message":"not now"}}')
  }).listen(join(folder, 'grumpy.sock'))
  await once(grumpy, 'listening')
  const refused = await failure(createAdminClient(join(folder, 'grumpy.sock')).config())
  assert.is(refused.exitCode, EXIT.usage)
  assert.match(refused.message, /not now \(busy\)/)
  grumpy.close()
  await rm(folder, {recursive: true})
})

test('the client reads events until the loop is left or the daemon ends', async () => {
  const seen: string[] = []
  let rest: Promise<unknown> = Promise.resolve()
  await withServer(async ({socket, emit}) => {
    for await (const event of createAdminClient(socket).events()) {
      seen.push(event.type)
      if (seen.length === 2) break
      emit({type: 'heartbeat'})
    }
    const second = createAdminClient(socket).events()
    assert.is((await second.next()).done, false)
    rest = second.next()
  })
  assert.equal(seen, ['snapshot', 'heartbeat'])
  assert.is(((await rest) as IteratorResult<Event>).done, true)
})

const quiet: Operations = {
  status: () => STATUS,
  routes: () => [],
  services: () => [],
  instances: () => [],
  certs: NO_CERTS,
  drain: async id => ({refused: {status: 404, code: 'not-found', message: `there is no ${id}`}}),
  undrain: async id => ({answer: {id, lifted: null}}),
  weigh: async id => ({refused: {status: 404, code: 'not-found', message: `there is no ${id}`}}),
  unweigh: async id => ({answer: {id, lifted: null}}),
  config: () => ({revision: null, settings: {}, config: {}}),
  history: () => [],
  explain: async () => ({refused: {status: 503, code: 'not-serving', message: ''}}),
  sync: async () => STATUS,
  suspend: async wish => ({answer: {since: '', ...wish}}),
  resume: async () => ({answer: {suspension: null, quarantine: [], left: []}}),
  confirm: async () => ({answer: {revision: ''}}),
  rollback: async () => ({answer: {from: '', to: '', quarantined: []}}),
  subscribe: () => () => {},
}

async function failure(call: Promise<unknown>): Promise<AppError> {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  assert.instance(error, AppError)
  return error as AppError
}

// What a daemon that was killed leaves behind: renamed before the listener closes, the file outlives it.
async function leaveStale(socket: string): Promise<void> {
  const dead = createSocketServer().listen(`${socket}.dead`)
  await once(dead, 'listening')
  await rename(`${socket}.dead`, socket)
  dead.close()
  await once(dead, 'close')
}

test.run()
