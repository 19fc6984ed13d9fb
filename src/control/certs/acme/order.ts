// What greenlock must know of an order and has no option for. It is found by following the order through everything that is
// awaited, because several orders are under way at once and greenlock keeps its own state for all of them together.

import {AsyncLocalStorage} from 'node:async_hooks'
import type {Account, KeyPair} from './account.ts'
import type {Directory} from './directory.ts'
import type {ExternalAccount} from './jws.ts'
import type {Challenge, Prover} from './prover.ts'
import type {Session} from './session.ts'

export type Order = {
  readonly directory: Directory
  readonly session: Session
  readonly account: Account
  /** E-mail addresses; none is as good. */
  readonly contacts: readonly string[]
  readonly externalAccount: ExternalAccount | null
  /** Of the certificate: a new one each time. */
  readonly key: KeyPair
  readonly profile: string | null
  /** Identifier of the certificate that this one takes the place of (RFC 9773 §4.1). */
  readonly replaces: string | null
  readonly prover: Prover
  readonly pace: Pace
  /** Something that was set for a challenge could not be removed. */
  readonly onLeftBehind: (name: string, error: unknown) => void
  /** Challenges that something was set for and is there still. */
  readonly presented: Set<Challenge>
  /** The certificate, when it is there. */
  pems: Pems | null
}

export type Pems = {readonly cert: string; readonly chain: string}

/** How often and how long something is asked for that the authority is not ready with. */
export type Pace = {readonly pollMs: number; readonly limitMs: number}

const orders = new AsyncLocalStorage<Order>()

export function withOrder<T>(order: Order, work: () => Promise<T>): Promise<T> {
  return orders.run(order, work)
}

/** The one that the caller works for. */
export function currentOrder(): Order {
  const order = orders.getStore()
  if (order === undefined) throw new Error('greenlock does something that no order needs')
  return order
}
