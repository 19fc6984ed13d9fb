// A client that knows what it must get: every request carries a nonce, every answer must be the one to it. Each operation
// is a function in OPERATIONS; WebSockets have connections of their own.

import {connect, type Socket} from 'node:net'
import {createNodeParser, type NodeMessage, type NodeParser} from '../node-parser.ts'
import type {Random} from '../random.ts'
import {bodyOf} from './faults.ts'
import type {Harmed} from './harmed.ts'
import {soakTunnel} from './tunnel.ts'

export type Tally = {
  requests: number
  answered: number
  aborted: number
  /** Failures that an injected fault explains, by what was seen. */
  readonly explained: Map<string, number>
  /** Answers to somebody else, or with other bytes: must stay empty. */
  readonly wrong: string[]
  /** Failures that nothing explains: must stay empty. */
  readonly unexplained: string[]
}

export type Soak = {
  readonly port: number
  readonly random: Random
  readonly harmed: Harmed
  readonly tally: Tally
  isOver(): boolean
}

/** Longer than the time that the routes give an instance to answer. */
const ANSWER_MS = 30_000
const LARGE_BYTES = 1 << 20
/** Of the connections. */
const TUNNEL_SHARE = 0.15
/** Just below the figure in proxy/http1/client.ts, which is looked at every tenth of a second. */
const HALF_CLOSED_MS = 900

/** Requests over one connection after another until the soak is over. */
export async function soakClient(soak: Soak, name: string): Promise<void> {
  let connections = 0
  while (!soak.isOver()) {
    if (soak.random.chance(TUNNEL_SHARE)) {
      await soakTunnel(soak, `w${name}.${connections++}`)
      continue
    }
    const session = await open(soak, `${name}.${connections++}`)
    if (session === null) continue
    for (let left = 1 + soak.random.below(20); left > 0 && session.isOpen && !soak.isOver(); left--) {
      await soak.random.pick(OPERATIONS)(session)
    }
    session.socket.destroy()
  }
}

// ---

type Session = {
  readonly soak: Soak
  readonly name: string
  readonly socket: Socket
  readonly parser: NodeParser
  isOpen: boolean
  /** An earlier request of this connection was harmed, or we ourselves have cut it. */
  isHarmed: boolean
  number: number
  /** Called when bytes have come or the connection has ended. */
  tell: () => void
}

type Asked = {
  readonly nonce: string
  readonly host: string
  readonly path: string
  readonly method: string
  readonly size: number
  readonly status: number
}

const OPERATIONS: readonly ((session: Session) => Promise<void>)[] = [
  session => ask(session, 'GET', 2),
  session => ask(session, 'GET', session.soak.random.below(20_000)),
  session => ask(session, 'GET', session.soak.random.below(20_000), 'chunked'),
  session => ask(session, 'HEAD', 1000),
  session => ask(session, 'GET', 0, '304'),
  session => ask(session, 'GET', session.soak.random.below(LARGE_BYTES)),
  session => ask(session, 'GET', session.soak.random.below(LARGE_BYTES), 'chunked'),
  session => upload(session, session.soak.random.below(3_000), false),
  session => upload(session, session.soak.random.below(LARGE_BYTES), false),
  session => upload(session, session.soak.random.below(LARGE_BYTES), true),
  session => pipeline(session, 2 + session.soak.random.below(10)),
  abortDownload,
  abortUpload,
  halfClose,
]

function open(soak: Soak, name: string): Promise<Session | null> {
  return new Promise(resolve => {
    const socket = connect({port: soak.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true})
    const session: Session = {
      soak,
      name,
      socket,
      parser: createNodeParser('response', 65_536),
      isOpen: true,
      isHarmed: false,
      number: 0,
      tell: () => {},
    }
    const ended = () => {
      session.isOpen = false
      session.tell()
      resolve(null)
    }
    socket.on('data', data => {
      const error = session.parser.feed(Buffer.from(data))
      if (error !== '' && session.isOpen) {
        soak.tally.wrong.push(
          `${name}: an answer that is none: ${error} ${JSON.stringify(data.toString('latin1').slice(0, 300))}`,
        )
        socket.destroy()
      }
      session.tell()
    })
    socket.on('connect', () => resolve(session))
    socket.on('end', ended)
    socket.on('error', ended)
    socket.on('close', () => {
      ended()
      session.parser.close()
    })
  })
}

