// The daemon put together: control plane, data plane and admin socket, opened in this order and closed in reverse.

import {randomBytes} from 'node:crypto'
import {chmod} from 'node:fs/promises'
import type {Server} from 'node:http'
import {createMonitorServer, type MonitorOptions, type MonitorServer} from './admin/http.ts'
import {listenAlone} from './admin/listen.ts'
import {renderMetrics} from './admin/metrics.ts'
import type {EventBody, Operations} from './admin/protocol.ts'
import {createAdminServer} from './admin/server.ts'
import {formatAddress} from './base/address.ts'
import {type Clock, systemClock} from './base/clock.ts'
import {AppError, messageOf} from './base/errors.ts'
import {createStateFolder} from './base/files.ts'
import type {Log} from './base/log.ts'
import {createScope} from './base/scope.ts'
import {readVersion} from './base/version.ts'
import {prepareAccessLog} from './control/access-log-file.ts'
import {schedulingOf} from './control/acme.ts'
import {createCertificateKeeping} from './control/certificates.ts'
import {withBuiltIn} from './control/compile/services.ts'
import type {Config} from './control/config/config.ts'
import {loadSettings, type Settings} from './control/config/settings.ts'
import {createSource} from './control/create-source.ts'
import {createHealth, type Health} from './control/health/health.ts'
import {createInstances} from './control/instances.ts'
import {createLiveExplainer} from './control/live-explanation.ts'
import {createMetricsSource} from './control/metrics-source.ts'
import {createOperations} from './control/operations.ts'
import {createReconciler} from './control/reconcile.ts'
import {BUILT_IN_SLUGS, createRegistryServer} from './control/registry/api.ts'
import {createResolver} from './control/registry/resolve.ts'
import {instanceRows} from './control/registry/rows.ts'
import {builtInSocket, openRegistry} from './control/registry.ts'
import {createReloads} from './control/reloads.ts'
import {createSettingsChange} from './control/settings-change.ts'
import {createSettingsKeeping, type SettingsKeeping} from './control/settings-keeping.ts'
import {createSwitchableSource} from './control/switchable-source.ts'
import {createThroughput} from './control/throughput.ts'
import {createTracing} from './control/tracing/tracing.ts'
import {countersOf} from './control/traffic.ts'
import {createWebhookKeeping} from './control/webhook.ts'
import type {Edge} from './proxy/edge.ts'
import {createDataPlane} from './proxy/plane.ts'
import type {Listeners} from './snapshot/data-plane.ts'

export type Daemon = {
  readonly listeners: Listeners
  /** What the admin socket answers with; for whoever runs the daemon in its own process. */
  readonly operations: Operations
  /** What active health knows, by the key of a check. */
  readonly health: Pick<Health, 'stateOf'>
  /**
   * Drains and closes everything; a second call waits for the first. false: a worker could not be ended, and the process
   * will not end by itself.
   */
  stop(): Promise<boolean>
}

export type DaemonOptions = {
  readonly log: Log
  /** Gets the ready line. */
  readonly stdout: (line: string) => void
  /** Reads the settings again; left out: from the same file. */
  readonly readSettings?: () => ReturnType<typeof loadSettings>
  /** Is told of other settings for the log. */
  readonly adjustLog?: (log: Settings['log']) => void
  readonly clock?: Clock
  /** Resolves names in place of the system; for tests. */
  readonly resolve?: (host: string) => Promise<readonly string[]>
  /** DNS servers that `discover` asks in place of the system's; for tests. */
  readonly servers?: readonly string[]
}

/** A WebSocket whose route has changed may go on for this long. */
const TUNNEL_DRAIN_MS = 30_000
const NO_LISTENERS: Listeners = {http: [], https: [], service: []}

/**
 * Starts serving and resolves when it does. Throws AppError when it cannot: another daemon on the same socket, a state
 * folder that cannot be written, a port in use, or no configuration that could be served.
 */
