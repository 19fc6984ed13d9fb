// Where the routes stand for a verb that asks no daemon: a folder on disk, or, where there is none because the daemon serves
// a remote or a bare repository, the repository that it reads, with whatever was fetched last.

import {stat} from 'node:fs/promises'
import {join} from 'node:path'
import {AppError} from '../base/errors.ts'
import {withoutCredentials} from '../base/git-remote.ts'
import type {Settings} from '../control/config/settings.ts'
import {findMirror} from '../control/gitops/mirror.ts'
import {findPlace, pathInTree} from '../control/gitops/place.ts'

export type RoutesPlace = {
  /** Absolute; where nothing is checked out, where the folder would be. */
  readonly root: string
  /** As the user would name it. */
  readonly label: string
  /** What is read unless a commit is named; null: the files as they lie on disk. */
  readonly tip: {readonly ref: string; readonly name: string} | null
}

/** Throws an AppError that says what to do when there is a remote and nothing of it here. */
export async function findRoutes({routes, routesLabel, git, state}: Settings): Promise<RoutesPlace> {
  const onDisk = {root: routes, label: routesLabel, tip: null}
  if (git.serve !== 'commit') return onDisk
  if (git.remote === null) {
    const place = await findPlace(routes, git.path)
    if (place === null || !place.bare) return onDisk
    return {root: join(routes, place.path), label: git.path, tip: {ref: 'HEAD', name: routesLabel}}
  }
  // A checkout of the repository, with the settings of the edge in it: what a pull request is checked in.
  if (await isFolder(routes)) return onDisk
  const name = `${withoutCredentials(git.remote.url)} ${git.branch}`
  const mirror = await findMirror({state, remote: git.remote, branch: git.branch})
  if ('problem' in mirror)
    throw new AppError(`there is no ${routesLabel} here, and no copy of ${name} in ${state}: ${mirror.problem}`, {
      hint: '`routesd run` fetches it; or run this in a checkout of that repository',
    })
  return {
    root: join(mirror.path, pathInTree(git.path)),
    label: git.path,
    tip: {ref: mirror.ref, name: `${name} as fetched last`},
  }
}

// ---

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isDirectory(),
    () => false,
  )
}
