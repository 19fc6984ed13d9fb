// A daemon asks its instances for their health while clients ask for pages: who dies is left out, who comes back is used
// again, and nobody else notices.

import {createServer, type Server, type Socket} from 'node:net'
import {test} from 'uvu'
import * as assert from 'uvu/assert'
import type {Scope} from '../../src/base/scope.ts'
import {clientOf} from '../helpers/client.ts'
import {daemonIn, type RunningDaemon} from '../helpers/daemon.ts'
import {withFolder} from '../helpers/folder.ts'
import {freePort} from '../helpers/ports.ts'
import {until} from '../helpers/until.ts'
import {compiled} from '../helpers/written.ts'

const FALL = 3
const CLIENTS = 4
/** Between two requests of a client: 200 a second of all four. */
const PACE_MS = 20

test(
  'one of three instances dies under 200 requests a second, is out after three checks and back after two',
  withFolder(async folder => {
    const instances = await Promise.all(['one', 'two', 'three'].map(name => instanceOf(folder.scope, name)))
    const [one, two, three] = instances
    if (!one || !two || !three) throw new Error('three were made')
    const health = `{path: /health, interval: 30ms, timeout: 10s, rise: 2, fall: ${FALL}}`
    const yaml = serviceOf('orders', instances, health)
    await folder.write({'routes.d/a.yaml': yaml})
    const daemon = await daemonIn(folder)
    const stateOf = (index: number) => stateIn(daemon, yaml, index)
    await until('all to be well', () => [0, 1, 2].every(index => stateOf(index)?.state === 'up'))

    const load = hammer(folder.scope, daemon.port)
    await until('all to be used', () => [0, 1, 2].every(index => load.by(instances[index]?.name ?? '') > 10), 20_000)
    // Requests that are under way at the others all the while.
    const held = await Promise.all([1, 2, 3].map(() => hold(folder.scope, daemon.port)))
    await until('them to be held', () => one.held() + two.held() + three.held() === held.length)
    const victim = three.held() === 0 ? three : one.held() <= two.held() ? one : two
    const index = instances.indexOf(victim)
    const others = instances.filter(instance => instance !== victim)
    const lostWithIt = victim.held()
    await victim.kill()
    await until('it to be out', () => stateOf(index)?.state === 'down', 20_000)
    assert.match(stateOf(index)?.reason ?? '', /^\d+ checks failed: connection (refused|reset)$/)
    // What was under way at the dead one is lost with it, and nothing else.
    assert.ok(load.failed() <= CLIENTS, `${load.failed()} of ${load.answered()} failed`)

    // Requests that begin from here on: those that were under way may still be told of its end.
    const out = performance.now()
    const at = load.answered()
    await until('a hundred answers without it', () => load.answered() >= at + 100, 20_000)
    assert.is(load.failed(out), 0)
    const served = load.by(victim.name)

    // A reload that has nothing to do with it.
    const since = [0, 1, 2].map(each => stateOf(each)?.sinceMs)
    const applied = daemon.operations.status().revision.applied
    await folder.write({'routes.d/b.yaml': `- {id: other.localhost, target: "${one.url}"}\n`})
    await until('the reload', () => daemon.operations.status().revision.applied !== applied)
    assert.equal(
      [0, 1, 2].map(each => stateOf(each)?.sinceMs),
      since,
    )
    await until('fifty answers more', () => load.answered() >= at + 150, 20_000)
    assert.equal([load.failed(out), load.by(victim.name)], [0, served])

    await victim.revive()
    await until('it to be used again', () => load.by(victim.name) > served + 10, 20_000)
    assert.is(stateOf(index)?.state, 'up')
    await load.end()
    assert.is(load.failed(out), 0)
    for (const instance of others) instance.release()
    const answers = await Promise.all(held.map(client => client.ended(10_000)))
    // One that was at the dead instance over a connection that had been idle was asked again elsewhere (RFC 9112 §9.3.1).
    const answered = answers.filter(({text}) => /^HTTP\/1\.1 200 [\s\S]*held$/.test(text)).length
    assert.ok(answered >= held.length - lostWithIt, `${answered} of ${held.length}, ${lostWithIt} lost`)
  }),
)

