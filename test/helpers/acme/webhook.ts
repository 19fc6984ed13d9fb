// A service that sets and removes TXT records at the name server of a Pebble, as operators have one for dns-01.

import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import {createServer as createSecureServer} from 'node:https'
import type {AddressInfo} from 'node:net'
import type {Scope} from '../../../src/base/scope.ts'
import type {Pebble} from './pebble.ts'

export type Asked = {
  readonly action: string
  readonly name: string
  readonly value: string
  readonly authorization: string | undefined
}

export type DnsService = {
  readonly url: string
  /** What came, also what was not done. */
  readonly asked: Asked[]
  /** Answers in place of what it does, one after the other; then it does it. */
  answers: ((response: ServerResponse) => void)[]
}

/** On https it has the certificate of the Pebble's own server. */
export async function dnsServiceOf(
  scope: Scope,
  pebble: Pebble,
  scheme: 'http' | 'https' = 'http',
): Promise<DnsService> {
  const serve = (incoming: IncomingMessage, response: ServerResponse) => {
    take(incoming, response).catch(() => response.destroy())
  }
  const server = scheme === 'http' ? createServer(serve) : createSecureServer(pebble.server, serve)
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  scope.defer(() => {
    server.close()
    server.closeAllConnections()
  })
  const url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/txt`
  const service: DnsService = {url, asked: [], answers: []}

  async function take(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const chunk of incoming.setEncoding('utf8')) text += chunk
    const {action, name, value} = JSON.parse(text) as Asked
    service.asked.push({action, name, value, authorization: incoming.headers.authorization})
    const instead = service.answers.shift()
    if (instead) return instead(response)
    const path = action === 'set' ? 'set-txt' : 'clear-txt'
    await fetch(`${pebble.dnsApi}/${path}`, {method: 'POST', body: JSON.stringify({host: `${name}.`, value})})
    response.writeHead(204).end()
  }

  return service
}
