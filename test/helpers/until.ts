// Waiting without sleeping: a condition is looked at until it holds, or the test fails and says what it waited for.

/** Far above what anything takes: who looks until it is so loses nothing by patience, also on a machine that is very busy. */
export const PATIENCE_MS = 20_000

/** Resolves with the first value of `look` that is neither false, null nor undefined; rejects after `limitMs`. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  limitMs = PATIENCE_MS,
): Promise<Exclude<T, false | null | undefined>> {
  const began = performance.now()
  for (;;) {
    const value = await look()
    if (isThere(value)) return value
    if (performance.now() - began > limitMs) throw new Error(`waited ${limitMs} ms for ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

// ---

function isThere<T>(value: T): value is Exclude<T, false | null | undefined> {
  return value !== false && value !== null && value !== undefined
}
