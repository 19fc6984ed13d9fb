// A service behind x.localhost whose instances are the test's own.

import type {Scope} from '../../src/base/scope.ts'
import type {DataPlane, MemberState} from '../../src/snapshot/data-plane.ts'
import {type Client, clientOf, exchange, getAndClose} from './client.ts'
import {type Origin, originOf} from './origin.ts'
import {proxyServing} from './proxy.ts'
import {compiled, type Message, messageOf} from './written.ts'

export type Service = {
  readonly port: number
  readonly plane: DataPlane
  /** One request on a connection of its own; '' as line when the connection was cut before an answer. */
  ask(path?: string): Promise<Message>
  /** A client that has asked and waits. */
  begin(path?: string): Promise<Client>
  state(origin: Origin): MemberState
  /** Applies other keys, other instances or both. */
  reload(keys: string, origins?: readonly Origin[]): Promise<void>
}

/** Serves a service with these keys, as they stand in YAML: 'balance: hash, slowStart: 10s'; `route` are keys of its route. */
export async function serviceOf(
  scope: Scope,
  origins: readonly Origin[],
  keys: string,
  {workers = 1, route = ''}: {readonly workers?: number; readonly route?: string} = {},
): Promise<Service> {
  const snapshot = (written: string, instances: readonly Origin[]) =>
    compiled({
      'a.yaml': `routes: [{id: x.localhost, service: s${route && `, ${route}`}}]\nservices: [{slug: s, ${written}, instances: [${instances.map(({url}) => url).join(', ')}]}]\n`,
    })
  const {port, plane} = await proxyServing(scope, snapshot(keys, origins), {workers})
  return {
    port,
    plane,
    async ask(path = '/') {
      const text = await exchange(scope, port, getAndClose(path), 10_000)
      return text === '' ? {line: '', fields: [], body: '', values: () => []} : messageOf(text)
    },
    async begin(path = '/') {
      const client = await clientOf(scope, port)
      client.send(getAndClose(path))
      return client
    },
    state: origin => plane.memberState(`s ${origin.url}`),
    reload: (written, instances = origins) => plane.apply(snapshot(written, instances)),
  }
}

export type HoldingOrigin = Origin & {
  /** Paths of the requests that wait for their answers, in the order in which they came. */
  readonly held: readonly string[]
  /** The most that it had at once. */
  most(): number
  /** Every path that came. */
  readonly paths: readonly string[]
  /** Answers the one that came first, or the next one to come. */
  release(answer?: string): void
  /** Answers all that wait and whatever comes. */
  releaseAll(answer?: string): void
}

const HELD_OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** An instance that answers when it is told to. */
export async function holdingOrigin(scope: Scope): Promise<HoldingOrigin> {
  const waiting: {readonly path: string; readonly answer: (text: string) => void}[] = []
  const paths: string[] = []
  let always: string | null = null
  let most = 0
  let owed = 0
  const origin = await originOf(scope, (socket, text) => {
    for (const [, path = ''] of text.matchAll(/^\w+ (\S+) HTTP\/1\.1\r$/gm)) {
      paths.push(path)
      const entry = {path, answer: (answer: string) => void socket.write(answer, 'latin1')}
      socket.once('close', () => {
        if (waiting.includes(entry)) waiting.splice(waiting.indexOf(entry), 1)
      })
      waiting.push(entry)
      most = Math.max(most, waiting.length)
      if (always !== null) waiting.shift()?.answer(always)
      else if (owed > 0) {
        owed--
        waiting.shift()?.answer(HELD_OK)
      }
    }
  })
  return {
    ...origin,
    get held() {
      return waiting.map(({path}) => path)
    },
    paths,
    most: () => most,
    release(answer = HELD_OK) {
      const first = waiting.shift()
      if (first) first.answer(answer)
      else owed++
    },
    releaseAll(answer = HELD_OK) {
      always = answer
      for (const {answer: give} of waiting.splice(0)) give(answer)
    },
  }
}
