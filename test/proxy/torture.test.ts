// An instance that breaks at every byte of an answer, in three ways. What a client may see of it: the right answer, whole;
// a 502; or an end that nobody takes for one. Never a wrong answer with a clean end.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {createScope, type Scope} from '../../src/base/scope.ts'
import {answerOf, clientOf} from '../helpers/client.ts'
import {type Fault, type FaultyOrigin, faultyOf} from '../helpers/faulty.ts'
import {proxyOf, type Proxy as ServedProxy} from '../helpers/proxy.ts'
import {until} from '../helpers/until.ts'

let opened: Promise<{scope: Scope; origin: FaultyOrigin; proxy: ServedProxy}> | null = null

const BODY = 'the whole of the answer'
const FIELDS = 'Content-Type: text/plain\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\nETag: "a"\r\n'
const ANSWERS = {
  'with a length': `HTTP/1.1 200 OK\r\n${FIELDS}Content-Length: ${BODY.length}\r\n\r\n${BODY}`,
  'in chunks': `HTTP/1.1 200 OK\r\n${FIELDS}Transfer-Encoding: chunked\r\n\r\n9;x=y\r\n${BODY.slice(0, 9)}\r\nE\r\n${BODY.slice(9)}\r\n0\r\nA: b\r\n\r\n`,
  'until it closes': `HTTP/1.1 200 OK\r\n${FIELDS}\r\n${BODY}`,
  'behind an interim one': `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
}
const BREAKS: Readonly<Record<string, (answer: string, at: number) => Fault>> = {
  'ends with a FIN': (answer: string, at: number) => ({answer: answer.slice(0, at), ending: 'closes'}),
  'ends with a reset': (answer: string, at: number) => ({answer: answer.slice(0, at), ending: 'resets'}),
  'is garbage for one byte, then ends': (answer: string, at: number) => ({
    answer: spoiled(answer, at),
    ending: 'closes',
  }),
} as const
const GARBAGE = '\x00'
/** Exchanges that are under way at once. */
const AT_ONCE = 16

for (const [framing, answer] of Object.entries(ANSWERS)) {
  for (const [how, faultAt] of Object.entries(BREAKS)) {
    test(`an answer ${framing} that ${how}, at every byte`, async () => {
      const {scope, origin, proxy} = await stage()
      const isDecided = framing !== 'until it closes'
      const reused = origin.reused()
      let next = 0
      const seen = {whole: 0, refused: 0, broken: 0}
      const work = async () => {
        for (let at = next++; at < answer.length; at = next++) {
          const path = origin.on(faultAt(answer, at))
          const verdict = judge(await ask(scope, proxy.port, path), how, isDecided)
          assert.ok(verdict in seen, `at byte ${at}: ${verdict}`)
          seen[verdict as keyof typeof seen]++
        }
      }
      await Promise.all(Array.from({length: AT_ONCE}, work))
      assert.is(seen.whole + seen.refused + seen.broken, answer.length)
      // A break in the head is a 502 at the least, or the table above tests nothing.
      assert.ok(seen.refused > 0)
      assert.is((await ask(scope, proxy.port, '/')).body, 'ok')
      // A byte of data may be any byte: such an answer is sound, and so is the connection.
      if (seen.whole === 0) assert.is(origin.reused(), reused)
      await until('the end of all requests', () => proxy.plane.instanceStats(origin.url).inFlight === 0)
    })
  }
}

test.after(async () => (await opened)?.scope.close())
test.run()

// ---

function stage() {
  opened ??= (async () => {
    const scope = createScope()
    const origin = await faultyOf(scope)
    return {
      scope,
      origin,
      proxy: await proxyOf(scope, {'x.localhost': origin.url}, {timeouts: {idleMs: 1000, responseMs: 2000}}),
    }
  })()
  return opened
}

type Seen = {status: number; head: string; body: string; isClean: boolean}

// A client that would go on with the connection, so that a clean end is one that the framing says, not the socket.
async function ask(scope: Scope, port: number, path: string): Promise<Seen> {
  const client = await clientOf(scope, port)
  client.send(`GET ${path} HTTP/1.1\r\nHost: x.localhost\r\n\r\n`)
  const isSettled = () => answerOf(client.text()).isComplete || client.socket.readableEnded || client.socket.destroyed
  await until(`an answer for ${path}`, isSettled)
  const {status, head, body, isComplete} = answerOf(client.text())
  client.destroy()
  return {status, head, body, isClean: isComplete}
}

function judge({status, body, isClean}: Seen, how: string, isDecided: boolean): string {
  if (status === 502 && isClean) return 'refused'
  if (!isClean) return 'broken'
  if (body === BODY) return 'whole'
  // A byte of data is not ours to judge.
  if (how.startsWith('is garbage') && isSpoiledBody(body)) return 'whole'
  // Without a length a FIN is the end, wherever it comes: no proxy can know better.
  if (!isDecided && how === 'ends with a FIN' && BODY.startsWith(body)) return 'whole'
  return `${status} ${JSON.stringify(body)}`
}

function isSpoiledBody(body: string): boolean {
  const at = body.indexOf(GARBAGE)
  return at >= 0 && body === spoiled(BODY, at)
}

function spoiled(answer: string, at: number): string {
  return `${answer.slice(0, at)}${GARBAGE}${answer.slice(at + 1)}`
}
