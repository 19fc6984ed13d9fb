// Numbers and times as they stand in a table.

/** 4711 → '4711', 1234567 → '1.2M'. */
export function formatCount(count: number): string {
  if (count < 100_000) return String(count)
  if (count < 1_000_000) return `${Math.floor(count / 1000)}k`
  if (count < 1e9) return `${(Math.floor(count / 1e5) / 10).toFixed(1)}M`
  return `${(Math.floor(count / 1e8) / 10).toFixed(1)}G`
}

/** Per second: '0', '0.4', '12', '20.3k'. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0) return '0'
  if (perSecond < 10) return perSecond.toFixed(1)
  if (perSecond < 10_000) return String(Math.round(perSecond))
  return `${(perSecond / 1000).toFixed(1)}k`
}

/** '0%', '0.04%', '12.5%'; of nothing it is 0. */
export function formatShareOf(part: number, whole: number): string {
  const percent = whole === 0 ? 0 : (part / whole) * 100
  if (percent === 0) return '0%'
  return percent < 1 ? `${percent.toFixed(2)}%` : `${percent.toFixed(1)}%`
}

/** The two largest units: '3d 4h', '12m 5s'. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  if (first < 0) return '0s'
  return parts
    .slice(first, first + 2)
    .filter(([count], index) => index === 0 || count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ')
}

/** RFC 3339 → '2026-11-21 14:03' in local time; `none` for null. */
export function formatDay(at: string | null, none: string): string {
  const date = at === null ? null : new Date(at)
  if (date === null || Number.isNaN(date.getTime())) return none
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`
}

/** Milliseconds since 1970 → '14:03:05' in local time. */
export function formatTime(ms: number): string {
  const date = new Date(ms)
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

// ---

function two(number: number): string {
  return String(number).padStart(2, '0')
}
