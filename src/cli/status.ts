// status: what the daemon serves and how it is, asked over the admin socket.

import {createAdminClient} from '../admin/client.ts'
import type {Status} from '../admin/protocol.ts'
import {EXIT, type ExitCode} from '../base/errors.ts'
import {formatDuration} from '../base/units.ts'
import {readSettings} from './offline.ts'
import {alignColumns} from './table.ts'
import {paint, type Style} from './terminal.ts'
import type {Call} from './verb.ts'

/** Prints the status of the daemon; exit code `unreachable` when there is none to ask. */
export async function status(call: Call): Promise<ExitCode> {
  const settings = await readSettings(call)
  const answer = await createAdminClient(settings.admin.socket).status()
  const text = call.format === 'json' ? JSON.stringify(answer, null, 2) : render(answer, call.terminal.color.out)
  call.terminal.out(text)
  return EXIT.ok
}

// ---

const STYLES: Readonly<Record<string, Style>> = {
  Synced: 'green',
  Healthy: 'green',
  OutOfSync: 'yellow',
  Suspended: 'yellow',
  Degraded: 'red',
}

function render(answer: Status, color: boolean): string {
  const {sync, health, revision, listeners, workers, conditions} = answer
  const facts = alignColumns([
    ['sync', sentence(sync.state, sync.reason, sync.message)],
    ['health', sentence(health.state, health.message)],
    ['revision', revision.applied ?? 'none'],
    ...(revision.verified ? [['verified', revision.verified]] : []),
    ...(revision.failed ? [['failed', revision.failed]] : []),
    ['http', listeners.http.join(', ') || 'off'],
    ['https', listeners.https.join(', ') || 'off'],
    ['service', listeners.service.join(', ') || 'off'],
    ['metrics', answer.metrics ?? 'off'],
    ['workers', countWorkers(workers)],
    ['uptime', formatDuration(Math.floor(answer.uptimeMs / 1000) * 1000)],
  ])
  const table = alignColumns([
    ['CONDITION', 'STATUS', 'REASON', 'SINCE', 'MESSAGE'],
    ...conditions.map(entry => [entry.type, entry.status, entry.reason, entry.since, entry.message]),
  ])
  const lines = conditions.length > 0 ? [...facts, '', ...table] : facts
  return lines
    .map(line => line.replace(/\b(Synced|Healthy|OutOfSync|Suspended|Degraded)\b/, highlight(color)))
    .join('\n')
}

function highlight(color: boolean): (word: string) => string {
  return word => paint(color, STYLES[word] ?? 'bold', word)
}

function sentence(state: string, ...rest: readonly string[]): string {
  const detail = rest.filter(Boolean).join(': ')
  return detail ? `${state} (${detail})` : state
}

function countWorkers(workers: Status['workers']): string {
  const counts = new Map<string, number>()
  for (const {state} of workers) counts.set(state, (counts.get(state) ?? 0) + 1)
  const restarts = workers.reduce((sum, worker) => sum + worker.restarts, 0)
  const states = [...counts].map(([state, count]) => `${count} ${state}`).join(', ') || 'none'
  return restarts > 0 ? `${states}, ${restarts} replaced since the start` : states
}
