// Names that need a certificate of a public authority once they are served on https.

import {isIP} from 'node:net'
import type {Snapshot} from '../snapshot/snapshot.ts'

export type CertificateChange = {
  /** Names that had no routes before. */
  readonly order: readonly string[]
  /** Names that have no routes any more. */
  readonly drop: readonly string[]
}

/** Certificates that become necessary and unnecessary, in order. Whether https is on at all is not asked. */
export function diffCertificates(before: Snapshot, after: Snapshot): CertificateChange {
  const [was, is] = [namesOf(before), namesOf(after)]
  return {
    order: [...is].filter(name => !was.has(name)).sort(),
    drop: [...was].filter(name => !is.has(name)).sort(),
  }
}

// ---

function namesOf({routes}: Snapshot): Set<string> {
  return new Set(routes.map(({host}) => host).filter(isPublic))
}

// No authority signs for '*', addresses, single labels and localhost (RFC 6761 §6.3): those get theirs from a local one.
function isPublic(host: string): boolean {
  return (
    host.includes('.') &&
    !host.startsWith('[') &&
    isIP(host) === 0 &&
    !host.endsWith('.localhost') &&
    host !== '*.localhost'
  )
}
