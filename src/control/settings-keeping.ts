// routesd.yaml while the daemon runs. It is read again when somebody asks; what may change meanwhile is put in force, what
// needs a restart is said, and a file that cannot be used changes nothing.

import {isDeepStrictEqual} from 'node:util'
import type {Condition} from '../admin/protocol.ts'
import type {Clock} from '../base/clock.ts'
import {AppError, messageOf} from '../base/errors.ts'
import type {Log} from '../base/log.ts'
import {createConditions, type Holding} from './conditions.ts'
import type {Diagnostic} from './config/diagnostic.ts'
import type {Settings} from './config/settings.ts'
import {excerptOf, logDiagnostics} from './verdict.ts'

export type SettingsKeeping = {
  /** Those in force. */
  now(): Settings
  /** Resolves when what the file says now is in force, or refused. Asked while it is read it is read once more. Never throws. */
  reread(): Promise<void>
  conditions(): readonly Condition[]
}

export type SettingsKeepingParts = {
  readonly first: Settings
  readonly read: () => Promise<{readonly settings: Settings | null; readonly diagnostics: readonly Diagnostic[]}>
  /**
   * Does what may fail before anything has changed; throws AppError. What it returns puts `next` in force, when `now()`
   * gives it already.
   */
  readonly prepare: (next: Settings, before: Settings) => Promise<() => Promise<void>>
  readonly onRefused: () => void
  readonly clock: Clock
  readonly log: Log
}

/** Keys that a daemon cannot change while it runs, as they stand in routesd.yaml. */
export const RESTART_KEYS = ['routes', 'state', 'workers', 'listen', 'admin', 'vault'] as const

export function createSettingsKeeping(parts: SettingsKeepingParts): SettingsKeeping {
  const {first, read, prepare, onRefused, clock, log} = parts
  const conditions = createConditions(clock)
  let current = first
  let reading: Promise<void> | null = null
  let next: Promise<void> | null = null

  async function rereadNow(): Promise<void> {
    try {
      const {settings, diagnostics} = await read()
      logDiagnostics(log, diagnostics)
      if (settings === null) return refuse(describe(diagnostics))
      const before = current
      const possible = keepingRunning(settings, first)
      const putInForce = await prepare(possible, before)
      current = possible
      conditions.put('SettingsRefused', null)
      sayRestart(restartKeys(settings, first))
      await tellOf(putInForce, possible, before)
    } catch (error) {
      refuse({reason: error instanceof AppError ? 'Unusable' : 'Thrown', message: wordsOf(error)})
    }
  }

  async function tellOf(putInForce: () => Promise<void>, next: Settings, before: Settings): Promise<void> {
    try {
      await putInForce()
      if (!isDeepStrictEqual(next.document, before.document)) log.info('other settings are in force')
    } catch (error) {
      const message = `not all of the settings could be put in force: ${messageOf(error)}; restart routesd`
      log.error(message)
      conditions.put('SettingsRefused', {reason: 'Thrown', message})
    }
  }

  function refuse({reason, message, excerpt = ''}: Holding): void {
    onRefused()
    log.error('the settings are refused, and those before stay in force', {why: message})
    conditions.put('SettingsRefused', {reason, message: `${message}; the settings before stay in force`, excerpt})
  }

  function sayRestart(keys: readonly string[]): void {
    const reason = keys.join(', ')
    if (keys.length > 0 && conditions.get('RestartNeeded')?.reason !== reason)
      log.warn('some settings need a restart', {keys: reason})
    const message = `routesd.yaml has another ${reason} than at the start: restart routesd to put that in force`
    conditions.put('RestartNeeded', keys.length === 0 ? null : {reason, message})
  }

  function reread(): Promise<void> {
    if (reading === null) {
      reading = rereadNow().finally(() => {
        reading = null
      })
      return reading
    }
    // What is being read may be older than the question; one reading more answers all who ask meanwhile.
    next ??= reading.then(() => {
      next = null
      return reread()
    })
    return next
  }

  return {now: () => current, reread, conditions: conditions.list}
}

// ---

function keepingRunning(settings: Settings, {routes, routesLabel, state, workers, listen, admin, document}: Settings) {
  const kept = Object.fromEntries(RESTART_KEYS.flatMap(key => (key in document ? [[key, document[key]]] : [])))
  const {vault: _, ...rest} = settings.document
  return {...settings, routes, routesLabel, state, workers, listen, admin, document: {...rest, ...kept}}
}

/** 'workers', 'listen.http': as precise as the file is. */
function restartKeys({document: now}: Settings, {document: then}: Settings): string[] {
  return RESTART_KEYS.flatMap(key => {
    const [a, b] = [now[key], then[key]]
    if (isDeepStrictEqual(a, b)) return []
    if (typeof a !== 'object' || typeof b !== 'object') return [key]
    const [left, right]: Record<string, unknown>[] = [{...a}, {...b}]
    const names = [...new Set([...Object.keys({...a}), ...Object.keys({...b})])]
    return names.filter(name => !isDeepStrictEqual(left?.[name], right?.[name])).map(name => `${key}.${name}`)
  })
}

function describe(diagnostics: readonly Diagnostic[]): Holding {
  const [first, ...others] = diagnostics.filter(({severity}) => severity === 'error')
  if (first === undefined) return {reason: 'Unreadable', message: 'routesd.yaml cannot be read'}
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`
  const message = `${first.file}:${first.line}:${first.column}: ${first.message}${more}`
  return {reason: 'Invalid', message, excerpt: excerptOf(diagnostics)}
}

function wordsOf(error: unknown): string {
  const hint = error instanceof AppError && error.hint !== null ? ` (${error.hint})` : ''
  return messageOf(error) + hint
}
