// status: what the daemon serves and how it is, asked over the admin socket.

import {createAdminClient} from '../admin/client.ts'
import type {Status} from '../admin/protocol.ts'
import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {formatDuration, parseDuration} from '../base/units.ts'
import {readSettings} from './offline.ts'
import {alignColumns} from './table.ts'
import {paint, type Style} from './terminal.ts'
import type {Call} from './verb.ts'
import {isWell, type Wish, waitFor} from './wait.ts'
import {trafficInWords} from './words.ts'

/** Prints the status of the daemon; exit code `unreachable` when there is none to ask. */
export async function status(call: Call): Promise<ExitCode> {
  const {admin} = await readSettings(call)
  const client = createAdminClient(admin.socket)
  const wish = wishOf(call)
  const {answer, code} = wish === null ? {answer: await client.status(), code: EXIT.ok} : await waitFor(client, wish)
  const text = call.format === 'json' ? JSON.stringify(answer, null, 2) : render(answer, call.terminal.color.out)
  call.terminal.out(text)
  if (code === EXIT.ok && call.isOn('exit-code') && !isWell(answer)) return EXIT.findings
  if (code === EXIT.timeout) call.terminal.err(`${nameOf(wish)} is not served yet`)
  return code
}

// ---

function wishOf(call: Call): Wish | null {
  const revision = call.values('revision').at(-1) ?? null
  const timeout = call.values('timeout').at(-1)
  if (!call.isOn('wait')) {
    if (revision !== null || timeout !== undefined) throw new AppError('--revision and --timeout go with --wait')
    return null
  }
  const withinMs = timeout === undefined ? WAIT_MS : parseDuration(timeout)
  if (withinMs === null) throw new AppError(`--timeout '${timeout}' is not a duration such as 90s or 2m`)
  if (revision !== null && revision.length < 7)
    throw new AppError(`--revision '${revision}' is too short`, {hint: 'give at least seven characters'})
  return {revision, withinMs}
}

const WAIT_MS = 60_000

function nameOf(wish: Wish | null): string {
  return wish?.revision ?? 'what is in git'
}

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
    ['traffic', trafficInWords(answer)],
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
