// instances ls: every instance of every service and target, how it is and what it does.

import type {InstanceRow} from '../admin/protocol.ts'
import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {nearest} from '../control/config/suggest.ts'
import {describeMember, listMembers} from '../router/member-list.ts'
import {askDaemonOrFiles} from './live.ts'
import {alignColumns} from './table.ts'
import type {Call} from './verb.ts'
import {weightInWords} from './words.ts'

/** What nobody serves is not counted. */
type Row = Omit<InstanceRow, 'inFlight' | 'requests' | 'errors'> & {
  readonly inFlight: number | null
  readonly requests: number | null
  readonly errors: number | null
}

/** Lists what the daemon serves, or, when there is none, what routes.d says; of one service, or of all. */
export async function instancesLs(call: Call): Promise<ExitCode> {
  const [wanted] = call.operands
  const {rows, services} = await askDaemonOrFiles(
    call,
    async client => ({rows: await client.instances(), services: (await client.services()).map(({slug}) => slug)}),
    snapshot => ({rows: listMembers(snapshot).map(declared), services: snapshot.pools.map(({name}) => name)}),
  )
  const chosen = wanted === undefined ? rows : ofService(rows, services, wanted)
  call.terminal.out(call.format === 'json' ? JSON.stringify(chosen, null, 2) : render(chosen))
  return EXIT.ok
}

// ---

function declared(listed: Parameters<typeof describeMember>[0]): Row {
  return {
    ...describeMember(listed),
    state: 'unknown',
    inFlight: null,
    requests: null,
    errors: null,
    latencyMs: null,
    lastChange: null,
    reason: '',
  }
}

// A target without its instance does not exist, a service may have none yet.
function ofService(rows: readonly Row[], services: readonly string[], wanted: string): Row[] {
  const names = [...new Set([...services, ...rows.map(({service}) => service)])]
  if (names.includes(wanted)) return rows.filter(({service}) => service === wanted)
  const guess = nearest(wanted, names)
  throw new AppError(`there is no service '${wanted}'`, {
    hint: guess ? `did you mean ${guess}?` : '`services ls` lists them',
  })
}

function render(rows: readonly Row[]): string {
  const cells = rows.map(row => [
    row.id,
    row.service,
    row.state,
    weightInWords(row),
    ...[row.inFlight, row.requests, row.errors].map(count => String(count ?? '-')),
    row.reason,
  ])
  const head = ['ID', 'SERVICE', 'STATE', 'WEIGHT', 'IN FLIGHT', 'REQUESTS', 'ERRORS', 'REASON']
  return alignColumns([head, ...cells], [3, 4, 5, 6]).join('\n')
}
