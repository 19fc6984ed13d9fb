// tui: the daemon, live on a terminal. Without one, or with --once, the same tables are printed, once.

import {type AdminClient, createAdminClient} from '../admin/client.ts'
import {EXIT, type ExitCode} from '../base/errors.ts'
import {readSettings} from './offline.ts'
import {readOverview, renderOverview} from './overview.ts'
import {isTerminal} from './terminal.ts'
import type {Call} from './verb.ts'
import {whoOrders} from './who.ts'

/** Runs until somebody leaves. Printing once exits `unreachable` without a daemon; on a terminal it is waited for. */
export async function tui(call: Call): Promise<ExitCode> {
  const {terminal} = call
  const settings = await readSettings(call)
  const client = createAdminClient(settings.admin.socket)
  if (call.isOn('once') || call.format === 'json' || !isTerminal(terminal.env)) return printOnce(call, client)
  // React and chalk look at these when they are loaded.
  process.env['NODE_ENV'] = 'production'
  if (call.isOn('no-color') || terminal.env['NO_COLOR']) process.env['FORCE_COLOR'] = '0'
  const {startTui} = await import('../tui/start.ts')
  await startTui({
    client,
    isAscii: call.isOn('ascii') || isPoor(terminal.env),
    isAttached: call.isOn('attached'),
    operator: whoOrders(terminal.env),
  })
  return EXIT.ok
}

// ---

async function printOnce({format, terminal}: Call, client: AdminClient): Promise<ExitCode> {
  const overview = await readOverview(client)
  terminal.out(format === 'json' ? JSON.stringify(overview, null, 2) : renderOverview(overview))
  return EXIT.ok
}

// The Linux console has no such font. A locale that is not set says nothing about the terminal.
function isPoor(env: NodeJS.ProcessEnv): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || ''
  return env['TERM'] === 'linux' || locale === 'C' || locale === 'POSIX'
}
