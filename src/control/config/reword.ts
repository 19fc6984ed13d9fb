// Values in nearly the right unit → the right one: '5 seconds' → '5s', '10M' → '10MiB'. Only for hints: nothing is ever
// accepted in a unit that the schema does not know.

import {parseDuration, parseRate, parseShare, parseSize} from '../../base/units.ts'

/** What was probably meant by a value where the schema called `title` is wanted, or null. */
export function reword(title: string, text: string): string | null {
  const words = text.trim().toLowerCase()
  switch (title) {
    case 'Duration':
      return checked(inDuration(words), parseDuration)
    case 'Size':
      return checked(inSize(words), parseSize)
    case 'Share':
      return checked(inShare(words), parseShare)
    case 'Rate':
      return checked(inRate(words), parseRate)
    default:
      return null
  }
}

// ---

const TIME: readonly (readonly [RegExp, string])[] = [
  [/^(ms|msecs?|millis?|milliseconds?)$/, 'ms'],
  [/^(|s|secs?|seconds?)$/, 's'],
  [/^(m|mins?|minutes?)$/, 'm'],
  [/^(h|hrs?|hours?)$/, 'h'],
  [/^(d|days?)$/, 'd'],
  [/^(w|weeks?)$/, 'w'],
  [/^(y|years?)$/, 'y'],
]
const BYTES: Readonly<Record<string, string>> = {
  '': 'B',
  b: 'B',
  byte: 'B',
  bytes: 'B',
  k: 'KiB',
  kb: 'KiB',
  kib: 'KiB',
  m: 'MiB',
  mb: 'MiB',
  mib: 'MiB',
  g: 'GiB',
  gb: 'GiB',
  gib: 'GiB',
}

function checked(text: string | null, parse: (text: string) => number | null): string | null {
  return text !== null && parse(text) !== null ? text : null
}

function inDuration(words: string): string | null {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(words)
  const unit = TIME.find(([pattern]) => pattern.test(match?.[2] ?? '-'))?.[1]
  return match && unit ? `${match[1]}${unit}` : null
}

function inSize(words: string): string | null {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(words)
  const unit = match ? BYTES[match[2] ?? ''] : undefined
  return match && unit ? `${match[1]}${unit}` : null
}

function inShare(words: string): string | null {
  const match = /^(\d+(?:\.\d+)?)\s*(%|percent)?$/.exec(words)
  if (!match) return null
  const amount = Number(match[1])
  return match[2] === undefined && amount > 0 && amount < 1 ? `${Math.round(amount * 10_000) / 100}%` : `${match[1]}%`
}

function inRate(words: string): string | null {
  const match =
    /^(\d+(?:\.\d+)?)\s*(?:r|rps|req(?:uest)?s?)?\s*(?:\/|per)?\s*(s|sec|second|m|min|minute|h|hour)?$/.exec(words)
  return match ? `${match[1]}/${(match[2] ?? 's')[0]}` : null
}
