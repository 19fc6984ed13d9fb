// An authority of the test's own that signs whatever it is asked for, by openssl.

import {execFileSync} from 'node:child_process'
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {isIP} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {Scope} from '../../src/base/scope.ts'
import type {Certificate} from '../../src/snapshot/certificate.ts'

export type Pair = {readonly cert: string; readonly key: string}

export type Authority = {
  /** PEM of the authority itself. */
  readonly ca: string
  sign(...names: string[]): Pair
  /** What the data plane is given; `id` is the first name unless said otherwise. */
  certificate(names: readonly string[], more?: Partial<Certificate>): Certificate
}

/** Keys of elliptic curves take milliseconds. */
export function authorityOf(scope: Scope): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'routesd-authority-'))
  scope.defer(() => rmSync(folder, {recursive: true}))
  const openssl = (...args: string[]) => execFileSync('openssl', args, {cwd: folder, stdio: 'pipe'})
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl('req', '-x509', ...curve, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=test ca', '-days', '2')
  let made = 0
  const sign = (...names: string[]): Pair => {
    const file = String(++made)
    const alternatives = names.map(name => `${isIP(name) ? 'IP' : 'DNS'}:${name}`).join()
    writeFileSync(join(folder, 'extensions'), `subjectAltName=${alternatives}\n`)
    openssl('req', '-new', ...curve, '-keyout', `${file}.key`, '-subj', `/CN=${names[0]}`, '-out', `${file}.csr`)
    const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'extensions']
    openssl('x509', '-req', '-in', `${file}.csr`, ...by, '-days', '1', '-out', `${file}.crt`)
    return {cert: read(`${file}.crt`), key: read(`${file}.key`)}
  }
  return {
    ca: read('ca.crt'),
    sign,
    certificate: (names, more = {}) => ({
      id: names[0] ?? '',
      names,
      isDefault: false,
      ...(more.cert === undefined ? sign(...names) : {cert: '', key: ''}),
      ...more,
    }),
  }
}
