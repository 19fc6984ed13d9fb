// What a person may decide about revisions. Each waits for a reload that is under way, and is on the disk before it holds.

import type {ConfirmAnswer, Outcome, ResumeAnswer, RollbackAnswer} from '../admin/protocol.ts'
import type {Clock} from '../base/clock.ts'
import type {Log} from '../base/log.ts'
import type {DecisionFile, Suspension} from './gitops/decisions.ts'
import type {HistoryEntry} from './gitops/history.ts'
import {findTarget, leftBehind, type RollbackParts, RollbackRefused} from './rollback.ts'
import type {SuspendWish, Suspensions} from './suspension.ts'
import {type Loop, servedNow, type TakingBack} from './taking-back.ts'
import type {Trials} from './trial.ts'

/** What an operator may ask for. Each waits for a reload that is under way. */
export type Operator = {
  /** Newest first. */
  history(): readonly HistoryEntry[]
  suspend(wish: SuspendWish): Promise<Outcome<Suspension>>
  resume(): Promise<Outcome<ResumeAnswer>>
  confirm(): Promise<Outcome<ConfirmAnswer>>
  rollback(wish: {revision: string | null; who: string; why: string}): Promise<Outcome<RollbackAnswer>>
}

export type OperatorParts = {
  readonly state: string
  readonly file: DecisionFile
  readonly history: Operator['history']
  readonly suspensions: Suspensions
  readonly trials: Pick<Trials, 'settle'>
  readonly takingBack: TakingBack
  readonly rollbackParts: RollbackParts
  readonly clock: Clock
  readonly log: Log
  readonly loop: Loop
}

export function createOperator(parts: OperatorParts): Operator {
  const {state, file, history, suspensions, trials, takingBack, rollbackParts, clock, log, loop} = parts

  async function durable<T>(work: () => Promise<T>): Promise<Outcome<T>> {
    try {
      return {answer: await work()}
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error)) throw error
      return {refused: {status: 507, code: 'state-unwritable', message: `${state} cannot be written: ${error.message}`}}
    }
  }

  return {
    history,
    suspend: wish =>
      loop.inTurn(async () => {
        if (wish.until !== null && Date.parse(wish.until) <= clock.now())
          return refuse('in-the-past', `${wish.until} is over already`)
        return durable(() => suspensions.begin(wish))
      }),
    resume: () =>
      loop.inTurn(() =>
        durable(async () => {
          const suspension = await suspensions.lift()
          const held = file.now().quarantine.map(({revision}) => revision)
          // One thing at a time: who lifts a suspension need not know that something was taken back.
          const lifted = suspension === null ? held : []
          if (lifted.length > 0) {
            await file.decide({quarantine: []})
            log.info('the quarantine is lifted', {revisions: lifted})
          }
          await loop.readAgain()
          return {suspension, quarantine: lifted, left: suspension === null ? [] : held}
        }),
      ),
    confirm: () =>
      loop.inTurn(async () => {
        const {trial} = file.now()
        if (trial === null) return refuse('nothing-on-trial', 'no change is on trial')
        return durable(async () => {
          await trials.settle()
          log.info('confirmed', {revision: trial.revision})
          return {revision: trial.revision}
        })
      }),
    rollback: ({revision: wanted, who, why}) =>
      loop.inTurn(async () => {
        const live = servedNow(loop)
        if (live === null) return refuse('nothing-served', 'nothing is served')
        try {
          const target = await findTarget(rollbackParts, live, wanted, file.now())
          const left = await leftBehind(rollbackParts, live, target)
          const by = who === '' ? 'rolled back' : `rolled back by ${who}`
          const message = why === '' ? by : `${by}: ${why}`
          const what = {...left, revision: live.revision, to: target.revision, reason: 'RolledBack' as const, message}
          return await durable(async () => {
            await takingBack.takeBack(target, what, 'admin', true)
            const quarantined = left.commits.length > 0 ? left.commits.map(sha => sha.slice(0, 7)) : [live.revision]
            return {from: live.revision, to: target.revision, quarantined}
          })
        } catch (error) {
          if (error instanceof RollbackRefused) return refuse('no-rollback', error.message)
          throw error
        }
      }),
  }
}

// ---

function refuse(code: string, message: string): {refused: {status: number; code: string; message: string}} {
  return {refused: {status: 409, code, message}}
}
