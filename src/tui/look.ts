// How things look: tones, which the terminal shows as colours, and glyphs, so that nothing is told by colour alone.

export type Tone = 'plain' | 'dim' | 'bold' | 'good' | 'warn' | 'bad' | 'accent' | 'selected' | 'alarm'
export type Span = {readonly text: string; readonly tone: Tone}
/** One line of the screen, from left to right. */
export type Line = readonly Span[]

export type Glyphs = {
  readonly good: string
  readonly warn: string
  readonly bad: string
  readonly off: string
  readonly bars: string
  readonly full: string
  readonly empty: string
  readonly rule: string
  readonly upright: string
  readonly ascending: string
  readonly descending: string
  readonly ellipsis: string
  readonly none: string
  readonly cursor: string
  readonly pointer: string
  readonly between: string
}

export const UNICODE: Glyphs = {
  good: '●',
  warn: '▲',
  bad: '✗',
  off: '○',
  bars: '▁▂▃▄▅▆▇█',
  full: '█',
  empty: '░',
  rule: '─',
  upright: '│',
  ascending: '↑',
  descending: '↓',
  ellipsis: '…',
  none: '–',
  cursor: '▏',
  pointer: '▸',
  between: ' · ',
}

/** For the Linux console and the C locale, whose fonts have no more. */
export const ASCII: Glyphs = {
  good: '+',
  warn: '!',
  bad: 'x',
  off: 'o',
  bars: '_.:-=+*#',
  full: '#',
  empty: '.',
  rule: '-',
  upright: '|',
  ascending: '^',
  descending: 'v',
  ellipsis: '~',
  none: '-',
  cursor: '_',
  pointer: '>',
  between: ' | ',
}

/** What a view needs besides the state. */
export type Look = {readonly glyphs: Glyphs}

export function span(text: string, tone: Tone = 'plain'): Span {
  return {text, tone}
}

/** The newest `width` values, each as a bar of its share of the largest; what is not there yet is blank. */
export function sparkline(values: readonly number[], width: number, {bars}: Glyphs): string {
  const shown = values.slice(-width)
  const most = Math.max(...shown, 0)
  const steps = bars.length - 1
  const drawn = shown.map(value => bars[most === 0 ? 0 : Math.ceil((value / most) * steps)] ?? '').join('')
  return ' '.repeat(Math.max(0, width - shown.length)) + drawn
}

/** A bar that is filled to `share` (0 to 1). */
export function gauge(share: number, width: number, {full, empty}: Glyphs): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width)
  return full.repeat(filled) + empty.repeat(width - filled)
}