export async function runDaemon(settings: Settings, options: DaemonOptions): Promise<Daemon> {
  const {log, stdout, clock = systemClock} = options
  const scope = createScope()
  const startedMs = clock.now()
  let listeners = NO_LISTENERS
  let tell: (event: EventBody | null) => void = () => {}
  let renew = (_instance: string) => {}
  let monitor: MonitorServer | null = null
  let isServing = false
  let hasEnded = true
  // Another one for every daemon: a request that meets its own name in Via goes in a circle, one that meets a second
  // routesd does not.
  const pseudonym = `routesd-${randomBytes(4).toString('hex')}`
  let keeping: SettingsKeeping | null = null
  const settingsNow = () => keeping?.now() ?? settings

  try {
    await openState(settings.state)
    const {access} = settings.log
    if (access?.path) await prepareAccessLog(access.path)
    // Whoever reads our stdout may go away; that is no reason to serve nobody.
    process.stdout.on('error', ignoreError)
    scope.defer(() => process.stdout.off('error', ignoreError))
    const tracing = createTracing({clock, log, version: readVersion()})
    scope.defer(() => tracing.close())
    tracing.use(settings.tracing)
    const plane = createDataPlane({
      workers: settings.workers,
      http: settings.listen.http,
      https: settings.listen.https,
      service: settings.listen.service,
      edge: edgeOf(settings, pseudonym),
      clock,
      log,
      onWorkers: () => tell(null),
      access,
      onLines: (lines, taken) => void process.stdout.write(lines, () => taken()),
      onSpans: tracing.take,
    })
    plane.setSampling(settings.tracing?.sample ?? null)
    const resolver = createResolver({
      clock,
      denyTargets: settings.permit.denyTargets,
      onChange: (host, addresses, reason) => {
        if (reason !== '') log.warn('a name of an instance', {host, why: reason, addresses: addresses.length})
        plane.setAddresses(host, addresses, reason)
      },
      ...(options.resolve ? {lookup: options.resolve} : {}),
    })
    scope.defer(() => resolver.close())
    const health = createHealth({
      clock,
      log,
      addressesOf: resolver.addressesOf,
      setVerdict: plane.setVerdict,
      userAgent: `routesd/${readVersion()}`,
      onWell: instance => renew(instance),
    })
    scope.defer(() => health.close())
    const socket = builtInSocket(settings)
    const instances = createInstances({
      state: settings.state,
      clock,
      log,
      // Nobody steers the built-in services, so nobody but the workers sees them.
      plane: {...plane, apply: next => plane.apply(socket === null ? next : withBuiltIn(next, BUILT_IN_SLUGS, socket))},
      verdictOf: health.stateOf,
      onChange: event => tell(event),
    })
    scope.own(instances, owned => owned.close())
    await instances.load()
    const reloads = createReloads(clock)
    const listening = Promise.withResolvers<void>()
    const certificates = createCertificateKeeping({
      settings: settingsNow,
      clock,
      log,
      plane,
      scheduler: schedulingOf({settings, clock, log, setChallenges: plane.setChallenges, listening: listening.promise}),
      onChange: () => tell(null),
    })
    scope.own(certificates, owned => owned.close())
    const registry = await openRegistry(settings, {...options, clock, log, plane: instances, resolver, health})
    scope.defer(() => registry.close())
    const {joining, leases} = registry
    renew = leases.renew
    const openSource = (of: Settings) => createSource(of, {clock, log, onFetch: reloads.countFetch})
    const source = createSwitchableSource(await openSource(settings))
    const reconciler = createReconciler({
      ...{source, clock, log, health, joining, certificates},
      ...{state: settings.state, settings: settingsNow, plane: instances, resolver: joining},
      counters: countersOf(plane),
      onJudged: reloads.count,
    })
    const throughput = createThroughput({clock, plane, onLook: look => tell({type: 'traffic', ...look})})
    scope.defer(() => throughput.close())
    const webhooks = createWebhookKeeping({clock, log, onNews: () => reconciler.tick('webhook')})
    const reread = createSettingsKeeping({
      first: settings,
      read: options.readSettings ?? (() => loadSettings({file: settings.file, cwd: process.cwd()})),
      prepare: createSettingsChange({
        ...{registry, webhooks, resolver, certificates, reconciler, openSource},
        schedulingOf: of =>
          schedulingOf({settings: of, clock, log, setChallenges: plane.setChallenges, listening: listening.promise}),
        setEdge: of => plane.setEdge(edgeOf(of, pseudonym)),
        setAccess: plane.setAccess,
        setTracing(of) {
          tracing.use(of)
          plane.setSampling(of?.sample ?? null)
        },
        adjustLog: options.adjustLog ?? (() => {}),
      }),
      onRefused: () => reloads.count('refused', 'SettingsRefused'),
      clock,
      log,
    })
    keeping = reread
    const operations = {
      ...createOperations(
        reread,
        reconciler,
        instances,
        certificates,
        plane,
        () => listeners,
        () => clock.now() - startedMs,
        () => monitor && formatAddress(monitor.address),
        throughput.recent,
      ),
      explain: createLiveExplainer({snapshot: joining.snapshot, instances, plane, source}),
    }
    tell = operations.tell
    const onHangUp = async () => {
      await reread.reread()
      tell(null)
      reconciler.tick('signal')
    }
    // Whoever has changed the settings cannot know whether we are there already.
    process.on('SIGHUP', onHangUp)
    scope.defer(() => process.off('SIGHUP', onHangUp))
    scope.own(await createAdminServer({socket: settings.admin.socket, operations, log}), server => server.close())
    const metrics = scope.own(
      createMetricsSource({
        status: operations.status,
        snapshot: () => reconciler.view().snapshot,
        plane,
        instances,
        reloads,
        certificates: certificates.rows,
        spans: tracing.counts,
        version: readVersion(),
      }),
      source => source.close(),
    )
    monitor = await openMonitor(settings.admin, {
      metrics: () => renderMetrics(metrics),
      whyNotReady: () => (isServing ? null : 'starting, or about to end'),
      log,
    })
    scope.defer(() => monitor?.close())

    if (socket !== null) {
      const server = createRegistryServer({
        ...registry,
        log,
        routes: () => operations.routes().map(row => ({...row, target: row.destination})),
        certs: certificates.rows,
        settled: joining.settled,
        service: slug => declaredAs(reconciler.view().config, slug),
        instances: () =>
          instanceRows(reconciler.view().snapshot, joining.snapshot(), {
            ...registry,
            memberState: plane.memberState,
            addressesOf: host => resolver.addressesOf(host).addresses,
          }),
      })
      await listenAlone(server, socket, log)
      scope.defer(() => closeServer(server))
    }

    await plane.start()
    scope.defer(async () => {
      hasEnded = await plane.drain(settingsNow().edge.drainMs)
    })
    scope.defer(() => reconciler.close())
    await reconciler.start()
    listeners = await plane.listen()
    listening.resolve()
    scope.own(webhooks, owned => owned.close())
    await (await webhooks.prepare(settingsNow().git))()
    process.on('SIGUSR2', plane.reopenLogs)
    scope.defer(() => process.off('SIGUSR2', plane.reopenLogs))
    isServing = true

    stdout(readyLine(reconciler.view().revision.applied, listeners, settings))
    let stopping: Promise<boolean> | null = null
    return {
      listeners,
      operations,
      health,
      stop: () => {
        isServing = false
        stopping ??= scope.close().then(() => hasEnded)
        return stopping
      },
    }
  } catch (error) {
    await scope.close().catch(closing => log.error('closing after a failed start', {why: messageOf(closing)}))
    throw error
  }
}

