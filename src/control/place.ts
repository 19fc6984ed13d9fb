// Where a registered or discovered instance is: read by the rules of the targets in routes.d, and denied like them.

import {createAddressSet} from '../base/cidr.ts'
import {wordRefusal} from '../base/route-id.ts'
import {placeOf} from './compile/services.ts'
import {parseTarget} from './config/target.ts'
import type {ReadPlace} from './registry/registration.ts'

/** A reader of URLs that refuses addresses in these ranges. */
export function readPlace(denyTargets: readonly string[]): ReadPlace {
  const isDenied = createAddressSet(denyTargets)
  return url => {
    const target = parseTarget(url)
    if ('problem' in target)
      return {problem: [wordRefusal(target, url), target.hint].filter(Boolean).join('. '), isDenied: false}
    const {scheme, host, port, basePath} = target
    if (isDenied(host)) return {problem: `requests may not be forwarded to ${host}`, isDenied: true}
    return {url: placeOf(url), scheme, host, port, path: basePath}
  }
}
