// The question of a check over HTTP/2: the request that stands there for HTTP/1.1, as fields, on a connection that is open.

import {type ClientHttp2Session, connect, constants, type IncomingHttpStatusHeader} from 'node:http2'
import type {Socket} from 'node:net'

export type Asker = {
  onStatus(status: number): void
  /** No status will come. */
  onFailure(why: string): void
}

/** Asks once and ends the connection, unless the instance holds it: then it is the caller's to destroy. */
export function askByHttp2(socket: Socket, request: string, asker: Asker): void {
  const scheme = 'encrypted' in socket ? 'https' : 'http'
  const session: ClientHttp2Session = connect(`${scheme}://instance`, {
    createConnection: () => socket,
    settings: {enablePush: false},
  })
  // Those of the connection are the caller's, who hears them, too.
  session.on('error', () => {})
  const stream = session.request(fieldsOf(request, scheme))
  stream.on('response', (headers: IncomingHttpStatusHeader) => {
    asker.onStatus(headers[':status'] ?? 0)
    stream.close(constants.NGHTTP2_CANCEL)
    session.close()
  })
  stream.on('error', () => {})
  stream.on('close', () => {
    if (!session.destroyed) asker.onFailure('the stream was reset')
    session.close()
  })
}

// ---

// RFC 9113 §8.3.1: the request line and Host become pseudo-fields; §8.2.2: Connection has no place.
function fieldsOf(request: string, scheme: string): string[] {
  const [line = '', ...lines] = request.trimEnd().split('\r\n')
  const [method = '', path = ''] = line.split(' ')
  const fields = lines.map(text => {
    const colon = text.indexOf(':')
    return {name: text.slice(0, colon).toLowerCase(), value: text.slice(colon + 1).trim()}
  })
  const host = fields.find(({name}) => name === 'host')?.value ?? ''
  const others = fields.filter(({name}) => name !== 'host' && name !== 'connection')
  return [
    ...[':method', method, ':scheme', scheme, ':authority', host, ':path', path],
    ...others.flatMap(({name, value}) => [name, value]),
  ]
}
