// The data plane of the soak in a process of its own, so that its memory and descriptors are its own. Takes snapshots by
// IPC and says when they are served; ends with its parent.

import {createScope} from '../../../src/base/scope.ts'
import type {Snapshot} from '../../../src/snapshot/snapshot.ts'
import {proxyServing} from '../../helpers/proxy.ts'

process.once('message', async (first: Snapshot) => {
  const {port, plane} = await proxyServing(createScope(), first)
  process.send?.({port})
  process.on('message', async (next: Snapshot | 'stats') => {
    if (next === 'stats') {
      process.send?.({restarts: plane.workers().reduce((sum, worker) => sum + worker.restarts, 0)})
      return
    }
    await plane.apply(next)
    process.send?.({applied: next.revision})
  })
})
process.on('disconnect', () => process.exit())