test(
  'an instance that joins with startDown gets its first request behind its first good answers',
  withFolder(async folder => {
    const old = await instanceOf(folder.scope, 'old')
    const joining = await instanceOf(folder.scope, 'joining')
    const health = '{path: /health, interval: 20ms, timeout: 10s, rise: 2, startDown: true}'
    const alone = serviceOf('orders', [old], health)
    await folder.write({'routes.d/a.yaml': alone})
    const daemon = await daemonIn(folder)
    await until('the first to be well', () => stateIn(daemon, alone, 0)?.state === 'up')
    const load = hammer(folder.scope, daemon.port)
    await until('the first to be used', () => load.by('old') > 0)
    joining.isWell(false)
    const yaml = serviceOf('orders', [old, joining], health)
    await folder.write({'routes.d/a.yaml': yaml})
    await until('the other to be asked', () => joining.checks() >= 10)
    const at = load.answered()
    await until('fifty answers', () => load.answered() >= at + 50, 20_000)
    assert.is(load.by('joining'), 0)
    joining.isWell(true)
    await until('it to be used', () => load.by('joining') > 0)
    assert.is(stateIn(daemon, yaml, 1)?.state, 'up')
    await load.end()
    assert.equal(load.failures, [])
  }),
)

test.run()

// ---

function serviceOf(slug: string, instances: readonly Instance[], health: string): string {
  const urls = JSON.stringify(instances.map(({url}) => url))
  return `routes: [{id: x.localhost, service: ${slug}}]\nservices: [{slug: ${slug}, health: ${health}, instances: ${urls}}]\n`
}

function stateIn(daemon: RunningDaemon, yaml: string, index: number) {
  const {checks} = compiled({'a.yaml': yaml})
  return daemon.health.stateOf(checks[index]?.key ?? '')
}

type Instance = Awaited<ReturnType<typeof instanceOf>>

// Answers with its name, /hold not before it is released, /health as it is well; can die and come back at its address.
async function instanceOf(scope: Scope, name: string) {
  const sockets = new Set<Socket>()
  const held: Socket[] = []
  let isWell = true
  let checks = 0
  const answer = (status: number, body: string) =>
    `HTTP/1.1 ${status} X\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const serve = (socket: Socket, text: string) => {
    for (const [, path] of text.matchAll(/^GET (\S+) HTTP/gm)) {
      if (path === '/hold') held.push(socket)
      else if (path === '/health') {
        checks++
        socket.write(answer(isWell ? 200 : 503, ''))
      } else socket.write(answer(200, `${name};`))
    }
  }
  const open = (port: number) =>
    new Promise<Server>(resolve => {
      const listening = createServer(socket => {
        sockets.add(socket)
        socket.on('data', data => serve(socket, String(data)))
        socket.on('error', () => {})
        socket.on('close', () => sockets.delete(socket))
      }).listen(port, '127.0.0.1', () => resolve(listening))
    })
  const port = await freePort()
  let server = await open(port)
  const kill = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      for (const socket of sockets) socket.resetAndDestroy()
    })
  scope.defer(kill)
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    checks: () => checks,
    held: () => held.length,
    isWell(value: boolean) {
      isWell = value
    },
    kill,
    async revive() {
      server = await open(port)
    },
    release() {
      for (const socket of held) socket.write(answer(200, 'held'))
    },
  }
}

// Clients that ask one request after another, each on a connection that it keeps as long as it may.
function hammer(scope: Scope, port: number) {
  const counts = new Map<string, number>()
  let isWanted = true
  const failures: {began: number; text: string}[] = []
  let answered = 0
  const work = Promise.all(
    Array.from({length: CLIENTS}, async () => {
      let client = await clientOf(scope, port)
      let seen = 0
      while (isWanted) {
        const began = performance.now()
        client.send('GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
        const text = await client.until(/^HTTP\/1\.1 \d+ [\s\S]*?\r\n\r\n(?:\w+;|[\s\S]*\n)$/, 10_000, seen)
        seen += text.length
        const body = text.startsWith('HTTP/1.1 200') ? text.slice(text.lastIndexOf('\n') + 1, -1) : ''
        answered++
        if (body === '') {
          failures.push({began, text})
          client.destroy()
          client = await clientOf(scope, port)
          seen = 0
        } else counts.set(body, (counts.get(body) ?? 0) + 1)
        const restMs = PACE_MS - (performance.now() - began)
        if (restMs > 0) await new Promise(resolve => setTimeout(resolve, restMs))
      }
      client.destroy()
    }),
  )
  return {
    answered: () => answered,
    /** Of the requests that began since then. */
    failed: (sinceMs = 0) => failures.filter(({began}) => began >= sinceMs).length,
    failures,
    by: (name: string) => counts.get(name) ?? 0,
    async end() {
      isWanted = false
      await work
    },
  }
}

async function hold(scope: Scope, port: number) {
  const client = await clientOf(scope, port)
  client.send('GET /hold HTTP/1.1\r\nHost: x.localhost\r\nConnection: close\r\n\r\n')
  return client
}
