// Keys of session tickets, shared by all workers, so that a client resumes at whichever it meets. Node makes tickets with one
// key of 48 bytes; the one before it stays valid because a worker reads the name of a ticket's key in the client's first
// message and takes up such a session with the old key. So a ticket is good for at least one period after it was made, and no
// key exists for longer than two: what was recorded before cannot be read by whoever steals the keys (TLS 1.2; TLS 1.3
// exchanges fresh keys at each resumption).

import {randomBytes} from 'node:crypto'
import type {Clock} from '../base/clock.ts'
import type {TicketKeys} from './tls/certificates.ts'

const PERIOD_MS = 12 * 3_600_000

export type RotatingKeys = {
  current(): TicketKeys
  close(): void
}

/** `onRotate` gets the keys that hold from now on. */
export function createTicketKeys(clock: Clock, onRotate: (keys: TicketKeys) => void): RotatingKeys {
  let keys: TicketKeys = [randomBytes(48), randomBytes(48)]
  let cancel = clock.after(PERIOD_MS, rotate)

  function rotate(): void {
    keys = [randomBytes(48), keys[0]]
    cancel = clock.after(PERIOD_MS, rotate)
    onRotate(keys)
  }

  return {current: () => keys, close: () => cancel()}
}
