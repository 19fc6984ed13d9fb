// routes.d is rewritten again and again, valid and broken in turn, while clients hammer the daemon: nobody notices but by
// the answers, and those are always of a set that was valid.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {clientOf} from '../helpers/client.ts'
import {daemonIn, type RunningDaemon} from '../helpers/daemon.ts'
import {type Folder, withFolder} from '../helpers/folder.ts'
import {originThatAnswers} from '../helpers/origin.ts'
import {until} from '../helpers/until.ts'

const REQUESTS = 10_000
const REWRITES = 50
const CLIENTS = 16

test(
  '10,000 requests during 50 rewrites: none fails, each is answered by a set that was valid',
  withFolder(async folder => {
    const answer = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const blue = await originThatAnswers(folder.scope, answer('blue'))
    const green = await originThatAnswers(folder.scope, answer('green'))
    await folder.write({'routes.d/a.yaml': routeTo(blue.url, 0)})
    const daemon = await daemonIn(folder)
    let isRewriting = true
    const load = Promise.all(
      Array.from({length: CLIENTS}, () => hammer(folder, daemon.port, REQUESTS / CLIENTS, () => isRewriting)),
    )
    for (let i = 1; i <= REWRITES; i++) {
      if (i % 2 === 0) await refuse(folder, daemon, i)
      else await accept(folder, daemon, routeTo(i % 4 === 1 ? green.url : blue.url, i))
    }
    isRewriting = false
    const counts = await load
    const total = counts.flat().length
    assert.ok(total >= REQUESTS, `${total} requests`)
    assert.equal([...new Set(counts.flat())].sort(), ['blue', 'green'])
    assert.is(daemon.operations.status().health.state, 'Healthy')
    const [row] = daemon.operations.routes()
    assert.equal({requests: row?.requests, errors: row?.errors}, {requests: total, errors: 0})
  }),
)

test.run()

// ---

function routeTo(url: string, edit: number): string {
  return `# edit ${edit}\n- id: x.localhost\n  target: ${url}\n`
}

async function accept(folder: Folder, daemon: RunningDaemon, text: string): Promise<void> {
  const before = daemon.operations.status().revision.applied
  await folder.write({'routes.d/a.yaml': text})
  await until('the edit to be served', () => {
    const {sync, revision} = daemon.operations.status()
    return sync.state === 'Synced' && revision.applied !== before
  })
}

async function refuse(folder: Folder, daemon: RunningDaemon, edit: number): Promise<void> {
  const before = daemon.operations.status().revision
  await folder.write({'routes.d/a.yaml': `- id: x.localhost\n  targt: http://127.0.0.1:${edit}\n`})
  await until('the edit to be refused', () => {
    const {sync, revision} = daemon.operations.status()
    return sync.reason === 'ValidationFailed' && revision.failed !== before.failed
  })
  assert.is(daemon.operations.status().revision.applied, before.applied)
}

// One keep-alive connection, at least `count` requests, and on until the rewriting ends. Any failure ends the test.
async function hammer(folder: Folder, port: number, count: number, isWanted: () => boolean): Promise<string[]> {
  const client = await clientOf(folder.scope, port)
  const bodies: string[] = []
  let seen = 0
  while (bodies.length < count || isWanted()) {
    client.send('GET / HTTP/1.1\r\nHost: x.localhost\r\n\r\n')
    const text = await client.until(/^HTTP\/1\.1 200 OK\r\n[\s\S]*?\r\n\r\n(?:blue|green)$/, 10_000, seen)
    bodies.push(text.slice(text.lastIndexOf('\n') + 1))
    seen += text.length
  }
  client.destroy()
  return bodies
}
