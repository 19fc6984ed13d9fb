// Commits of the repository that routes.d lies in, or that it is: a work tree, an added work tree, or a bare repository.

import {join} from 'node:path'
import type {Clock} from '../base/clock.ts'
import type {Log} from '../base/log.ts'
import type {Holding} from './conditions.ts'
import {createDrift} from './drift.ts'
import {fingerprintHead} from './gitops/fingerprint.ts'
import {operationUnderWay} from './gitops/git-dir.ts'
import {findPlace, servedRef} from './gitops/place.ts'
import {createSettler} from './gitops/settle.ts'
import {createWatch} from './gitops/watch.ts'
import type {Origin} from './origin.ts'

export type LocalParts = {
  /** The folder of the routes, which may be gone, or a bare repository; and how a person names it. */
  readonly root: string
  readonly label: string
  /** Folder of the routes in a bare repository. */
  readonly path: string
  readonly clock: Clock
  readonly log: Log
  readonly rescanMs?: number
}

/** Looks once whether `root` is a bare repository; it must not become one later. */
export async function createLocalOrigin(parts: LocalParts): Promise<Origin> {
  const {root, path, clock, log, rescanMs} = parts
  const settler = createSettler(clock, async () => null)
  let place = await findPlace(root, path)
  const bare = place?.bare === true
  const label = bare ? path : parts.label
  const drift = createDrift(root, label)
  let seen: Holding | null = null

  return {
    label,
    // Links on the way are resolved, as git does, so that paths can be compared.
    root: place === null ? root : join(place.top, place.path),
    top: () => place?.top ?? root,
    noticed(trigger) {
      if (trigger === 'watch' || trigger === 'rescan') settler.touch()
      // The watcher says which files; nobody else does.
      if (trigger !== 'watch') drift.doubt()
    },
    settled: () => settler.settled(),
    refresh: async () => null,
    async locate() {
      place = (await findPlace(root, path)) ?? null
      if (place === null) {
        const message = `${parts.label} is in no git repository, and git.serve: commit serves commits`
        return {problem: {reason: 'NoRepository', message}}
      }
      const {top, path: folder, gitDir} = place
      return {top, path: folder, ref: await servedRef(gitDir), name: parts.label}
    },
    repair: async () => false,
    problem: () => null,
    async drift(tree, revision) {
      if (place === null || place.bare) return null
      // Half of a checkout is no drift.
      if ((await operationUnderWay({own: place.gitDir})) !== null) return seen
      seen = await drift.look(tree, revision)
      return seen
    },
    async watch(tick) {
      const common = {root, clock, log, tick, hint: drift.hint, ...(rescanMs === undefined ? {} : {rescanMs})}
      const instead = {
        look: () => fingerprintHead({own: root, common: root}),
        beside: async () => ['HEAD', 'packed-refs', 'refs/heads'].map(name => join(root, name)),
      }
      return createWatch(bare ? {...common, instead} : common)
    },
    stop: () => settler.stop(),
  }
}
