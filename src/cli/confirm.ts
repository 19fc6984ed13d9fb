// confirm: the change that is on trial stays.

import {createAdminClient} from '../admin/client.ts'
import {EXIT, type ExitCode} from '../base/errors.ts'
import {readSettings} from './offline.ts'
import type {Call} from './verb.ts'

/** Prints what stays; fails when nothing is on trial; exit code `unreachable` without a daemon. */
export async function confirm(call: Call): Promise<ExitCode> {
  const {admin} = await readSettings(call)
  const answer = await createAdminClient(admin.socket).confirm()
  call.terminal.out(call.format === 'json' ? JSON.stringify(answer, null, 2) : `${answer.revision} stays`)
  return EXIT.ok
}
