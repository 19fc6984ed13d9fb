// suspend: nothing is applied until a time, or until `resume`.

import {createAdminClient} from '../admin/client.ts'
import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {parseDuration} from '../base/units.ts'
import {readSettings} from './offline.ts'
import type {Call} from './verb.ts'
import {whoOrders} from './who.ts'

/** Prints until when; exit code `unreachable` without a daemon. */
export async function suspend(call: Call): Promise<ExitCode> {
  const until = call.values('until').at(-1)
  const why = call.values('why').at(-1) ?? ''
  const body = {...(until === undefined ? {} : untilOf(until)), why, who: whoOrders(call.terminal.env)}
  const {admin} = await readSettings(call)
  const answer = await createAdminClient(admin.socket).suspend(body)
  const end = answer.until === null ? '`routesd resume`' : answer.until
  call.terminal.out(call.format === 'json' ? JSON.stringify(answer, null, 2) : `nothing is applied until ${end}`)
  return EXIT.ok
}

// ---

function untilOf(text: string): {for: string} | {until: string} {
  if (parseDuration(text) !== null) return {for: text}
  const ms = Date.parse(text)
  // A time without a zone is that of whoever types it.
  if (/^\d{4}-\d\d-\d\d[T ]/.test(text) && !Number.isNaN(ms)) return {until: new Date(ms).toISOString()}
  throw new AppError(`--until '${text}' is no time`, {hint: 'such as 2026-01-31T18:00 or 2h'})
}
