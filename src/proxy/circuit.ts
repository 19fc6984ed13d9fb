// The circuit of a pool on the way of a request: who may pass, and what the circuit is told of it.

import {countOutcome, enterCircuit, opensFor, settleProbe} from '../scoreboard/circuit.ts'
import type {PoolEntry} from './entries.ts'
import type {Exchange} from './exchange.ts'

/** May the request go on to an instance? If not, it knows why and for how long. */
export function mayPass(pool: PoolEntry, exchange: Exchange): boolean {
  const {circuit, states, at, own, ticks} = pool
  if (circuit === null || exchange.circuit === pool) return true
  const passage = enterCircuit(states, at, own, circuit, ticks.nowDs)
  if (passage === 'stays') {
    exchange.refusal = 'circuit-open'
    exchange.retryAfterS = Math.ceil(opensFor(states, at, circuit, ticks.nowDs) / 10)
    return false
  }
  exchange.circuit = pool
  exchange.isProbe = passage === 'probes'
  return true
}

/** Tells the circuit how the request has ended; null when that says nothing of the instances. */
export function settleCircuit(exchange: Exchange, isFailure: boolean | null): void {
  const pool = exchange.circuit
  if (pool === null || pool.circuit === null) return
  const {circuit, states, at, own, ticks} = pool
  exchange.circuit = null
  if (exchange.isProbe) settleProbe(states, at, own, isFailure, ticks.nowDs)
  else if (isFailure !== null) countOutcome(states, at, circuit, isFailure, ticks.nowDs)
}

/** A probe has its answer with the head of it, though the body may go on for hours. */
export function settleProbeByStatus(exchange: Exchange, status: number): void {
  settleCircuit(exchange, status >= 502 && status <= 504)
}
