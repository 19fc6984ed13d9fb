// What operators ask and order, as one object: the parts of the daemon behind the verbs of the admin socket.

import type {EventBody, Operations, RouteRow, Status} from '../admin/protocol.ts'
import {destinationOf} from '../router/destination.ts'
import type {DataPlane, Listeners} from '../snapshot/data-plane.ts'
import type {Route} from '../snapshot/snapshot.ts'
import type {CertificateKeeping} from './certificates.ts'
import {configWithDefaults} from './compile/route-defaults.ts'
import {completeConfig} from './config/complete.ts'
import {addCondition, joinHealth} from './instance-conditions.ts'
import type {Instances} from './instances.ts'
import type {Reconciler} from './reconcile.ts'
import type {SettingsKeeping} from './settings-keeping.ts'
import type {Traffic} from './throughput.ts'

/** What the admin socket answers with, and `tell`: an event for whoever listens; null when it is the status that is another. */
export function createOperations(
  settings: SettingsKeeping,
  reconciler: Reconciler,
  instances: Instances,
  certificates: CertificateKeeping,
  plane: DataPlane,
  listeners: () => Listeners,
  uptimeMs: () => number,
  metrics: () => string | null,
  traffic: () => Traffic,
): Omit<Operations, 'explain'> & {tell(event: EventBody | null): void} {
  const subscribers = new Set<(event: EventBody) => void>()
  const status = (): Status => {
    const {sync, revision, ...view} = reconciler.view()
    const health = joinHealth(joinHealth(view.health, instances.health()), certificates.health())
    const others = [...settings.conditions(), ...view.conditions]
    const conditions = addCondition(addCondition(others, instances.drift()), certificates.condition())
    return {
      sync,
      health,
      revision,
      listeners: listeners(),
      workers: plane.workers(),
      uptimeMs: uptimeMs(),
      metrics: metrics(),
      conditions,
      ...traffic(),
    }
  }
  return {
    status,
    routes: () => (reconciler.view().snapshot?.routes ?? []).map(route => rowOf(route, plane)),
    services: instances.services,
    instances: instances.instances,
    drain: instances.drain,
    undrain: instances.undrain,
    weigh: instances.weigh,
    unweigh: instances.unweigh,
    certs: certificates,
    history: () => reconciler.operator.history(),
    async sync() {
      await settings.reread()
      const {sync, health, revision} = await reconciler.sync()
      return {sync, health: joinHealth(health, instances.health()), revision, settings: settings.conditions()}
    },
    suspend: reconciler.operator.suspend,
    resume: reconciler.operator.resume,
    confirm: reconciler.operator.confirm,
    rollback: reconciler.operator.rollback,
    config() {
      const {snapshot, config} = reconciler.view()
      const {document, defaults} = settings.now()
      return {
        revision: snapshot?.revision ?? null,
        settings: document,
        config: config && completeConfig(configWithDefaults(config, defaults)),
      }
    },
    subscribe(listener) {
      subscribers.add(listener)
      const leave = reconciler.subscribe(() => listener({type: 'status', status: status()}))
      return () => {
        subscribers.delete(listener)
        leave()
      }
    },
    // Without an event of its own it is the status that is another.
    tell(event) {
      if (subscribers.size === 0) return
      const told = event ?? {type: 'status', status: status()}
      for (const subscriber of subscribers) subscriber(told)
    },
  }
}

// ---

function rowOf({id, host, prefix, action, source: {file, line}}: Route, plane: DataPlane): RouteRow {
  const {requests, errors} = plane.routeStats(id)
  return {id, host, prefix, ...destinationOf(action), file, line, requests, errors}
}
