// instances undrain: the instance gets requests again.

import {createAdminClient} from '../admin/client.ts'
import {EXIT, type ExitCode} from '../base/errors.ts'
import {readSettings} from './offline.ts'
import type {Call} from './verb.ts'

/** Succeeds as well when the instance was not drained; exit code `unreachable` without a daemon. */
export async function instancesUndrain(call: Call): Promise<ExitCode> {
  const [id = ''] = call.operands
  const {admin} = await readSettings(call)
  const answer = await createAdminClient(admin.socket).undrain(id)
  const said = answer.lifted === null ? 'was not drained' : 'is no longer drained'
  call.terminal.out(call.format === 'json' ? JSON.stringify(answer, null, 2) : `${answer.id} ${said}`)
  return EXIT.ok
}
