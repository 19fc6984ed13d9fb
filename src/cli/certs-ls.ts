// certs ls: every certificate, and every host that should have one.

import type {CertRow} from '../admin/protocol.ts'
import {EXIT, type ExitCode} from '../base/errors.ts'
import {askDaemonOrVault} from './certs.ts'
import {alignColumns} from './table.ts'
import type {Call} from './verb.ts'

/** Lists what the daemon has, or, when there is none, what lies in the vault and in files. */
export async function certsLs(call: Call): Promise<ExitCode> {
  const rows = await askDaemonOrVault(
    call,
    client => client.certs(),
    async certificates => certificates.rows(),
  )
  call.terminal.out(call.format === 'json' ? JSON.stringify(rows, null, 2) : render(rows))
  return EXIT.ok
}

// ---

const COLUMNS = [
  'CERT ID',
  'CREATED AT',
  'UPDATED AT',
  'COMMON NAME',
  'ISSUER',
  'NOT BEFORE',
  'NOT AFTER',
  'SERIAL',
  'RENEWS',
  'STATE',
]

function render(rows: readonly CertRow[]): string {
  const cells = rows.map(row => [
    row.id,
    second(row.createdAt),
    second(row.updatedAt),
    row.commonName,
    row.issuer || '-',
    second(row.notBefore),
    second(row.notAfter),
    row.serial ?? '-',
    second(row.renewAt),
    row.error === '' ? row.state : `${row.state}: ${row.error}`,
  ])
  return alignColumns([COLUMNS, ...cells]).join('\n')
}

function second(at: string | null): string {
  return at === null ? '-' : at.replace(/\.\d+Z$/, 'Z')
}