// ---

async function openState(path: string): Promise<void> {
  try {
    await createStateFolder(path)
    await chmod(path, 0o700)
  } catch (error) {
    throw new AppError(`the state folder ${path} cannot be written: ${messageOf(error)}`, {
      hint: 'set `state` in routesd.yaml to a folder that this user may write',
      cause: error,
    })
  }
}

function declaredAs(config: Config | null, slug: string): {register: boolean; place: string} | null {
  const found = config?.services.find(({value}) => value.slug === slug)
  return found ? {register: found.value.register ?? false, place: `${found.file}:${found.line}`} : null
}

function closeServer(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

function edgeOf({edge, trustedProxies, proxyProtocol, tls}: Settings, pseudonym: string): Edge {
  const {drainMs: _, ...bounds} = edge
  return {
    ...bounds,
    ...{trustedProxies, proxyProtocol, pseudonym},
    minTlsVersion: tls.minVersion,
    tunnelDrainMs: TUNNEL_DRAIN_MS,
  }
}

// Two daemons on one machine would meet at the default, which nobody has asked for: then the second one does without.
async function openMonitor(
  {http, isHttpWritten}: Settings['admin'],
  options: Omit<MonitorOptions, 'address'>,
): Promise<MonitorServer | null> {
  if (http === null) return null
  try {
    const server = await createMonitorServer({address: http, ...options})
    options.log.info('metrics are served', {address: formatAddress(server.address)})
    return server
  } catch (error) {
    if (isHttpWritten) throw error
    options.log.warn('metrics are not served', {why: messageOf(error), hint: 'set admin.http'})
    return null
  }
}

function ignoreError(): void {}

function readyLine(revision: string | null, {http, https, service}: Listeners, settings: Settings): string {
  const where = (addresses: readonly string[]) => addresses.join(',') || 'off'
  return (
    `routesd ready revision=${revision ?? 'none'} http=${where(http)} https=${where(https)} ` +
    `service=${where(service)} admin=${settings.admin.socket}`
  )
}
