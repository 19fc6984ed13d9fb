// "Did you mean …": the nearest word that would have been right, or none rather than a wild guess.

const DISTANCE_MAX = 2

/** What people write who come from another proxy, and what it is called here. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  host: ['id', 'name'],
  hostname: ['name', 'id'],
  domain: ['id', 'name'],
  path: ['id'],
  match: ['id'],
  name: ['slug', 'id'],
  id: ['slug', 'name'],
  url: ['target'],
  upstream: ['target', 'service'],
  backend: ['target', 'service'],
  proxy: ['target'],
  destination: ['target'],
  servers: ['instances'],
  upstreams: ['instances', 'services'],
  endpoints: ['instances'],
  targets: ['instances'],
  backends: ['instances', 'services'],
  healthCheck: ['health'],
  port: ['listen'],
  ports: ['listen'],
  rateLimit: ['limits'],
  auth: ['access'],
  gzip: ['compress'],
  compression: ['compress'],
}

/** The word of `words` that was probably meant, or null. */
export function nearest(word: string, words: readonly string[]): string | null {
  let best: string | null = null
  let bestDistance = Math.min(DISTANCE_MAX, Math.floor(word.length / 2)) + 1
  for (const candidate of words) {
    const distance = word.toLowerCase() === candidate.toLowerCase() ? 0 : editDistance(word, candidate, bestDistance)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  if (best !== null) return best
  const synonyms = Object.hasOwn(SYNONYMS, word) ? (SYNONYMS[word] ?? []) : []
  return synonyms.find(synonym => words.includes(synonym)) ?? null
}

// ---

/** Optimal string alignment distance (a swap of neighbours counts one); `limit` or more is all the same. */
function editDistance(from: string, to: string, limit: number): number {
  if (Math.abs(from.length - to.length) >= limit) return limit
  let before: number[] = []
  let previous = Array.from({length: to.length + 1}, (_, index) => index)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1]
      let cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
      )
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (swapped) cost = Math.min(cost, (before[column - 2] ?? 0) + 1)
      current.push(cost)
    }
    before = previous
    previous = current
  }
  return previous[to.length] ?? limit
}
