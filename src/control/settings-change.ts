// What has to be told when other settings are in force, to whom, and in which order: first what may fail.

import {isDeepStrictEqual} from 'node:util'
import {prepareAccessLog} from './access-log-file.ts'
import type {CertificateKeeping} from './certificates.ts'
import type {CertificatesParts} from './certs/certificates.ts'
import type {Settings} from './config/settings.ts'
import type {Reconciler} from './reconcile.ts'
import type {Resolver} from './registry/resolve.ts'
import type {Registry} from './registry.ts'
import type {Source} from './source.ts'
import type {WebhookKeeping} from './webhook.ts'

export type SettingsChangeParts = {
  readonly registry: Pick<Registry, 'prepare'>
  readonly webhooks: WebhookKeeping
  readonly resolver: Pick<Resolver, 'setDenied'>
  readonly certificates: Pick<CertificateKeeping, 'setScheduler'>
  readonly reconciler: Pick<Reconciler, 'adopt'>
  readonly openSource: (settings: Settings) => Promise<Source>
  readonly schedulingOf: (settings: Settings) => CertificatesParts['scheduler']
  /** The bounds for clients, and where lines of the access log go; each resolves when every worker goes by them. */
  readonly setEdge: (settings: Settings) => Promise<void>
  readonly setAccess: (access: Settings['log']['access']) => Promise<void>
  readonly setTracing: (tracing: Settings['tracing']) => void
  readonly adjustLog: (log: Settings['log']) => void
}

/** Prepares `next` in place of `before`; throws AppError, and then nothing is different. What it returns does the rest. */
export type SettingsChange = (next: Settings, before: Settings) => Promise<() => Promise<void>>

export function createSettingsChange(parts: SettingsChangeParts): SettingsChange {
  return async (next, before) => {
    const isOther = (...of: ((settings: Settings) => unknown)[]) =>
      of.some(read => !isDeepStrictEqual(read(next), read(before)))
    const {access} = next.log
    const hasOtherAccess = isOther(({log}) => log.access)
    // Also when it is the same reference: what it leads to may be another secret.
    const putRegistry = await parts.registry.prepare(next)
    if (hasOtherAccess && access?.path) await prepareAccessLog(access.path)
    const source = isOther(sourceOf) ? await parts.openSource(next) : null
    // Last of what may fail: it listens from here on.
    const putWebhook = await parts.webhooks.prepare(next.git)
    return async () => {
      parts.adjustLog(next.log)
      putRegistry()
      await putWebhook()
      if (isOther(edgeOf)) await parts.setEdge(next)
      if (hasOtherAccess) await parts.setAccess(access)
      if (isOther(({document}) => document.tracing)) parts.setTracing(next.tracing)
      if (isOther(({permit}) => permit.denyTargets)) parts.resolver.setDenied(next.permit.denyTargets)
      if (isOther(({document}) => document.acme)) await parts.certificates.setScheduler(parts.schedulingOf(next))
      if (source !== null || isOther(rulesOf)) await parts.reconciler.adopt(source)
    }
  }
}

// ---

function edgeOf({edge, trustedProxies, proxyProtocol, tls}: Settings): unknown {
  return {edge, trustedProxies, proxyProtocol, minVersion: tls.minVersion}
}

/** By which files are judged, changes are on trial, and certificates are kept. */
function rulesOf({permit, forward, owners, defaults, git, tls}: Settings): unknown {
  return {permit, forward, owners, defaults, git, certificates: tls.certificates}
}

/** What a source is made of. */
function sourceOf({git}: Settings): unknown {
  const {soak: _, confirmWithinMs: __, allowEmpty: ___, webhook: ____, ...rest} = git
  return rest
}
