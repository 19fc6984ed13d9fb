// A source that another can take the place of: git.remote or git.every is another one, and the loop reads on.

import type {Source, Trigger} from './source.ts'

export type SwitchableSource = Source & {
  /** Reads from `next` from now on, the one before is stopped. Only while nobody reads. */
  become(next: Source): Promise<void>
}

export function createSwitchableSource(first: Source): SwitchableSource {
  let current = first
  let tick: ((trigger: Trigger) => void) | null = null
  let watch: {close(): Promise<void>} | null = null

  return {
    get label() {
      return current.label
    },
    get root() {
      return current.root
    },
    noticed: trigger => current.noticed(trigger),
    settled: starting => current.settled(starting),
    read: request => current.read(request),
    repositoryAt: commit => current.repositoryAt(commit),
    place: () => current.place(),
    async watch(listener) {
      tick = listener
      watch = await current.watch(listener)
      return {
        async close() {
          tick = null
          await watch?.close()
        },
      }
    },
    stop: () => current.stop(),
    async become(next) {
      const [before, watched] = [current, watch]
      current = next
      before.stop()
      await watched?.close()
      watch = tick && (await next.watch(tick))
    },
  }
}
