// The condition of a variant as the request path compares it: names and values as they stand in a head, or behind a '?'.

import type {Condition} from '../../snapshot/snapshot.ts'
import type {RouteCondition} from '../config/types.ts'
import {bytesOf} from './ascii.ts'

/** Names of headers in lower case; what is not ASCII as the bytes of its UTF-8, but in the query, which is decoded. */
export function compileCondition({methods = [], headers = {}, cookies = {}, query = {}}: RouteCondition): Condition {
  return {
    methods,
    headers: Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      bytesOf(value.replace(/^[ \t]+|[ \t]+$/g, '')),
    ]),
    cookies: Object.entries(cookies).map(([name, value]) => [bytesOf(name), bytesOf(value)]),
    query: Object.entries(query),
  }
}
