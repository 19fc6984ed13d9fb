// All that the screen shows follows from this one value, and nothing else is kept. Plain data, never changed in place.

import type {CertRow, HistoryRow, InstanceRow, RouteRow, ServiceRow, Status} from '../admin/protocol.ts'
import type {Tone} from './look.ts'
import type {Order} from './orders.ts'

export const SCREEN_NAMES = ['routes', 'instances', 'certs', 'commits', 'traffic', 'log'] as const
export type ScreenName = (typeof SCREEN_NAMES)[number]

/** A route with what it does at the moment. */
export type LiveRoute = RouteRow & {
  /** Per second, between the last two readings. */
  readonly requestRate: number
  readonly errorRate: number
  /** Requests per second, newest last; only for the busiest. */
  readonly trend: readonly number[]
}

/** loading: not answered yet; absent: this daemon has no such list. */
export type Loaded<Row> = 'loading' | 'absent' | readonly Row[]

export type Lists = {
  readonly routes: Loaded<LiveRoute>
  readonly services: Loaded<ServiceRow>
  readonly instances: Loaded<InstanceRow>
  readonly certs: Loaded<CertRow>
  readonly history: Loaded<HistoryRow>
}

export type Connection =
  | {readonly kind: 'connecting'}
  | {readonly kind: 'live'}
  | {readonly kind: 'lost'; readonly reason: string; readonly sinceMs: number}

export type LogLine = {
  /** '1', '2', … */
  readonly id: string
  readonly atMs: number
  readonly kind: string
  readonly tone: Tone
  readonly text: string
}

/** Where somebody is in a table. */
export type View = {
  /** The row that is chosen; null: the first, whichever it is. */
  readonly selected: string | null
  /** Where it was last; a row that is gone leaves its place to the next. */
  readonly index: number
  /** The first row on the screen. */
  readonly top: number
  readonly sort: {readonly column: number; readonly isDescending: boolean} | null
  readonly filter: string
}

/** What the last line asks for. */
export type Prompt =
  | {readonly kind: 'filter'; readonly text: string; readonly before: string}
  | {readonly kind: 'command'; readonly text: string}
  | {
      readonly kind: 'lease'
      /** The weight that the instance is to have; null: it is to be drained. */
      readonly weight: number | null
      readonly step: 'for' | 'why'
      readonly id: string
      readonly for: string
      readonly text: string
    }
  | {readonly kind: 'sure'; readonly question: string; readonly order: Order | 'quit'}

export type Size = {readonly columns: number; readonly rows: number}

export type State = {
  readonly size: Size
  /** The time of the last thing that happened. */
  readonly nowMs: number
  readonly connection: Connection
  readonly status: Status | null
  /** When the daemon began, by our clock. */
  readonly startedMs: number
  readonly lists: Lists
  /** Of all answers, per second, newest last. */
  readonly rates: {readonly requests: readonly number[]; readonly errors: readonly number[]}
  /** When the routes were read last; null: rates start anew. */
  readonly countedMs: number | null
  readonly log: readonly LogLine[]
  /** How many lines there have ever been. */
  readonly logged: number
  /** Actions that this daemon does not have. */
  readonly missing: ReadonlySet<string>
  readonly screen: ScreenName
  readonly views: Readonly<Record<ScreenName, View>>
  readonly isDetailOpen: boolean
  /** The first line of the help that is shown; null: it is closed. */
  readonly helpTop: number | null
  readonly prompt: Prompt | null
  readonly notice: {readonly text: string; readonly tone: Tone; readonly untilMs: number} | null
  /** Leaving stops the daemon. */
  readonly isAttached: boolean
  /** Who sits there; a drain says who ordered it. */
  readonly operator: string
}

export function initialState(
  size: Size,
  nowMs: number,
  {isAttached = false, operator = ''}: {readonly isAttached?: boolean; readonly operator?: string} = {},
): State {
  const view: View = {selected: null, index: 0, top: 0, sort: null, filter: ''}
  return {
    size,
    nowMs,
    connection: {kind: 'connecting'},
    status: null,
    startedMs: nowMs,
    lists: {routes: 'loading', services: 'loading', instances: 'loading', certs: 'loading', history: 'loading'},
    rates: {requests: [], errors: []},
    countedMs: null,
    log: [],
    logged: 0,
    missing: new Set(),
    screen: 'routes',
    views: {routes: view, instances: view, certs: view, commits: view, traffic: view, log: view},
    isDetailOpen: false,
    helpTop: null,
    prompt: null,
    notice: null,
    isAttached,
    operator,
  }
}