function plan(session: Session, method: string, size: number, kind: string, upload: number): Asked {
  const {random} = session.soak
  const nonce = `n${session.name}-${session.number++}`
  const host = random.pick(['a.localhost', 'b.localhost', 'c.localhost'])
  const prefix = random.chance(0.2) ? '/flip' : ''
  const path = `${prefix}/x?size=${size}&kind=${kind}&upload=${upload}`
  return {
    nonce,
    host,
    path,
    method,
    size: kind === '304' || method === 'HEAD' ? 0 : size,
    status: kind === '304' ? 304 : 200,
  }
}

function headOf(asked: Asked, fields = ''): string {
  return `${asked.method} ${asked.path} HTTP/1.1\r\nHost: ${asked.host}\r\nX-Nonce: ${asked.nonce}\r\n${fields}\r\n`
}

async function ask(session: Session, method: string, size: number, kind = 'plain'): Promise<void> {
  const asked = plan(session, method, size, kind, 0)
  session.parser.begin(method === 'HEAD')
  session.socket.write(headOf(asked))
  await takeAnswers(session, [asked])
}

async function upload(session: Session, size: number, isChunked: boolean): Promise<void> {
  const asked = plan(session, 'POST', 2, 'plain', size)
  const body = bodyOf(asked.nonce, size)
  session.parser.begin()
  if (isChunked) {
    session.socket.write(headOf(asked, 'Transfer-Encoding: chunked\r\n'))
    const step = 1 + session.soak.random.below(50_000)
    for (let at = 0; at < size; at += step) {
      const piece = body.slice(at, at + step)
      session.socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`, 'latin1')
    }
    session.socket.write('0\r\n\r\n')
  } else {
    session.socket.write(headOf(asked, `Content-Length: ${size}\r\n`) + body, 'latin1')
  }
  await takeAnswers(session, [asked])
}

async function pipeline(session: Session, count: number): Promise<void> {
  const all = Array.from({length: count}, () => plan(session, 'GET', session.soak.random.below(3000), 'plain', 0))
  session.parser.begin()
  session.socket.write(all.map(asked => headOf(asked)).join(''))
  await takeAnswers(session, all)
}

async function abortDownload(session: Session): Promise<void> {
  session.parser.begin()
  session.socket.write(headOf(plan(session, 'GET', LARGE_BYTES, 'plain', 0)))
  session.soak.tally.requests++
  session.soak.tally.aborted++
  await waitFor(session, () => session.parser.messages.length > 0)
  session.socket.destroy()
  session.isOpen = false
}

async function abortUpload(session: Session): Promise<void> {
  const asked = plan(session, 'POST', 2, 'plain', LARGE_BYTES)
  session.parser.begin()
  session.socket.write(headOf(asked, `Content-Length: ${LARGE_BYTES}\r\n`) + bodyOf(asked.nonce, LARGE_BYTES >> 1))
  session.soak.tally.requests++
  session.soak.tally.aborted++
  await new Promise(setImmediate)
  if (session.soak.random.chance(0.5)) session.socket.resetAndDestroy()
  else session.socket.destroy()
  session.isOpen = false
}

// The request whole, then FIN: the answer must still come, unless the instance takes longer than the proxy believes in a
// client that says nothing more.
async function halfClose(session: Session): Promise<void> {
  const asked = plan(session, 'GET', 100, 'plain', 0)
  session.parser.begin()
  session.socket.end(headOf(asked))
  const timer = setTimeout(() => {
    session.isHarmed = true
  }, HALF_CLOSED_MS)
  await takeAnswers(session, [asked])
  clearTimeout(timer)
  session.isOpen = false
}

async function takeAnswers(session: Session, all: readonly Asked[]): Promise<void> {
  const {tally, harmed} = session.soak
  tally.requests += all.length
  const beganMs = performance.now()
  const finals = () => session.parser.messages.filter(message => message.isDone && message.status >= 200)
  const inTime = await waitFor(session, () => finals().length >= all.length)
  const answers = finals()
  for (const [index, asked] of all.entries()) {
    const answer = answers[index]
    const problem = answer ? judge(asked, answer) : inTime ? 'closed' : 'no answer in time'
    const fault = problem === '' || problem.startsWith('wrong') ? undefined : await harmed.of(asked.nonce)
    if (problem === '') tally.answered++
    else if (problem.startsWith('wrong')) tally.wrong.push(`${asked.nonce} ${asked.method} ${asked.path}: ${problem}`)
    else if (fault || session.isHarmed) {
      const name = `${fault ?? 'behind a fault'}: ${problem}`
      tally.explained.set(name, (tally.explained.get(name) ?? 0) + 1)
    } else if (harmed.hasStalledSince(beganMs)) {
      tally.explained.set('all instances stalled', (tally.explained.get('all instances stalled') ?? 0) + 1)
    } else {
      const ms = Math.round(performance.now() - beganMs)
      tally.unexplained.push(
        `${asked.nonce} ${asked.method} ${asked.path}: ${problem} after ${ms} ms, ${told(answer)}, ${index + 1} of ${all.length}, instance:${await harmed.stepsOf(asked.nonce)}`,
      )
    }
    // What a connection carries behind a broken answer is lost with it.
    session.isHarmed ||= fault !== undefined && problem !== ''
    harmed.forget(asked.nonce)
  }
  if (!inTime || answers.length < all.length || answers.some(answer => !answer.isKeptAlive)) {
    session.socket.destroy()
    session.isOpen = false
  }
}

// '' when it is the answer that was asked for, 'wrong …' when it is another's, else the failure that it tells.
function judge(asked: Asked, answer: NodeMessage): string {
  const field = (name: string) =>
    answer.fields[answer.fields.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === name) + 1]
  const nonce = answer.fields.some(name => name.toLowerCase() === 'x-nonce') ? field('x-nonce') : undefined
  if (nonce === undefined)
    return answer.status >= 400 ? `status ${answer.status}` : `wrong: ${answer.status} without a nonce`
  if (nonce !== asked.nonce) return `wrong: answers ${nonce}`
  if (answer.status === 413) return 'status 413'
  if (answer.status !== asked.status) return `wrong: status ${answer.status}`
  if (answer.body !== bodyOf(asked.nonce, asked.size)) return `wrong: body of ${answer.body.length}, not ${asked.size}`
  if (field('x-upload') !== 'right') return 'wrong: the upload arrived with other bytes'
  const allowed = ORIGINS_OF[asked.host] ?? []
  const isAllowed =
    allowed.includes(field('x-origin') ?? '') || (asked.path.startsWith('/flip') && field('x-origin') === '1')
  return isAllowed ? '' : `wrong: ${asked.host}${asked.path} was answered by instance ${field('x-origin')}`
}

function told(answer: NodeMessage | undefined): string {
  return JSON.stringify(answer ? [answer.fields.join(' '), answer.body.slice(0, 200)] : null)
}

/** See `soakSnapshot`. */
const ORIGINS_OF: Readonly<Record<string, readonly string[]>> = {
  'a.localhost': ['0'],
  'b.localhost': ['1'],
  'c.localhost': ['0', '2'],
}

// True when it holds, or nothing more can come; false after ANSWER_MS.
function waitFor(session: Session, isThere: () => boolean): Promise<boolean> {
  return new Promise(resolve => {
    const finish = (inTime: boolean) => {
      clearTimeout(timer)
      session.tell = () => {}
      resolve(inTime)
    }
    const timer = setTimeout(finish, ANSWER_MS, false)
    session.tell = () => {
      if (isThere() || !session.isOpen) finish(true)
    }
    session.tell()
  })
}
