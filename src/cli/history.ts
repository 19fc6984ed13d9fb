// history: what became of the revisions that were to be served.

import {createAdminClient} from '../admin/client.ts'
import type {HistoryRow} from '../admin/protocol.ts'
import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {readSettings} from './offline.ts'
import {alignColumns} from './table.ts'
import type {Call} from './verb.ts'

/** Lists the newest first; exit code `unreachable` without a daemon. */
export async function history(call: Call): Promise<ExitCode> {
  const limit = limitOf(call)
  const {admin} = await readSettings(call)
  const entries = (await createAdminClient(admin.socket).history()).slice(0, limit)
  call.terminal.out(call.format === 'json' ? JSON.stringify(entries, null, 2) : render(entries))
  return EXIT.ok
}

// ---

const ROWS = 20

function limitOf(call: Call): number {
  const given = call.values('limit').at(-1)
  if (given === undefined) return call.format === 'json' ? Number.POSITIVE_INFINITY : ROWS
  if (!/^[1-9]\d{0,8}$/.test(given)) throw new AppError(`--limit '${given}' is not a number of entries`)
  return Number(given)
}

function render(entries: readonly HistoryRow[]): string {
  const rows = entries.map(({at, revision, outcome, reason, message, diff, author, subject, trigger}) => [
    at,
    revision,
    outcome,
    reason,
    diff === null ? '-' : `+${diff.added} -${diff.removed} ~${diff.moved + diff.changed}`,
    trigger,
    author || '-',
    message || subject || '-',
  ])
  const head = ['AT', 'REVISION', 'OUTCOME', 'REASON', 'ROUTES', 'TRIGGER', 'AUTHOR', 'WHAT']
  return alignColumns([head, ...rows]).join('\n')
}
