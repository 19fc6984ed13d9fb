// instances unweight: the instance has the weight again that is written.

import {createAdminClient} from '../admin/client.ts'
import {EXIT, type ExitCode} from '../base/errors.ts'
import {readSettings} from './offline.ts'
import type {Call} from './verb.ts'

/** Succeeds as well when nobody had changed it; exit code `unreachable` without a daemon. */
export async function instancesUnweight(call: Call): Promise<ExitCode> {
  const [id = ''] = call.operands
  const {admin} = await readSettings(call)
  const answer = await createAdminClient(admin.socket).unweigh(id)
  const said = answer.lifted === null ? 'had no other weight' : 'has the weight again that is written'
  call.terminal.out(call.format === 'json' ? JSON.stringify(answer, null, 2) : `${answer.id} ${said}`)
  return EXIT.ok
}
