// The head of a request was composed for one instance; another one may have its own base path and its own name.

import type {MemberEntry} from '../entries.ts'
import type {Exchange} from '../exchange.ts'
import {mapField} from './field.ts'

/** Makes the request that was composed for `from` the one for `to`. */
export function readdress(exchange: Exchange, from: MemberEntry, to: MemberEntry): void {
  const {method, replay, requestHead} = exchange
  const isNamed = exchange.route?.head?.host.kind === 'target'
  if (from.basePath === to.basePath && !isNamed) return
  const path = method.length + 1
  const head = requestHead.slice(0, path) + to.basePath + requestHead.slice(path + from.basePath.length)
  exchange.requestHead = isNamed ? mapField(head, 'host', () => to.origin.authority) : head
  if (replay !== '') exchange.replay = exchange.requestHead + replay.slice(requestHead.length)
}
