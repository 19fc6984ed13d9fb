// GET /v1/explain: what is asked stands in the query.

import {isIP} from 'node:net'
import type {ExplainAnswer, ExplainAsked, Operations, Outcome} from './protocol.ts'

export async function explain(operations: Operations, query: string): Promise<Outcome<ExplainAnswer>> {
  const asked = readQuery(new URLSearchParams(query))
  if (typeof asked !== 'string') return operations.explain(asked)
  return {refused: {status: 400, code: 'bad-request', message: asked}}
}

/** The query that asks it. */
export function explainQuery({method, url, headers, clientIp}: ExplainAsked): string {
  const query = new URLSearchParams({method, url, ...(clientIp === null ? {} : {clientIp})})
  for (const {name, value} of headers) query.append('header', `${name}: ${value}`)
  return query.toString()
}

// ---

// What is wrong with it, as a text.
function readQuery(query: URLSearchParams): ExplainAsked | string {
  const url = query.get('url')
  const clientIp = query.get('clientIp')
  if (url === null) return "'url' is missing"
  if (clientIp !== null && isIP(clientIp) === 0) return `clientIp '${clientIp}' is not an IP address`
  const headers: {name: string; value: string}[] = []
  for (const line of query.getAll('header')) {
    const [, name, value = ''] = /^([-!#$%&'*+.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n]*?)[ \t]*$/.exec(line) ?? []
    if (name === undefined) return `header '${line}' is not 'Name: value'`
    headers.push({name, value})
  }
  return {method: query.get('method') ?? 'GET', url, headers, clientIp}
}
