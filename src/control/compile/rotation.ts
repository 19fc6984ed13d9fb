// Smooth weighted round-robin, decided beforehand: weights 5, 1, 1 become a a b a c a a and not a a a a a b c, so that a heavy
// instance is not asked five times in a row. The request path only takes the next index.

/** Entries in a rotation; heavier sets are scaled down to it, which moves a share by less than 1 in 1,000. */
const LENGTH_MAX = 4096

/** Indexes into `weights`, each as often as its weight in proportion to the others; empty when all are 0. */
export function rotationOf(weights: readonly number[]): number[] {
  const scaled = scale(weights)
  const total = scaled.reduce((sum, weight) => sum + weight, 0)
  const current = scaled.map(() => 0)
  return Array.from({length: total}, () => {
    let best = -1
    for (const [index, weight] of scaled.entries()) {
      current[index] = (current[index] ?? 0) + weight
      if (weight > 0 && (best < 0 || (current[index] ?? 0) > (current[best] ?? 0))) best = index
    }
    current[best] = (current[best] ?? 0) - total
    return best
  })
}

// ---

function scale(weights: readonly number[]): number[] {
  const divisor = weights.reduce(gcd, 0) || 1
  const total = weights.reduce((sum, weight) => sum + weight / divisor, 0)
  if (total <= LENGTH_MAX) return weights.map(weight => weight / divisor)
  return weights.map(weight => (weight === 0 ? 0 : Math.max(1, Math.round((weight / divisor / total) * LENGTH_MAX))))
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}
