// certs renew: a certificate is got anew, whatever its time; the authority may take a while, so how it went is waited for.

import {type AdminClient, createAdminClient} from '../admin/client.ts'
import type {CertRow} from '../admin/protocol.ts'
import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {parseDuration} from '../base/units.ts'
import {readSettings} from './offline.ts'
import type {Call} from './verb.ts'

const WAIT = '2m'
const LOOK_MS = 250

/** Exit code `findings` when it fails, `timeout` when it takes longer than --timeout, `unreachable` without a daemon. */
export async function certsRenew(call: Call): Promise<ExitCode> {
  const [id = ''] = call.operands
  const waitMs = parseDuration(call.values('timeout').at(-1) ?? WAIT)
  if (waitMs === null) throw new AppError('--timeout is a duration such as "30s"; "0s" does not wait')
  const {admin} = await readSettings(call)
  const client = createAdminClient(admin.socket)
  const begun = await client.renewCert(id)
  const row = await settled(client, begun, waitMs)
  call.terminal.out(call.format === 'json' ? JSON.stringify(row, null, 2) : wordsOf(row, begun))
  if (row.error !== '') return EXIT.findings
  return isRenewed(row, begun) || waitMs === 0 ? EXIT.ok : EXIT.timeout
}

// ---

// What failed before was forgotten when it began.
async function settled(client: AdminClient, begun: CertRow, waitMs: number): Promise<CertRow> {
  const endMs = performance.now() + waitMs
  let row = begun
  while (row.error === '' && !isRenewed(row, begun) && performance.now() < endMs) {
    await new Promise(resolve => setTimeout(resolve, LOOK_MS))
    row = (await client.certs()).find(({id}) => id === begun.id) ?? row
  }
  return row
}

// That of the local authority is there at once.
function isRenewed(row: CertRow, begun: CertRow): boolean {
  return row.updatedAt !== begun.updatedAt || begun.id.startsWith('local-')
}

function wordsOf(row: CertRow, begun: CertRow): string {
  if (row.error !== '') return `${row.id} is not renewed: ${row.error}${row.renewAt ? `; next try ${row.renewAt}` : ''}`
  if (!isRenewed(row, begun)) return `${row.id} is being renewed; \`routesd certs show ${row.id}\` says how it went`
  return `${row.id} is renewed: serial ${row.serial}, until ${row.notAfter}`
}
