// hosts: what belongs to a host, not to its prefixes. A host is named once, like a route.

import {normalizeHost} from '../../base/route-id.ts'
import {parseDuration} from '../../base/units.ts'
import type {Host} from '../../snapshot/snapshot.ts'
import type {Placed} from '../config/config.ts'
import type {References} from '../config/references.ts'
import type {Host as Written} from '../config/types.ts'

/** In the order of their names. */
export function compileHosts(hosts: readonly Placed<Written>[], references: References): Host[] {
  return hosts.map(placed => compileHost(placed, references)).sort((a, b) => (a.pattern < b.pattern ? -1 : 1))
}

// ---

function compileHost({value: {name, tls = {}}, file}: Placed<Written>, references: References): Host {
  const {redirect = true, hsts = 'off', clientAuth = 'off', certificate} = tls
  return {
    pattern: patternOf(name),
    redirect,
    hstsMs: hsts === 'off' || hsts === false ? 0 : (parseDuration(hsts) ?? 0),
    clientAuth: clientAuth === 'off' || clientAuth === false ? null : references.textOf(clientAuth.ca, file),
    // What it says changes without the configuration, and is read by whoever gives it to the data plane.
    ownCertificate: certificate === undefined ? null : JSON.stringify([file, certificate.cert, certificate.key]),
  }
}

// Without the brackets of an IPv6 address, as certificates have it.
function patternOf(name: string): string {
  const normal = normalizeHost(name)
  if ('problem' in normal) throw new Error(`not a host: ${name}`)
  return normal.host.replace(/^\[|\]$/g, '')
}
