// What the answers to a check amount to. It takes `rise` good ones in a row to be up and `fall` bad ones to be down; a
// single one in between begins the count anew.

export type Verdict = {
  readonly state: 'unknown' | 'up' | 'down'
  /** When it came to this state. */
  readonly sinceMs: number
  /** Answers of one kind in a row, the last ones. */
  readonly passed: number
  readonly failed: number
  /** Why the last failure was one; '' before the first. */
  readonly why: string
}

export function unknownSince(sinceMs: number): Verdict {
  return {state: 'unknown', sinceMs, passed: 0, failed: 0, why: ''}
}

/** The verdict after one more answer; `failure` is '' when that was good. */
export function observe(
  before: Verdict,
  failure: string,
  {rise, fall}: {readonly rise: number; readonly fall: number},
  nowMs: number,
): Verdict {
  const isGood = failure === ''
  const passed = isGood ? before.passed + 1 : 0
  const failed = isGood ? 0 : before.failed + 1
  const state = passed >= rise ? 'up' : failed >= fall ? 'down' : before.state
  const sinceMs = state === before.state ? before.sinceMs : nowMs
  return {state, sinceMs, passed, failed, why: isGood ? before.why : failure}
}

/** The state in words: '3 checks failed: connection refused'; '' when there is nothing to say. */
export function reasonOf({state, passed, failed, why}: Verdict): string {
  if (failed > 0) return `${failed === 1 ? '1 check' : `${failed} checks`} failed: ${why}`
  if (state === 'down') return `${passed === 1 ? '1 check' : `${passed} checks`} passed, before that: ${why}`
  return state === 'unknown' ? 'not checked long enough' : ''
}
