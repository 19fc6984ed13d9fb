// The cookie that keeps a client at its instance, over the wire.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import {clientOf, exchange} from '../helpers/client.ts'
import {type Origin, originOf, originThatAnswers} from '../helpers/origin.ts'
import {type ProxyOptions, proxyServing} from '../helpers/proxy.ts'
import {scoped} from '../helpers/scoped.ts'
import {handshake, webSocketOrigin} from '../helpers/websocket.ts'
import {compiled} from '../helpers/written.ts'

const STICKY = 'sticky: {cookie: srv_id}'

function written(keys: string, instances: readonly string[]) {
  return compiled({
    'a.yaml': `routes: [{id: x.localhost, service: s}]\nservices: [{slug: s, ${keys}, instances: [${instances.join(', ')}]}]\n`,
  })
}

async function numbered(scope: Scope, count: number): Promise<Origin[]> {
  const origins: Origin[] = []
  for (let i = 0; i < count; i++)
    origins.push(await originThatAnswers(scope, `HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${i}`))
  return origins
}

async function served(scope: Scope, keys: string, instances: readonly string[], options: ProxyOptions = {}) {
  const proxy = await proxyServing(scope, written(keys, instances), options)
  return {...proxy, ask: (cookie = '', fields = '') => ask(scope, proxy.port, cookie, fields)}
}

// Who answered, and what the client is to remember from now on.
async function ask(scope: Scope, port: number, cookie: string, fields = '') {
  const given = cookie === '' ? '' : `Cookie: theme=dark; ${cookie}; last=1\r\n`
  const text = await exchange(
    scope,
    port,
    `GET / HTTP/1.1\r\nHost: x.localhost\r\n${given}${fields}Connection: close\r\n\r\n`,
  )
  const lines = text.match(/^set-cookie: .*$/gim) ?? []
  assert.ok(lines.length <= 1, text)
  const line = lines[0]?.slice('Set-Cookie: '.length).trimEnd() ?? ''
  return {who: text.slice(-1), line, cookie: line.split(';')[0] ?? ''}
}

test(
  'a client stays where it was sent first, and is told so once',
  scoped(async scope => {
    const origins = await numbered(scope, 3)
    const {ask} = await served(
      scope,
      STICKY,
      origins.map(({url}) => url),
      {workers: 2},
    )
    const first = await ask()
    assert.match(first.line, /^srv_id=[0-9a-f]{16}; Path=\/; HttpOnly; SameSite=Lax$/)
    for (let i = 0; i < 10; i++) assert.equal(await ask(first.cookie), {who: first.who, line: '', cookie: ''})
    const others = [await ask(), await ask()]
    assert.equal([first, ...others].map(({who}) => who).sort(), ['0', '1', '2'])
    // It tells nothing of the instance, and the instance gets it like every other cookie.
    const {port: own} = new URL(origins[Number(first.who)]?.url ?? '')
    assert.not.match(first.line, new RegExp(`127|${own}`))
    assert.match(
      origins[Number(first.who)]?.received.join('') ?? '',
      new RegExp(`\r\nCookie: theme=dark; ${first.cookie}; last=1\r\n`),
    )
  }),
)

test(
  'a value that names nobody is as good as none',
  scoped(async scope => {
    const {ask} = await served(
      scope,
      STICKY,
      (await numbered(scope, 2)).map(({url}) => url),
    )
    for (const cookie of ['srv_id=0123456789abcdef', 'srv_id=', 'srv_id="x"', 'other=1'])
      assert.match((await ask(cookie)).line, /^srv_id=[0-9a-f]{16};/)
  }),
)

test(
  'it lasts, and goes where, the service says, and is Secure when the client came over https',
  scoped(async scope => {
    const keys = 'sticky: {cookie: id, ttl: 1h30m, domain: x.localhost, path: /shop}'
    const [origin] = await numbered(scope, 1)
    const {ask} = await served(scope, keys, [origin?.url ?? ''], {edge: {trustedProxies: ['127.0.0.1/32']}})
    const attributes = '; Path=/shop; Domain=x.localhost; Max-Age=5400; HttpOnly; SameSite=Lax'
    const plain = await ask()
    assert.is(plain.line, plain.cookie + attributes)
    const secure = await ask('', 'X-Forwarded-Proto: https\r\n')
    assert.is(secure.line, `${plain.cookie}${attributes}; Secure`)
  }),
)

