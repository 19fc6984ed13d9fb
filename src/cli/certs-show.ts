// certs show: one certificate, line by line, and its chain as PEM. Never its key.

import type {CertRow} from '../admin/protocol.ts'
import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {askDaemonOrVault} from './certs.ts'
import {alignColumns} from './table.ts'
import type {Call} from './verb.ts'

/** Shows the one with this id, or the only one for this name. */
export async function certsShow(call: Call): Promise<ExitCode> {
  const wanted = call.operands[0] ?? ''
  const shown = await askDaemonOrVault(
    call,
    async client => {
      const row = find(await client.certs(), wanted)
      return {...row, certificate: row.notAfter === null ? '' : (await client.exportCert(row.id, false)).cert}
    },
    async certificates => {
      const row = find(certificates.rows(), wanted)
      return {...row, certificate: row.notAfter === null ? '' : (await certificates.export(row.id)).cert}
    },
  )
  call.terminal.out(call.format === 'json' ? JSON.stringify(shown, null, 2) : render(shown))
  return EXIT.ok
}

// ---

function find(rows: readonly CertRow[], wanted: string): CertRow {
  const exact = rows.find(({id}) => id === wanted)
  const [first, other] = exact ? [exact] : rows.filter(({names}) => names.includes(wanted))
  if (first === undefined) throw new AppError(`there is no certificate '${wanted}'`, {exitCode: EXIT.findings})
  if (other !== undefined)
    throw new AppError(`there are several for ${wanted}, ${first.id} and ${other.id}: name one of them`)
  return first
}

function render(row: CertRow & {readonly certificate: string}): string {
  const facts = alignColumns([
    ['id', row.id],
    ['state', row.error === '' ? row.state : `${row.state}: ${row.error}`],
    ['common name', row.commonName],
    ['names', row.names.join(', ')],
    ['issuer', row.issuer || '-'],
    ['serial', row.serial ?? '-'],
    ['not before', row.notBefore ?? '-'],
    ['not after', row.notAfter ?? '-'],
    ['renews', row.renewAt ?? '-'],
    ['created', row.createdAt ?? '-'],
    ['updated', row.updatedAt ?? '-'],
  ])
  return row.certificate === '' ? facts.join('\n') : `${facts.join('\n')}\n\n${row.certificate.trimEnd()}`
}
