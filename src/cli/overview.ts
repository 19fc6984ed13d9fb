// All that the terminal UI shows, as tables for a pipe.

import {type AdminClient, readIfThere} from '../admin/client.ts'
import type {CertRow, HistoryRow, InstanceRow, RouteRow, Status} from '../admin/protocol.ts'
import {alignColumns} from './table.ts'
import {trafficInWords, weightInWords} from './words.ts'

export type Overview = {
  readonly status: Status
  readonly routes: readonly RouteRow[]
  readonly instances: readonly InstanceRow[]
  /** null: this daemon has no such list. */
  readonly certs: readonly CertRow[] | null
  readonly history: readonly HistoryRow[] | null
}

export async function readOverview(client: AdminClient): Promise<Overview> {
  const [status, routes, instances, certs, history] = await Promise.all([
    client.status(),
    client.routes(),
    client.instances(),
    readIfThere(() => client.certs()),
    readIfThere(() => client.history()),
  ])
  return {status, routes, instances, certs, history}
}

export function renderOverview({status, routes, instances, certs, history}: Overview): string {
  const {sync, health, revision} = status
  const facts = [
    ['revision', revision.applied ?? 'none'],
    ['sync', [sync.state, sync.message].filter(Boolean).join(': ')],
    ['health', [health.state, health.message].filter(Boolean).join(': ')],
    ['traffic', trafficInWords(status)],
  ]
  const tables = [
    tableOf(
      ['ROUTE ID', 'TARGET', 'REQUESTS', 'ERRORS', 'FROM'],
      routes.map(row => [row.id, row.destination, row.requests, row.errors, `${row.file}:${row.line}`]),
      [2, 3],
    ),
    tableOf(
      ['ID', 'SERVICE', 'STATE', 'WEIGHT', 'IN FLIGHT', 'REQUESTS', 'ERRORS', 'REASON'],
      instances.map(row => {
        return [row.id, row.service, row.state, weightInWords(row), row.inFlight, row.requests, row.errors, row.reason]
      }),
      [3, 4, 5, 6],
    ),
    tableOf(
      ['CERT ID', 'COMMON NAME', 'STATE', 'ISSUER', 'NOT AFTER', 'RENEWS'],
      certs?.map(row => [row.id, row.commonName, row.state, row.issuer, row.notAfter ?? '-', row.renewAt ?? '-']),
    ),
    tableOf(
      ['REVISION', 'OUTCOME', 'AT', 'AUTHOR', 'SUBJECT'],
      history?.map(row => [row.revision, row.outcome, row.at, row.author, row.subject]),
    ),
  ]
  return [alignColumns(facts).join('\n'), ...tables.filter(Boolean)].join('\n\n')
}

// ---

function tableOf(
  titles: readonly string[],
  rows: readonly (readonly (string | number)[])[] | undefined,
  alignRight: readonly number[] = [],
): string {
  if (rows === undefined) return ''
  return alignColumns([titles, ...rows.map(row => row.map(String))], alignRight).join('\n')
}
