// The access log of a worker, put together: lines to a file of its own opening, or through the main thread to stdout.

import {type AccessLog, type AccessLogOptions, createAccessLog} from './access-log.ts'
import {createLineBuffer, fileTarget, remoteTarget} from './line-buffer.ts'

export type OpenAccessLog = {
  readonly log: AccessLog
  /** The main thread has written what it was given. */
  taken(): void
}

export function openAccessLog(
  {path, format}: AccessLogOptions,
  gauges: Float64Array,
  send: (lines: string) => void,
): OpenAccessLog {
  if (path !== null) return {log: createAccessLog(format, createLineBuffer(fileTarget(path), gauges)), taken() {}}
  const target = remoteTarget(send)
  return {log: createAccessLog(format, createLineBuffer(target, gauges)), taken: target.taken}
}
