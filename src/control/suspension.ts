// Nothing is applied until somebody says otherwise, or a time has come.

import type {Clock} from '../base/clock.ts'
import type {Log} from '../base/log.ts'
import type {DecisionFile, Suspension} from './gitops/decisions.ts'

export type Suspensions = {
  /** The one that holds now. */
  current(): Suspension | null
  /** Holds when it resolves, in place of one before; throws what the file system throws. */
  begin(wish: SuspendWish): Promise<Suspension>
  /** The one that was lifted; throws what the file system throws. */
  lift(): Promise<Suspension | null>
  /** Waits for the end of what an earlier run has left. */
  resume(): void
  close(): void
}

/** `until` in RFC 3339; null: until somebody says otherwise. */
export type SuspendWish = {readonly until: string | null; readonly who: string; readonly why: string}

/** A timer of Node takes 2^31 ms at the most. */
const TIMER_MAX_MS = 86_400_000

/** `onEnd` is called when the time of one has come. */
export function createSuspensions(file: DecisionFile, clock: Clock, log: Log, onEnd: () => void): Suspensions {
  let cancel = () => {}

  function current(): Suspension | null {
    const {suspension} = file.now()
    if (suspension?.until && Date.parse(suspension.until) <= clock.now()) return null
    return suspension
  }

  // What has ended stays in the file until the next decision: whoever reads it looks at the time.
  function schedule(): void {
    cancel()
    const until = current()?.until
    if (!until) return
    const leftMs = Math.max(0, Date.parse(until) - clock.now())
    cancel = clock.after(Math.min(TIMER_MAX_MS, leftMs), () => {
      if (current() !== null) return schedule()
      log.info('a suspension has ended', {until})
      onEnd()
    })
  }

  return {
    current,
    async begin({until, who, why}) {
      const suspension = {since: new Date(clock.now()).toISOString(), until, who, why}
      await file.decide({suspension})
      schedule()
      log.info('nothing is applied from now on', {until, who, why})
      return suspension
    },
    async lift() {
      const suspension = current()
      if (file.now().suspension !== null) await file.decide({suspension: null})
      cancel()
      if (suspension !== null) log.info('the suspension is lifted', {since: suspension.since})
      return suspension
    },
    resume: schedule,
    close: () => cancel(),
  }
}

/** 'until 10:00 by ada: deploying by hand' */
export function describeSuspension({until, who, why}: Suspension): string {
  const by = who === '' ? '' : ` by ${who}`
  return `nothing is applied ${until === null ? 'until `routesd resume`' : `until ${until}`}${by}${why === '' ? '' : `: ${why}`}`
}
