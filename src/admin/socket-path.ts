// The kernel keeps the path of a unix socket in a fixed array (sun_path); a longer one would be cut silently.

import {AppError} from '../base/errors.ts'

const PATH_BYTES = process.platform === 'darwin' ? 103 : 107

/** Throws when the path does not fit, before anything is created or dialled. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path)
  if (bytes <= PATH_BYTES) return
  throw new AppError(`the admin socket path is ${bytes} bytes long and the system takes ${PATH_BYTES}: ${path}`, {
    hint: 'set admin.socket in routesd.yaml to a shorter path, e.g. /run/routesd/admin.sock',
  })
}
