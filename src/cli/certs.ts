// What the verbs on certificates have in common: they ask the daemon, and where there is none they do themselves, with the
// daemon's own functions, what it would have done. Then they need the key of the vault.

import {type AdminClient, createAdminClient} from '../admin/client.ts'
import {systemClock} from '../base/clock.ts'
import {AppError, EXIT} from '../base/errors.ts'
import {silentLog} from '../base/log.ts'
import {type Certificates, createCertificates} from '../control/certs/certificates.ts'
import {type StateVault, stateVault} from '../control/certs/state-vault.ts'
import {certificateFiles, vaultKey} from '../control/config/certificate-files.ts'
import type {Config} from '../control/config/config.ts'
import {loadConfig} from '../control/config/load.ts'
import {readRoutes, readSettings} from './offline.ts'
import type {Call} from './verb.ts'

/** Certificates without a daemon; nothing is served, so none is made. */
export type OfflineCertificates = Certificates & {readonly vault: StateVault}

/** The answer of the daemon, or what `offline` makes of the files when there is none. */
export async function askDaemonOrVault<T>(
  call: Call,
  ask: (client: AdminClient) => Promise<T>,
  offline: (certificates: OfflineCertificates) => Promise<T>,
): Promise<T> {
  const settings = await readSettings(call)
  if (!call.isOn('offline')) {
    try {
      return await ask(createAdminClient(settings.admin.socket))
    } catch (error) {
      if (!(error instanceof AppError) || error.exitCode !== EXIT.unreachable) throw error
      call.terminal.err(`${error.message}; this is what the vault and the files say`)
    }
  }
  const {files, label} = await readRoutes(call).catch((error: unknown) => {
    // What the vault has is no less there for it.
    if (!(error instanceof AppError)) throw error
    call.terminal.err(error.message)
    return {files: [], label: settings.routesLabel}
  })
  // What is not valid is not served; `check` says so.
  const config: Config | null = loadConfig(files, {label, denyTargets: settings.permit.denyTargets}).config
  const vault = stateVault({state: settings.state, readKey: vaultKey(settings), env: call.terminal.env})
  const certificates = createCertificates({
    clock: systemClock,
    log: silentLog,
    plane: {setCertificates: async () => {}, setPendingNames: () => {}},
    openVault: vault.open,
    isVaultInUse: vault.isInUse,
    scheduler: 'nothing is ordered without a daemon',
    onChange: () => {},
  })
  try {
    // A vault that cannot be opened is no empty one.
    if (await vault.isInUse()) await certificates.withVault(async () => {})
    await certificates.watch({hosts: [], own: certificateFiles(settings, config)})
    return await offline({...certificates, vault})
  } finally {
    certificates.close()
  }
}
