// Who gives an order, for the lease that says so.

import {userInfo} from 'node:os'

/** Below sudo it is the person who counts. A process may have a user id that has no name. */
export function whoOrders(env: NodeJS.ProcessEnv): string {
  try {
    return env['SUDO_USER'] || userInfo().username
  } catch {
    return env['USER'] || `uid ${process.getuid?.()}`
  }
}
