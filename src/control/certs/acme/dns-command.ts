// dns-01 (RFC 8555 §8.4) by a program of the operator: COMMAND set|remove NAME VALUE. It ends with 0 when that is done.

import {execFile} from 'node:child_process'
import {AcmeError} from '../issuer.ts'
import type {Challenge, Prover} from './prover.ts'

export type DnsCommand = {
  /** Absolute. */
  readonly command: string
  readonly propagationMs: number
}

/** A provider's API may be slow; a program that waits for ever would hold the order. */
const LIMIT_MS = 120_000
const OUTPUT_BYTES = 64 << 10
const SAID_MAX = 200

export function createDnsCommand({command, propagationMs}: DnsCommand): Prover {
  return {
    kind: 'dns-01',
    module: {
      propagationDelay: propagationMs,
      set: ({challenge}) => run(command, 'set', challenge),
      remove: ({challenge}) => run(command, 'remove', challenge),
    },
  }
}

// ---

// By its arguments and never through a shell: the name comes from a route, the value from the authority.
function run(command: string, what: 'set' | 'remove', {dnsHost = '', keyAuthorizationDigest = ''}: Challenge) {
  const {promise, resolve, reject} = Promise.withResolvers<null>()
  const options = {timeout: LIMIT_MS, maxBuffer: OUTPUT_BYTES, windowsHide: true}
  execFile(command, [what, dnsHost, keyAuthorizationDigest], options, (error, stdout, stderr) => {
    if (error === null) return resolve(null)
    const said = (stderr.trim() || stdout.trim()).slice(-SAID_MAX)
    const how = error.killed ? `did not end within ${LIMIT_MS / 1000} s` : `failed (${error.code ?? error.signal})`
    const detail = `${command} ${what} ${dnsHost} ${how}${said && `: ${said}`}`
    reject(new AcmeError({status: 0, type: 'dns-command', detail, retryAfterMs: null, retryable: true}))
  })
  return promise
}
