// instances weight: the instance gets another share of the requests, until somebody says otherwise or time is up.

import {createAdminClient} from '../admin/client.ts'
import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {formatDuration, parseDuration} from '../base/units.ts'
import {readSettings} from './offline.ts'
import type {Call} from './verb.ts'
import {whoOrders} from './who.ts'

/** Prints until when; exit code `unreachable` without a daemon. */
export async function instancesWeight(call: Call): Promise<ExitCode> {
  const {terminal} = call
  const [id = '', text = ''] = call.operands
  if (!/^\d{1,4}$/.test(text)) throw new AppError(`'${text}' is not a weight`, {hint: 'a whole number from 0 to 1000'})
  const duration = call.values('for').at(-1)
  if (duration !== undefined && parseDuration(duration) === null) {
    throw new AppError(`--for '${duration}' is not a duration`, {hint: 'such as 10m or 1h30m'})
  }
  const {admin} = await readSettings(call)
  const answer = await createAdminClient(admin.socket).weigh(id, {
    weight: Number(text),
    ...(duration === undefined ? {} : {for: duration}),
    why: call.values('why').at(-1) ?? '',
    who: whoOrders(terminal.env),
  })
  if (answer.usable === 0)
    terminal.err(`${answer.service} has no usable instance now; its requests are answered with 503`)
  const forMs = Date.parse(answer.until) - Date.parse(answer.since)
  terminal.out(
    call.format === 'json'
      ? JSON.stringify(answer, null, 2)
      : `${answer.id} weighs ${answer.weight} (was ${answer.configuredWeight}) for ${formatDuration(forMs)}, until ${answer.until}`,
  )
  return EXIT.ok
}
