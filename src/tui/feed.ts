// What the daemon says, as actions. Events come by themselves; lists are asked for, one question at a time, only those
// that the screen shows and that an event gives reason to, and the less often the longer an answer takes: with 100,000
// routes an answer is 20 MB, and neither the daemon nor this program may spend more than a percent of a processor on it.

import {setTimeout as delay} from 'node:timers/promises'
import {type AdminClient, readIfThere} from '../admin/client.ts'
import type {Event} from '../admin/protocol.ts'
import {messageOf} from '../base/errors.ts'
import type {Action, Fetched, Source} from './actions.ts'
import {ACTION_PATHS, type Order} from './orders.ts'

export type Feed = {
  /** Asks now for what the screen needs and has not got in its time. */
  wake(): void
  /** Asks the daemon to do it; what comes of it is an action. */
  perform(order: Order): Promise<void>
  close(): void
}

export type FeedParts = {
  readonly client: AdminClient
  readonly dispatch: (action: Action) => void
  /** What the screen shows. */
  readonly wanted: () => readonly Source[]
  /** Milliseconds since 1970 that never go back. */
  readonly now: () => number
}

const RETRY_MS = {least: 250, most: 2_000} as const
const PERIOD_MS: Readonly<Record<Source, number>> = {
  routes: 1_000,
  services: 2_000,
  instances: 2_000,
  certs: 5_000,
  history: 5_000,
}
/** At the most one part in so many of the time goes into a list. */
const SHARE = 100
/** However long it takes, and however quiet it is, a list is not older than that; one that is not there is asked for again. */
const RAREST_MS = 60_000
/** What traffic makes old. */
const COUNTING: readonly Source[] = ['routes', 'services', 'instances']

/** Follows the daemon until it is closed; a daemon that is gone is looked for for ever, at least every two seconds. */
export function startFeed({client, dispatch, wanted, now}: FeedParts): Feed {
  const closed = new AbortController()
  const {signal} = closed
  /** When it may be read again, and whether there is reason to. */
  const dueMs = new Map<Source, number>()
  const readMs = new Map<Source, number>()
  const old = new Set<Source>()
  let isLive = false
  let wake = () => {}

  // A wait that is broken off is over, not failed.
  const rest = (ms: number, until: AbortSignal) => delay(ms, undefined, {signal: until}).catch(() => {})
  const pause = (ms: number) => {
    const woken = new AbortController()
    wake = () => woken.abort()
    return rest(ms, woken.signal)
  }

  async function follow(): Promise<void> {
    let waitMs: number = RETRY_MS.least
    while (!signal.aborted) {
      let reason = 'the daemon has ended'
      try {
        for await (const event of client.events(signal)) {
          if (event.type === 'snapshot') await meet()
          waitMs = RETRY_MS.least
          dispatch({type: 'event', event, atMs: now()})
          if (outdate(event)) wake()
        }
      } catch (error) {
        reason = messageOf(error)
      }
      isLive = false
      if (signal.aborted) return
      dispatch({type: 'lost', reason, atMs: now()})
      await rest(waitMs, signal)
      waitMs = Math.min(RETRY_MS.most, waitMs * 2)
    }
  }

  // Whether there is something to read that there was not.
  function outdate(event: Event): boolean {
    if (event.type === 'heartbeat') return false
    if (event.type === 'traffic' && event.traffic.requestsPerSecond === 0) return false
    const before = old.size
    for (const source of event.type === 'traffic' ? COUNTING : SOURCES) old.add(source)
    return old.size > before || event.type === 'snapshot'
  }

  async function meet(): Promise<void> {
    const actions = Object.keys(ACTION_PATHS)
    const known = await Promise.all(actions.map(action => client.canAct(ACTION_PATHS[action] ?? '')))
    dispatch({type: 'missing', actions: actions.filter((_, index) => !known[index])})
    dueMs.clear()
    readMs.clear()
    isLive = true
  }

  async function poll(): Promise<void> {
    while (!signal.aborted) {
      const next = wanted().find(source => isLive && dueAt(source) <= now())
      if (next === undefined) await pause(untilDue())
      else await fetch(next)
    }
  }

  function dueAt(source: Source): number {
    const due = dueMs.get(source) ?? 0
    return old.has(source) ? due : Math.max(due, (readMs.get(source) ?? -RAREST_MS) + RAREST_MS)
  }

  function untilDue(): number {
    const waits = isLive ? wanted().map(source => dueAt(source) - now()) : []
    return Math.max(10, Math.min(RAREST_MS, ...waits))
  }

  async function fetch(source: Source): Promise<void> {
    const beganMs = now()
    // What is said while it is read may be in it or not.
    old.delete(source)
    try {
      const rows = await readIfThere(() => readers[source](client))
      if (signal.aborted) return
      const atMs = now()
      dispatch(
        rows === null ? {type: 'absent', source, atMs} : {type: 'fetched', fetched: {source, rows} as Fetched, atMs},
      )
      // What is done with the answer counts as well.
      const periodMs = rows === null ? RAREST_MS : PERIOD_MS[source]
      readMs.set(source, beganMs)
      dueMs.set(source, beganMs + Math.max(periodMs, Math.min(RAREST_MS, (now() - beganMs) * SHARE)))
    } catch {
      // That the daemon is gone is told by the end of its events.
      old.add(source)
      dueMs.set(source, now() + RETRY_MS.most)
    }
  }

  void follow()
  void poll()
  return {
    wake: () => wake(),
    async perform(order) {
      try {
        await client.act(order.path, order.body)
        dispatch({type: 'outcome', isOk: true, text: `${order.what}: done`, atMs: now()})
      } catch (error) {
        dispatch({type: 'outcome', isOk: false, text: `${order.what}: ${messageOf(error)}`, atMs: now()})
      }
      dueMs.clear()
      for (const source of SOURCES) old.add(source)
      wake()
    },
    close() {
      closed.abort()
      wake()
    },
  }
}

// ---

const SOURCES = ['routes', 'services', 'instances', 'certs', 'history'] as const satisfies readonly Source[]

const readers: Readonly<Record<Source, (client: AdminClient) => Promise<Fetched['rows']>>> = {
  routes: client => client.routes(),
  services: client => client.services(),
  instances: client => client.instances(),
  certs: client => client.certs(),
  history: client => client.history(),
}
