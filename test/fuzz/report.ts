// What a fuzzer tells: how much it tried, what it found, each finding once and as small as it gets.

export type Finding = {
  /** One phrase; inputs that fail in the same way share it. */
  readonly what: string
  readonly input: string
  readonly expected: string
  readonly got: string
}

export type Report = {
  readonly name: string
  readonly inputs: number
  readonly ms: number
  readonly findings: readonly Finding[]
  /** Lines for people: tables, counts. */
  readonly notes: readonly string[]
}

/** How long a fuzzer runs and from which seed. */
export type Budget = {readonly seconds: number; readonly seed: number}

/** Different findings of one run; beyond this the run ends, there is enough to look at. */
const FINDINGS_MAX = 20
/** Tries to make one input smaller. */
const SHRINK_TRIES_MAX = 20_000

export type Findings = {
  /** Keeps a finding of a kind not seen yet, shrunk by `check` when there is one. */
  add(finding: Finding, check?: (input: string) => Finding | null): void
  isFull(): boolean
  list(): readonly Finding[]
}

export function createFindings(): Findings {
  const found = new Map<string, Finding>()
  return {
    add(finding, check) {
      if (found.has(finding.what)) return
      found.set(finding.what, check ? shrink(finding, check) : finding)
    },
    isFull: () => found.size >= FINDINGS_MAX,
    list: () => [...found.values()],
  }
}

/** What `work` returns, or the finding that it throws: in a worker that is the end of the worker. */
export function guarded<T>(input: string, work: () => T): T | Finding {
  try {
    return work()
  } catch (error) {
    const got = error instanceof Error ? `${error.message} ${error.stack?.split('\n')[2]?.trim() ?? ''}` : String(error)
    return {what: `throws ${got}`, input, expected: 'an answer', got}
  }
}

/** Calls `once` until the time is over or enough was found; returns how often it ran. Looks at the clock now and then. */
export function repeat(seconds: number, findings: Findings, once: () => void): {inputs: number; ms: number} {
  const began = performance.now()
  const endsMs = began + seconds * 1000
  let inputs = 0
  while (!findings.isFull()) {
    if (inputs % 64 === 0 && performance.now() > endsMs) break
    once()
    inputs++
  }
  return {inputs, ms: performance.now() - began}
}

/** Counts by name, as lines, most frequent first. */
export function tableOf(title: string, counts: ReadonlyMap<string, number>): string[] {
  if (counts.size === 0) return []
  const rows = [...counts].sort((a, b) => b[1] - a[1])
  return [title, ...rows.map(([name, count]) => `  ${String(count).padStart(9)}  ${name}`)]
}

export function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

// ---

// Takes pieces away, large ones first, again and again, as long as what is left fails in the same way.
function shrink(finding: Finding, check: (input: string) => Finding | null): Finding {
  let best = finding
  let tries = 0
  for (let before = -1; before !== best.input.length; ) {
    before = best.input.length
    for (let size = before >> 1; size >= 1; size >>= 1) {
      for (let at = 0; at < best.input.length; ) {
        if (++tries > SHRINK_TRIES_MAX) return best
        const smaller = check(best.input.slice(0, at) + best.input.slice(at + size))
        if (smaller?.what === finding.what) best = smaller
        else at += size
      }
    }
  }
  return best
}
