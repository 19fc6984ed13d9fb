// A listener's address, before the workers share it: may it be opened, and by us alone?

import {createServer} from 'node:net'
import {formatAddress} from '../base/address.ts'
import {AppError, codeOf} from '../base/errors.ts'
import type {Listener} from './messages.ts'

/**
 * Throws AppError, with the setting to change, when anybody listens there. With SO_REUSEPORT a second daemon of the same user
 * would be let in and would take half of the connections without a word, so the port is opened once without it.
 */
export async function assertFree(listener: Listener): Promise<void> {
  const {address} = listener
  if (address.port === 0) return
  const probe = createServer()
  await new Promise<void>((resolve, reject) => {
    probe.once('error', error => reject(listenError(listener, codeOf(error))))
    probe.listen({host: address.host, port: address.port}, () => probe.close(() => resolve()))
  })
}

/** Why an address could not be opened, by the code of the system's error, and what to do. */
export function listenError({kind, address}: Listener, code: string): AppError {
  const where = formatAddress(address)
  const setting = `listen.${kind}`
  const told: Record<string, [string, string]> = {
    EADDRINUSE: [`${where} is in use`, `stop what listens there, or set ${setting} to another address`],
    EACCES: [`${where} may not be opened`, 'ports below 1024 need root or CAP_NET_BIND_SERVICE'],
    EADDRNOTAVAIL: [`${where} is not an address of this machine`, `set ${setting} to one that is`],
  }
  const [message, hint] = told[code] ?? [`${where} cannot be opened (${code})`, `check ${setting}`]
  return new AppError(message, {hint})
}
