// services ls: every service, and how many of its instances would get a request now.

import type {ServiceRow} from '../admin/protocol.ts'
import {EXIT, type ExitCode} from '../base/errors.ts'
import {isService, listMembers} from '../router/member-list.ts'
import type {Snapshot} from '../snapshot/snapshot.ts'
import {askDaemonOrFiles} from './live.ts'
import {alignColumns} from './table.ts'
import type {Call} from './verb.ts'

/** Nobody knows what is usable where nothing is served. */
type Row = Omit<ServiceRow, 'usable'> & {readonly usable: number | null}

/** Lists what the daemon serves, or, when there is none, what routes.d says. */
export async function servicesLs(call: Call): Promise<ExitCode> {
  const rows: readonly Row[] = await askDaemonOrFiles(call, client => client.services(), declared)
  call.terminal.out(call.format === 'json' ? JSON.stringify(rows, null, 2) : render(rows))
  return EXIT.ok
}

// ---

function declared(snapshot: Snapshot): Row[] {
  const members = Map.groupBy(listMembers(snapshot), ({pool}) => pool)
  return snapshot.pools.filter(isService).map(pool => ({
    slug: pool.name,
    balance: pool.balance.kind,
    instances: members.get(pool)?.length ?? 0,
    usable: null,
  }))
}

function render(rows: readonly Row[]): string {
  const cells = rows.map(row => [row.slug, row.balance, String(row.instances), String(row.usable ?? '-')])
  return alignColumns([['SERVICE', 'BALANCE', 'INSTANCES', 'USABLE'], ...cells], [2, 3]).join('\n')
}
