// What is told of certificates: everything but their keys.

import type {CertRow, CertState} from '../../admin/protocol.ts'
import type {Facts} from './inspect.ts'
import type {OwnState} from './own-certificates.ts'
import type {Kept, Unreadable} from './store.ts'

/** What its renewal comes to; `renewAt` null: somebody else sees to it. */
export type Renewal = {readonly renewAt: string | null; readonly error: string}

// Of a certificate that somebody else renews.
const EXPIRING_MS = 7 * 86_400_000

export function rowOfKept({record, facts}: Kept, {renewAt, error}: Renewal, nowMs: number): CertRow {
  const {id, names, createdAt, updatedAt, issuer} = record
  const state = stateOf(facts, issuer !== 'import', error, nowMs)
  return {id, ...written(facts), names, createdAt, updatedAt, renewAt, state, error}
}

export function rowOfOwn({id, source, held, problem}: OwnState, nowMs: number): CertRow {
  const error = problem === '' ? '' : `${source.place}: ${problem}`
  if (held === null) return rowWithout(id, source.host ?? '', 'failing', error)
  const {facts, names, createdAt, updatedAt} = held
  const state = stateOf(facts, false, error, nowMs)
  return {id, ...written(facts), names, createdAt, updatedAt, renewAt: null, state, error}
}

export function rowOfUnreadable({id, message}: Unreadable): CertRow {
  return rowWithout(id, id.replace(/^[a-z]+-/, '').replace('_', '*'), 'unreadable', message)
}

/** A name that should have a certificate and has none. */
export function rowWithout(id: string, name: string, state: CertState, error: string): CertRow {
  return {
    id,
    commonName: name,
    names: name === '' ? [] : [name],
    issuer: '',
    notBefore: null,
    notAfter: null,
    serial: null,
    createdAt: null,
    updatedAt: null,
    renewAt: null,
    state,
    error,
  }
}

// ---

function written({commonName, issuer, notBeforeMs, notAfterMs, serial}: Facts) {
  const [notBefore, notAfter] = [notBeforeMs, notAfterMs].map(ms => new Date(ms).toISOString())
  return {commonName, issuer, notBefore: notBefore ?? null, notAfter: notAfter ?? null, serial}
}

function stateOf({notAfterMs}: Facts, isOurs: boolean, error: string, nowMs: number): CertState {
  if (notAfterMs <= nowMs) return 'expired'
  if (error !== '') return 'failing'
  return !isOurs && notAfterMs - nowMs < EXPIRING_MS ? 'expiring' : 'valid'
}
