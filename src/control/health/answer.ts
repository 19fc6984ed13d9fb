// As much of an answer as a verdict needs: its status line, and where its head and its body end. Strict, because what the
// data plane would not pass on is not well either (RFC 9112 §4).

export type Answer =
  /** Not enough has come. */
  | {readonly kind: 'partial'}
  /** `isWhole`: nothing more will come that could be waited for. */
  | {readonly kind: 'answer'; readonly status: number; readonly isWhole: boolean}
  | {readonly kind: 'invalid'; readonly why: string}

/** Bytes of all heads together, those of interim answers too. */
const HEADS_MAX = 64 * 1024
const PARTIAL: Answer = {kind: 'partial'}

/** `text` is what has come so far, as latin1. */
export function readAnswer(text: string): Answer {
  let from = 0
  for (;;) {
    if (!'HTTP/1.'.startsWith(text.slice(from, from + 7))) return {kind: 'invalid', why: 'the answer is not HTTP/1.1'}
    const end = text.indexOf('\r\n\r\n', from)
    if (end < 0 ? text.length > HEADS_MAX : end > HEADS_MAX)
      return {kind: 'invalid', why: `the head of the answer is larger than ${HEADS_MAX / 1024} KiB`}
    if (end < 0) return PARTIAL
    const head = text.slice(from, end + 2)
    const status = Number(/^HTTP\/1\.[01] ([1-5]\d\d)(?: [^\r\n]*)?\r\n/.exec(head)?.[1] ?? 0)
    if (status === 0) return {kind: 'invalid', why: 'the answer has no valid status line'}
    from = end + 4
    // RFC 9110 §15.2: an interim answer is followed by the one that counts; 101 is the last word in HTTP.
    if (status >= 200 || status === 101)
      return {kind: 'answer', status, isWhole: isWhole(head, status, text.length - from)}
  }
}

// ---

function isWhole(head: string, status: number, bodyBytes: number): boolean {
  if (status === 101 || status === 204 || status === 304) return true
  const length = /\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n/i.exec(head)?.[1]
  return length !== undefined && bodyBytes >= Number(length)
}
