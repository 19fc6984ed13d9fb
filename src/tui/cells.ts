// Text measured in the cells of a terminal, not in UTF-16 units: a wide character takes two, a combining one none.

/** How many cells the text takes. */
export function cellsOf(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length
  let cells = 0
  for (const {segment} of SEGMENTER.segment(text)) cells += cellsOfGrapheme(segment)
  return cells
}

/** The text in exactly `width` cells: cut with `ellipsis`, or filled with blanks. */
export function fit(text: string, width: number, ellipsis: string, align: 'left' | 'right' = 'left'): string {
  const shown = clean(text)
  const cells = cellsOf(shown)
  if (cells > width) return cut(shown, width, ellipsis)
  const blanks = ' '.repeat(width - cells)
  return align === 'left' ? shown + blanks : blanks + shown
}

/** Control characters as '?', so that what a stranger wrote cannot move the cursor or turn the line around. */
export function clean(text: string): string {
  return PRINTABLE_ASCII.test(text) ? text : text.replace(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, '?')
}

// ---

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/
const SEGMENTER = new Intl.Segmenter()
// East Asian Wide and emoji, as far as terminals agree on them.
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u
const EMPTY = /^[\p{Mn}\p{Me}\p{Cf}]+$/u

function cellsOfGrapheme(grapheme: string): number {
  if (WIDE.test(grapheme)) return 2
  return EMPTY.test(grapheme) ? 0 : 1
}

function cut(text: string, width: number, ellipsis: string): string {
  if (width <= 0) return ''
  const room = width - ellipsis.length
  if (room < 0) return ' '.repeat(width)
  if (PRINTABLE_ASCII.test(text)) return text.slice(0, room) + ellipsis
  let kept = ''
  let cells = 0
  for (const {segment} of SEGMENTER.segment(text)) {
    const more = cellsOfGrapheme(segment)
    if (cells + more > room) break
    kept += segment
    cells += more
  }
  return kept + ellipsis + ' '.repeat(room - cells)
}
