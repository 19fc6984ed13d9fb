// Verbs that ask the daemon when there is one, and say what the files say when there is none.

import {type AdminClient, createAdminClient} from '../admin/client.ts'
import {AppError, EXIT} from '../base/errors.ts'
import type {Snapshot} from '../snapshot/snapshot.ts'
import {compileOffline, readSettings} from './offline.ts'
import type {Call} from './verb.ts'

/** The daemon's answer; with --offline, or when nobody answers (which is said on stderr), that of routes.d. */
export async function askDaemonOrFiles<Live, Declared>(
  call: Call,
  ask: (client: AdminClient) => Promise<Live>,
  read: (snapshot: Snapshot) => Declared,
): Promise<Live | Declared> {
  if (!call.isOn('offline')) {
    const {admin} = await readSettings(call)
    try {
      return await ask(createAdminClient(admin.socket))
    } catch (error) {
      if (!(error instanceof AppError) || error.exitCode !== EXIT.unreachable) throw error
      call.terminal.err(`${error.message}; this is what the files say`)
    }
  }
  return read((await compileOffline(call)).snapshot)
}
