// routes ls: every route, where it goes and where it was written.

import type {RouteRow} from '../admin/protocol.ts'
import {EXIT, type ExitCode} from '../base/errors.ts'
import {destinationOf} from '../router/destination.ts'
import type {Snapshot} from '../snapshot/snapshot.ts'
import {askDaemonOrFiles} from './live.ts'
import {alignColumns} from './table.ts'
import type {Call} from './verb.ts'

/** A route that nobody serves has no counters. */
type Row = Omit<RouteRow, 'requests' | 'errors'> & {readonly requests: number | null; readonly errors: number | null}

/** Lists what the daemon serves, or, when there is none, what routes.d says. */
export async function routesLs(call: Call): Promise<ExitCode> {
  const rows: readonly Row[] = await askDaemonOrFiles(call, client => client.routes(), declared)
  call.terminal.out(call.format === 'json' ? JSON.stringify(rows, null, 2) : render(rows))
  return EXIT.ok
}

// ---

function declared(snapshot: Snapshot): Row[] {
  return snapshot.routes.map(({id, host, prefix, action, source}) => {
    return {id, host, prefix, ...destinationOf(action), ...source, requests: null, errors: null}
  })
}

function render(rows: readonly Row[]): string {
  const cells = rows.map(row => [
    row.id,
    row.destination,
    String(row.requests ?? '-'),
    String(row.errors ?? '-'),
    `${row.file}:${row.line}`,
  ])
  return alignColumns([['ROUTE ID', 'TARGET', 'REQUESTS', 'ERRORS', 'FROM'], ...cells], [2, 3]).join('\n')
}
