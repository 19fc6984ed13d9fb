// An instance on Node's own server.

import {createServer, type RequestListener} from 'node:http'
import type {Scope} from '../../src/base/scope.ts'

/** Answers by `listener` until the scope closes; resolves with its URL. */
export async function httpInstanceOf(scope: Scope, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  scope.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`
}
