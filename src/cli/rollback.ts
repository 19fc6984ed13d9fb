// rollback: back to an earlier revision, and what came after it does not come back by itself.

import {createAdminClient} from '../admin/client.ts'
import {EXIT, type ExitCode} from '../base/errors.ts'
import {readSettings} from './offline.ts'
import type {Call} from './verb.ts'
import {whoOrders} from './who.ts'

/** Prints what is served then; fails when there is nothing to go back to; exit code `unreachable` without a daemon. */
export async function rollback(call: Call): Promise<ExitCode> {
  const [revision] = call.operands
  const {admin} = await readSettings(call)
  const answer = await createAdminClient(admin.socket, ANSWER_MS).rollback({
    ...(revision === undefined ? {} : {revision}),
    why: call.values('why').at(-1) ?? '',
    who: whoOrders(call.terminal.env),
  })
  const {from, to, quarantined} = answer
  const more = quarantined.length > NAMED_MAX ? ` and ${quarantined.length - NAMED_MAX} more` : ''
  const text = `serving ${to} instead of ${from}; in quarantine: ${quarantined.slice(0, NAMED_MAX).join(', ')}${more}`
  call.terminal.out(call.format === 'json' ? JSON.stringify(answer, null, 2) : text)
  return EXIT.ok
}

// ---

/** The answer comes when it is served. */
const ANSWER_MS = 60_000
const NAMED_MAX = 5
