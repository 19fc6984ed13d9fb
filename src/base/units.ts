// The units people write in YAML. One place parses them, so that "30s" means the same everywhere.
// Every function returns null for a text that is not exactly in the unit: a wrong unit is a finding, never a guess.

const DURATION_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
}
const SIZE_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
}

/** '150ms', '30s', '1m30s', '1h', '1y' → milliseconds; null when it is not a duration. */
export function parseDuration(text: string): number | null {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d|w|y))+$/.test(text)) return null
  let totalMs = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y)/g)) {
    totalMs += Number(amount) * (DURATION_MS[unit ?? ''] ?? Number.NaN)
  }
  return Number.isFinite(totalMs) ? Math.round(totalMs) : null
}

/** Milliseconds → the shortest text that parses back to it: 90000 → '1m30s'. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`
  let rest = Math.round(ms)
  let text = ''
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const size = DURATION_MS[unit] ?? 1
    const count = Math.floor(rest / size)
    if (count === 0) continue
    text += `${count}${unit}`
    rest -= count * size
  }
  return text
}

/** '10MiB', '32KiB', '100B' → bytes; null when it is not a size. */
export function parseSize(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(B|kB|KB|MB|GB|KiB|MiB|GiB)$/.exec(text)
  if (!match) return null
  const bytes = Number(match[1]) * (SIZE_BYTES[match[2] ?? ''] ?? Number.NaN)
  return Number.isSafeInteger(Math.round(bytes)) ? Math.round(bytes) : null
}

/** '5%', '12.5%' → 0.05, 0.125; null outside 0 to 100 %. */
export function parseShare(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text)
  if (!match) return null
  const share = Number(match[1]) / 100
  return share <= 1 ? share : null
}

/** '2x', '1.5x' → 2, 1.5; null when it is not a factor. */
export function parseFactor(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)x$/.exec(text)
  return match ? Number(match[1]) : null
}

/** 0.05 → '5%': the shortest text that parses back to it. */
export function formatShare(share: number): string {
  // 0.07 * 100 is 7.000000000000001.
  return `${Number((share * 100).toFixed(9))}%`
}

/** '10/s', '600/m', '5/h' → events per second; null when it is not a rate. */
export function parseRate(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\/(s|m|h)$/.exec(text)
  if (!match) return null
  return (Number(match[1]) * 1000) / (DURATION_MS[match[2] ?? ''] ?? Number.NaN)
}
