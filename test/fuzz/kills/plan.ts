// How a program is to die, and what was seen of it.

import {appendFileSync, existsSync, readFileSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {pathToFileURL} from 'node:url'
import type {RunningCommand} from '../../helpers/command.ts'
import {killChildren} from '../../helpers/kill-children.ts'
import type {Random} from '../random.ts'

export type Kills = {
  readonly rounds: number
  /** Repeats what is chosen; when a timer strikes is another moment each time. */
  readonly seed: number
  /** No round begins after it. */
  readonly limitMs: number
}

/** When a program is killed: at a change of a file, a while after it was told to do something, or when that is done. */
export type Death = {
  /** 0: at none. */
  readonly atChange: number
  /** After half of a write, where the change is one. */
  readonly isTorn: boolean
  readonly afterMs: number
  /** What it has started goes with it. */
  readonly withChildren: boolean
}

export type Tally = {
  rounds: number
  /** What it was doing and where, as 'renew: rename certificate/….sealed', and how often. */
  readonly deaths: Map<string, number>
}

/** Of three one dies by a timer, the others at one of so many changes. */
export function chooseDeath(random: Random, changesMax: number): Death {
  const byTimer = random.chance(1 / 3)
  return {
    atChange: byTimer ? 0 : 1 + random.below(changesMax),
    isTorn: random.chance(0.5),
    afterMs: byTimer ? random.below(TIMER_MAX_MS) : Number.POSITIVE_INFINITY,
    withChildren: random.chance(0.5),
  }
}

/** What Node is to be told so that a program dies in this way; `isArmed`: from its start, else from `arm` on. */
export function nodeArgsOf(folder: string, {atChange, isTorn, withChildren}: Death, isArmed: boolean): string[] {
  rmSync(logOf(folder), {force: true})
  appendFileSync(logOf(folder), '')
  const url = pathToFileURL(join(import.meta.dirname, '..', '..', 'helpers', 'kill-at.ts'))
  url.searchParams.set('below', folder)
  url.searchParams.set('log', logOf(folder))
  url.searchParams.set('at', String(atChange))
  for (const [name, isSet] of Object.entries({torn: isTorn, children: withChildren, armed: isArmed}))
    if (isSet) url.searchParams.set(name, '')
  return ['--import', url.href]
}

/** Resolves when the program counts what it changes. */
export async function arm({child, ended}: RunningCommand, folder: string): Promise<void> {
  child.kill('SIGWINCH')
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  while (!isOver && !readFileSync(logOf(folder), 'utf8').startsWith('armed')) await pause()
}

/** Waits for the death of a program that does `work`; kills it when its time has come, or when the work is done. */
export async function untilDead(running: RunningCommand, death: Death, work: Promise<unknown>): Promise<void> {
  const kill = () => {
    if (death.withChildren && running.child.pid !== undefined) killChildren(running.child.pid)
    running.child.kill('SIGKILL')
  }
  const timer = Number.isFinite(death.afterMs) ? setTimeout(kill, death.afterMs) : undefined
  await Promise.race([running.ended, work.catch(() => {})])
  clearTimeout(timer)
  kill()
  await running.ended
}

/** Notes where a program has died. */
export function noteDeath(tally: Tally, folder: string, what: string, death: Death): void {
  const lines = existsSync(logOf(folder)) ? readFileSync(logOf(folder), 'utf8').trim().split('\n') : []
  const [count, change = '', path = ''] = (lines.at(-1) ?? '').split(' ')
  const isHit = death.atChange > 0 && Number(count) === death.atChange
  const where = isHit ? `${change} ${nameless(path)}` : Number.isFinite(death.afterMs) ? 'a timer' : 'its end'
  tally.deaths.set(`${what}: ${where}`, (tally.deaths.get(`${what}: ${where}`) ?? 0) + 1)
}

/** What was wrong after a death, with all that is known of it. */
export function found(error: unknown, round: string, death: Death, running: RunningCommand | null): Error {
  const {details = ''} = Object(error) as {details?: unknown}
  const said = running?.stderr().slice(-SAID_MAX) ?? ''
  return new Error(`${round}, ${JSON.stringify(death)}: ${error}\n${details}\n${said}`, {cause: error})
}

/** Waits until it is so, or the program is dead, or has had time enough: then what comes after it says what is wrong. */
export async function untilSo({child}: RunningCommand, look: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + DONE_MS
  const isOver = () => child.exitCode !== null || child.signalCode !== null || performance.now() > endMs
  while (!isOver() && !(await look().catch(() => false))) await pause()
}

// ---

const SAID_MAX = 2_000
/** Far above what it takes. */
const DONE_MS = 20_000
/** Longer than what is done takes on a machine that has time. */
const TIMER_MAX_MS = 800

function logOf(folder: string): string {
  return join(folder, 'changes.log')
}

function pause(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 10))
}

// 'vault/certificate/acme-h7.example.com.sealed.1f00ab.tmp' → 'vault/certificate/*.tmp'
function nameless(path: string): string {
  const parts = path.split('/')
  const name = parts.pop() ?? ''
  const kind = /\.(tmp|sealed)$/.exec(name)?.[0]
  return [...parts, kind ? `*${kind}` : name.replace(/[0-9a-f]{12,}/g, '*')].join('/')
}
