// Which entry of a route takes a request, for the routes that have more than one.

import {choosePart} from '../router/split.ts'
import {chooseVariant} from '../router/variants.ts'
import type {Choice, RouteEntry} from './entries.ts'
import type {Downstream} from './exchange.ts'
import {addressOf} from './hash-key.ts'
import type {RequestHead} from './http1/request-head.ts'

/** The first variant that takes the request, else the route itself; of a split the part that has the client. */
export function choose(
  route: RouteEntry,
  {variants, ofVariants, parts, ofParts}: Choice,
  client: Downstream,
  head: RequestHead,
  query: string,
): RouteEntry {
  const variant = ofVariants[chooseVariant(variants, head.method, head.fields, query)]
  if (variant) return variant.choice === null ? variant : choose(variant, variant.choice, client, head, query)
  return parts.length === 0 ? route : (ofParts[choosePart(parts, route.id, addressOf(client, head))] ?? route)
}
