// certs export: a certificate, or the roots of the local CA, for other programs. The key only when asked for in so many
// words, and into a file of which nobody else can read a byte.

import {resolve} from 'node:path'
import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {writeAtomic} from '../base/files.ts'
import {askDaemonOrVault} from './certs.ts'
import type {Call} from './verb.ts'

/** Writes PEM to --out, or to stdout; a key goes to stdout only with --out -. */
export async function certsExport(call: Call): Promise<ExitCode> {
  const out = call.values('out').at(-1) ?? null
  const [wanted] = call.operands
  if (call.isOn('ca')) {
    if (wanted !== undefined || call.isOn('with-key'))
      throw new AppError('--ca exports the roots of the local CA, and nothing else')
    return write(call, await rootsOf(call), out, 0o644)
  }
  if (wanted === undefined) throw new AppError("'certs export' needs the ID of a certificate, or --ca")
  const withKey = call.isOn('with-key')
  if (withKey && out === null) {
    throw new AppError('a private key is not written to stdout unless you say so', {
      hint: '--out FILE writes it to a file of mode 0600, --out - to stdout',
    })
  }
  const {cert, key} = await askDaemonOrVault(
    call,
    client => client.exportCert(wanted, withKey),
    certificates => certificates.export(wanted),
  )
  return write(call, withKey ? `${cert.trimEnd()}\n${key ?? ''}` : cert, out, withKey ? 0o600 : 0o644)
}

// ---

async function rootsOf(call: Call): Promise<string> {
  const roots = await askDaemonOrVault(
    call,
    async client => (await client.certRoots()).roots,
    certificates => certificates.roots(),
  )
  if (roots.length === 0) {
    throw new AppError('there is no local CA yet: it is made with the first certificate for localhost', {
      exitCode: EXIT.findings,
    })
  }
  return roots.join('')
}

async function write(call: Call, pem: string, out: string | null, mode: number): Promise<ExitCode> {
  if (out === null || out === '-') {
    call.terminal.out(pem.trimEnd())
    return EXIT.ok
  }
  const path = resolve(call.terminal.cwd, out)
  await writeAtomic(path, pem, mode)
  call.terminal.err(`written to ${path}`)
  return EXIT.ok
}