test(
  'it survives a reload and a restart, and other keep-alive rules',
  scoped(async scope => {
    const urls = (await numbered(scope, 3)).map(({url}) => url)
    const {ask, plane, port} = await served(scope, STICKY, urls)
    const {cookie, who} = await ask()
    await plane.apply(written(`${STICKY}, keepalive: {idle: 1}`, [...urls.slice(1), ...urls.slice(0, 1)]))
    assert.equal(await ask(cookie), {who, line: '', cookie: ''})
    await plane.drain(0)
    const next = await served(scope, STICKY, urls)
    assert.ok(next.port !== port)
    assert.equal(await next.ask(cookie), {who, line: '', cookie: ''})
  }),
)

for (const [name, lose] of Object.entries({
  gone: ({apply, others}: Losing) => apply(others),
  'marked as down': ({apply, others, lost}: Losing) => apply([...others, `{url: "${lost}", down: true}`]),
  drained: async ({lost, plane}: Losing) => plane.setDrained(`s ${lost}`, true),
  'found down': async ({lost, plane}: Losing) => plane.setVerdict(`s ${lost}`, true),
})) {
  test(
    `when its instance is ${name} the client gets another one, and its cookie`,
    scoped(async scope => {
      const urls = (await numbered(scope, 3)).map(({url}) => url)
      const {ask, plane} = await served(scope, STICKY, urls)
      const first = await ask()
      const lost = urls[Number(first.who)] ?? ''
      const others = urls.filter(url => url !== lost)
      await lose({plane, lost, others, apply: instances => plane.apply(written(STICKY, instances))})
      const second = await ask(first.cookie)
      assert.is.not(second.who, first.who)
      assert.is.not(second.cookie, first.cookie)
      assert.equal(await ask(second.cookie), {who: second.who, line: '', cookie: ''})
    }),
  )
}

test(
  'an instance that cannot be reached loses the client to the one that answers',
  scoped(async scope => {
    const origins = await numbered(scope, 2)
    const {ask} = await served(
      scope,
      STICKY,
      origins.map(({url}) => url),
    )
    const first = await ask()
    await origins[Number(first.who)]?.close()
    const second = await ask(first.cookie)
    assert.is.not(second.who, first.who)
    assert.equal(await ask(second.cookie), {who: second.who, line: '', cookie: ''})
  }),
)

test(
  'a backup keeps its clients only while no other instance is usable',
  scoped(async scope => {
    const [first, spare] = (await numbered(scope, 2)).map(({url}) => url)
    const {ask, plane} = await served(scope, STICKY, [`"${first}"`, `{url: "${spare}", backup: true}`])
    plane.setDrained(`s ${first}`, true)
    const kept = await ask()
    assert.is(kept.who, '1')
    assert.equal(await ask(kept.cookie), {who: '1', line: '', cookie: ''})
    plane.setDrained(`s ${first}`, false)
    const back = await ask(kept.cookie)
    assert.is(back.who, '0')
    assert.match(back.cookie, /^srv_id=/)
  }),
)

test(
  'handshakes are sticky as well',
  scoped(async scope => {
    const first = await webSocketOrigin(scope)
    const second = await webSocketOrigin(scope)
    const {port} = await served(scope, STICKY, [first.url, second.url])
    const open = async (cookie: string) => {
      const client = await clientOf(scope, port)
      client.send(handshake('/', cookie === '' ? [] : [`Cookie: ${cookie}`]))
      await client.until(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\n$/)
      return /^set-cookie: (srv_id=[0-9a-f]+);/im.exec(client.text())?.[1] ?? ''
    }
    const cookie = await open('')
    assert.match(cookie, /^srv_id=/)
    const before = [first.accepted(), second.accepted()]
    for (let i = 0; i < 3; i++) assert.is(await open(cookie), '')
    const more = [first.accepted() - (before[0] ?? 0), second.accepted() - (before[1] ?? 0)]
    assert.equal(more.sort(), [0, 3])
  }),
)

test(
  'an instance may set cookies of its own beside it',
  scoped(async scope => {
    const origin = await originOf(scope, socket => {
      socket.write('HTTP/1.1 200 OK\r\nSet-Cookie: session=1; Path=/\r\nContent-Length: 2\r\n\r\nok')
    })
    const {port} = await served(scope, STICKY, [origin.url])
    const text = await exchange(scope, port, 'GET / HTTP/1.1\r\nHost: x.localhost\r\nConnection: close\r\n\r\n')
    assert.is(text.match(/^set-cookie: /gim)?.length, 2)
  }),
)

test.run()

// ---

type Losing = {
  readonly plane: Awaited<ReturnType<typeof served>>['plane']
  readonly lost: string
  readonly others: readonly string[]
  apply(instances: readonly string[]): Promise<void>
}
