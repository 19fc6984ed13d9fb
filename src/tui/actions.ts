// Everything that can happen: what the daemon says, what somebody presses, and time.

import type {CertRow, Event, HistoryRow, InstanceRow, RouteRow, ServiceRow} from '../admin/protocol.ts'
import type {Tone} from './look.ts'
import type {Order} from './orders.ts'
import type {Prompt, ScreenName, Size} from './state.ts'

/** A list as it was read. */
export type Fetched =
  | {readonly source: 'routes'; readonly rows: readonly RouteRow[]}
  | {readonly source: 'services'; readonly rows: readonly ServiceRow[]}
  | {readonly source: 'instances'; readonly rows: readonly InstanceRow[]}
  | {readonly source: 'certs'; readonly rows: readonly CertRow[]}
  | {readonly source: 'history'; readonly rows: readonly HistoryRow[]}
export type Source = Fetched['source']

export type Move = number | 'page-up' | 'page-down' | 'first' | 'last'

export type Action =
  | {readonly type: 'event'; readonly event: Event; readonly atMs: number}
  | {readonly type: 'lost'; readonly reason: string; readonly atMs: number}
  | {readonly type: 'fetched'; readonly fetched: Fetched; readonly atMs: number}
  | {readonly type: 'absent'; readonly source: Source; readonly atMs: number}
  | {readonly type: 'missing'; readonly actions: readonly string[]}
  | {readonly type: 'outcome'; readonly isOk: boolean; readonly text: string; readonly atMs: number}
  /** A second has gone by. */
  | {readonly type: 'tick'; readonly atMs: number}
  | {readonly type: 'resize'; readonly size: Size}
  | {readonly type: 'go'; readonly screen: ScreenName}
  | {readonly type: 'move'; readonly by: Move}
  | {readonly type: 'sort'; readonly step: 1 | -1}
  | {readonly type: 'reverse'}
  | {readonly type: 'filter'; readonly text: string}
  | {readonly type: 'detail'; readonly isOpen: boolean}
  | {readonly type: 'help'; readonly isOpen: boolean}
  | {readonly type: 'prompt'; readonly prompt: Prompt | null}
  | {readonly type: 'notice'; readonly tone: Tone; readonly text: string}
  /** Somebody is sure: the daemon is asked. */
  | {readonly type: 'order'; readonly order: Order}
  | {readonly type: 'quit'}
