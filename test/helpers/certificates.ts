// An authority and what it has signed, by openssl.

import {execFileSync} from 'node:child_process'
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {Scope} from '../../src/base/scope.ts'

export type Pair = {readonly cert: string; readonly key: string}
export type Made = {ca: string; server: Pair; address: Pair; client: Pair; selfSigned: Pair; expired: Pair}

/** Whether certificates can be made here. */
export const hasOpenssl = canRun('openssl', 'version')

/** Made anew for each test; keys of elliptic curves take milliseconds. */
export function certificates(scope: Scope): Made {
  const folder = mkdtempSync(join(tmpdir(), 'routesd-tls-'))
  scope.defer(() => rmSync(folder, {recursive: true}))
  const openssl = (...args: string[]) => execFileSync('openssl', args, {cwd: folder, stdio: 'pipe'})
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  const keyTo = (name: string) =>
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${name}.key`)
  keyTo('ca')
  openssl('req', '-x509', '-new', '-key', 'ca.key', '-subj', '/CN=test ca', '-days', '2', '-out', 'ca.crt')
  const sign = (name: string, subject: string, alternatives: string, days = '1'): Pair => {
    keyTo(name)
    writeFileSync(join(folder, 'extensions'), `subjectAltName=${alternatives}\n`)
    openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${subject}`, '-out', `${name}.csr`)
    const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'extensions']
    openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-days', days, '-out', `${name}.crt`)
    return {cert: read(`${name}.crt`), key: read(`${name}.key`)}
  }
  keyTo('self')
  const names = ['-subj', '/CN=inner.test', '-addext', 'subjectAltName=DNS:inner.test,IP:127.0.0.1']
  openssl('req', '-x509', '-new', '-key', 'self.key', ...names, '-days', '2', '-out', 'self.crt')
  return {
    ca: read('ca.crt'),
    server: sign('server', 'inner.test', 'DNS:inner.test'),
    address: sign('address', 'address', 'IP:127.0.0.1'),
    client: sign('client', 'routesd', 'DNS:client.test'),
    selfSigned: {cert: read('self.crt'), key: read('self.key')},
    expired: sign('expired', 'inner.test', 'DNS:inner.test', '-1'),
  }
}

// ---

function canRun(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, {stdio: 'ignore'})
    return true
  } catch {
    return false
  }
}
