// The reconciler with the source that a routesd.yaml asks for, and a data plane that only remembers what it was given.

import {type Clock, systemClock} from '../../src/base/clock.ts'
import type {Fields, Level, Log} from '../../src/base/log.ts'
import {loadSettings} from '../../src/control/config/settings.ts'
import {createSource} from '../../src/control/create-source.ts'
import {createReconciler, type Reconciler} from '../../src/control/reconcile.ts'
import {createSwitchableSource} from '../../src/control/switchable-source.ts'
import type {Snapshot} from '../../src/snapshot/snapshot.ts'
import type {Folder} from './folder.ts'

export type Serving = {
  readonly reconciler: Reconciler
  /** Every snapshot that was handed over. */
  readonly applied: readonly Snapshot[]
  readonly lines: readonly {level: Level; message: string; fields: Fields}[]
  /** What is served and what is known about it, in a few words. */
  now(): {applied: string | null; routes: string[]; sync: string; failed: string | null}
  condition(type: string): {reason: string; message: string} | null
  /** Asks for a run, as `sync` does, and waits for it. */
  sync(): Promise<void>
}

/** Starts on `folder`, with these lines as routesd.yaml; ends with the folder's scope. */
export async function serving(folder: Folder, yaml: string, clock: Clock = systemClock): Promise<Serving> {
  await folder.write({'routesd.yaml': yaml})
  const {settings, diagnostics} = await loadSettings({file: folder.at('routesd.yaml'), cwd: folder.path})
  if (settings === null) throw new Error(JSON.stringify(diagnostics))
  const applied: Snapshot[] = []
  const lines: {level: Level; message: string; fields: Fields}[] = []
  const note =
    (level: Level) =>
    (message: string, fields: Fields = {}) =>
      void lines.push({level, message, fields})
  const log: Log = {debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error')}
  const reconciler = createReconciler({
    state: settings.state,
    settings: () => settings,
    source: createSwitchableSource(await createSource(settings, {clock, log, rescanMs: 200})),
    clock,
    log,
    plane: {apply: async snapshot => void applied.push(snapshot)},
    resolver: {watch: async () => {}},
    health: {prepare: () => {}, watch: () => {}},
  })
  folder.scope.defer(() => reconciler.close())
  await reconciler.start()
  return {
    reconciler,
    applied,
    lines,
    now() {
      const {revision, sync, snapshot} = reconciler.view()
      const routes = (snapshot?.routes ?? []).map(({id}) => id)
      return {applied: revision.applied, routes, sync: `${sync.state} ${sync.reason}`, failed: revision.failed}
    },
    condition: type => reconciler.view().conditions.find(one => one.type === type) ?? null,
    async sync() {
      reconciler.tick('admin')
      await reconciler.idle()
    },
  }
}

export function route(name: string): string {
  return `- id: "${name}.localhost"\n  target: "http://localhost:1"\n`
}
