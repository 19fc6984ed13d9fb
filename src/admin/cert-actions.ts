// What can be asked for of certificates with POST. What comes in may be a key; what goes out is one only where it says so.

import {parseObject} from './body.ts'
import type {Operations, Outcome, Refused} from './protocol.ts'

/** The action of a path; null when there is none. */
export function findCertAction(
  path: string,
): ((operations: Operations, body: string) => Promise<Outcome<unknown>>) | null {
  const [, encoded] = /^\/v1\/certs\/([^/]+)\/renew$/.exec(path) ?? []
  if (encoded !== undefined) return operations => renew(operations, encoded)
  const action = ACTIONS.get(path)
  if (action === undefined) return null
  return async (operations, text) => {
    const body = parseObject(text)
    return body === null ? bad('the body is not a JSON object') : action(operations, body)
  }
}

// ---

type Body = Record<string, unknown>

const ACTIONS: ReadonlyMap<string, (operations: Operations, body: Body) => Promise<Outcome<unknown>>> = new Map([
  ['/v1/certs/import', importCert],
  ['/v1/certs/export', exportCert],
  ['/v1/certs/roots', ({certs}: Operations) => certs.roots()],
  ['/v1/certs/rekey', rekey],
])

async function importCert({certs}: Operations, {cert, key}: Body): Promise<Outcome<unknown>> {
  if (typeof cert !== 'string' || typeof key !== 'string') return bad("'cert' and 'key' are PEM")
  return certs.import(cert, key)
}

async function exportCert({certs}: Operations, {id, withKey = false}: Body): Promise<Outcome<unknown>> {
  if (typeof id !== 'string' || typeof withKey !== 'boolean') return bad("'id' is a text, 'withKey' true or false")
  return certs.export(id, withKey)
}

async function renew({certs}: Operations, encoded: string): Promise<Outcome<unknown>> {
  try {
    return await certs.renew(decodeURIComponent(encoded))
  } catch (error) {
    if (!(error instanceof URIError)) throw error
    return bad(`'${encoded}' is not percent-encoded UTF-8`)
  }
}

async function rekey({certs}: Operations, {key = null, from = ''}: Body): Promise<Outcome<unknown>> {
  if (key === null) return certs.rekey(null)
  if (typeof key !== 'string' || typeof from !== 'string') return bad("'key' is base64, 'from' a text")
  return certs.rekey({bytes: Buffer.from(key, 'base64'), from})
}

function bad(message: string): {refused: Refused} {
  return {refused: {status: 400, code: 'bad-request', message}}
}
