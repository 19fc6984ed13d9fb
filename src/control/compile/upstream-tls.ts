// upstreamTls of a route: references become PEM texts, the rest stays as written.

import type {UpstreamTls} from '../../snapshot/snapshot.ts'
import type {References} from '../config/references.ts'
import type {UpstreamTls as Written} from '../config/types.ts'

/** What differs from the usual check of an https instance; null when nothing does. */
export function compileUpstreamTls(
  written: Written | undefined,
  file: string,
  references: References,
): Partial<UpstreamTls> | null {
  if (!written || Object.keys(written).length === 0) return null
  const {serverName, insecure} = written
  return {
    ca: references.textOf(written.ca, file),
    cert: references.textOf(written.cert, file),
    key: references.textOf(written.key, file),
    ...(serverName === undefined ? {} : {serverName}),
    ...(insecure === undefined ? {} : {insecure}),
  }
}
