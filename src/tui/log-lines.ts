// What has changed between two words of the daemon, in sentences.

import type {Condition, EventBody, Status} from '../admin/protocol.ts'
import type {LogLine, State} from './state.ts'

/** Lines kept; the oldest go. */
const LINES = 1000

export type Said = Omit<LogLine, 'id' | 'atMs'>

/** The state with more lines in its log; the last said stands first. */
export function withLines(state: State, said: readonly Said[], atMs: number): State {
  if (said.length === 0) return state
  const lines = said.map((line, index) => ({...line, atMs, id: String(state.logged + index + 1)})).reverse()
  return {...state, log: [...lines, ...state.log].slice(0, LINES), logged: state.logged + said.length}
}

/** What is another in the status; of the first one, what is not as it should be. */
export function describeStatus(before: Status | null, after: Status): Said[] {
  const said: Said[] = []
  const {sync, health, revision, conditions, workers} = after
  if (revision.applied !== (before?.revision.applied ?? null)) {
    said.push({kind: 'revision', tone: 'good', text: `${revision.applied ?? 'nothing'} is live`})
  }
  if (before === null ? sync.state !== 'Synced' : sync.state !== before.sync.state) {
    const reason = [sync.reason, sync.message].filter(Boolean).join(': ')
    const text = reason === '' ? sync.state : `${sync.state}: ${reason}`
    said.push({kind: 'sync', tone: sync.state === 'Synced' ? 'good' : 'warn', text})
  }
  if (before === null ? health.state !== 'Healthy' : health.state !== before.health.state) {
    const isWell = health.state === 'Healthy'
    said.push({
      kind: 'health',
      tone: isWell ? 'good' : 'bad',
      text: isWell ? 'Healthy again' : `Degraded: ${health.message}`,
    })
  }
  for (const condition of conditions) {
    if (before?.conditions.some(other => isSame(other, condition))) continue
    said.push({kind: 'condition', tone: 'warn', text: `${condition.type}: ${condition.message}`})
  }
  for (const {type} of before?.conditions ?? []) {
    if (conditions.some(other => other.type === type)) continue
    said.push({kind: 'condition', tone: 'good', text: `${type} no longer holds`})
  }
  for (const {index, restarts} of workers) {
    const known = before?.workers.find(other => other.index === index)
    if (known && restarts > known.restarts)
      said.push({kind: 'worker', tone: 'bad', text: `worker ${index} died and was replaced`})
  }
  return said
}

/** What has become of instances. */
export function describeInstances({changed, more}: Extract<EventBody, {type: 'instances'}>): Said[] {
  const said: Said[] = changed.map(({id, state, reason}) => ({
    kind: 'instance',
    tone: state === 'up' ? 'good' : state === 'draining' || state === 'unknown' ? 'warn' : 'bad',
    text: reason === '' ? `${id} is ${state}` : `${id} is ${state}: ${reason}`,
  }))
  return more > 0 ? [...said, {kind: 'instance', tone: 'warn', text: `and ${more} more`}] : said
}

// ---

function isSame(one: Condition, other: Condition): boolean {
  return one.type === other.type && one.reason === other.reason && one.message === other.message
}
