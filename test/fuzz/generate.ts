// Inputs: messages of the corpus, changed a little, put behind each other. Texts are latin1, one character per byte.

import {WORDS} from './corpus.ts'
import type {Random} from './random.ts'

/** Longer ones find nothing more and are slow. */
const INPUT_CHARS_MAX = 8_192
const MESSAGES_MAX = 4
const MUTATIONS_MAX = 4

/** One to four messages of the corpus, some of them as they stand, the others changed. */
export function generate(random: Random, corpus: readonly string[]): string {
  let text = ''
  for (let left = 1 + (random.chance(0.5) ? random.below(MESSAGES_MAX) : 0); left > 0; left--) {
    text += random.chance(0.3) ? random.pick(corpus) : mutate(random, random.pick(corpus), corpus)
  }
  if (random.chance(0.1)) text = mutate(random, text, corpus)
  return text.slice(0, INPUT_CHARS_MAX)
}

/** The text with one to four changes. */
export function mutate(random: Random, text: string, corpus: readonly string[]): string {
  for (let left = 1 + random.below(MUTATIONS_MAX); left > 0; left--) text = change(random, text, corpus)
  return text
}

// ---

function change(random: Random, text: string, corpus: readonly string[]): string {
  const at = random.below(text.length + 1)
  switch (random.below(11)) {
    case 0: // one bit
      return replaceAt(text, at, String.fromCharCode((text.charCodeAt(at) || 0) ^ (1 << random.below(8))))
    case 1: // one byte
      return replaceAt(text, at, String.fromCharCode(random.below(256)))
    case 2:
    case 3:
      return text.slice(0, at) + random.pick(WORDS) + text.slice(at)
    case 4: // a field line of its own
      return atLineStart(random, text, random.pick(WORDS))
    case 5: // a line twice
      return atLineStart(random, text, random.pick(text.split(/(?<=\r\n)/)))
    case 6: // a piece less
      return text.slice(0, at) + text.slice(at + 1 + random.below(8))
    case 7: // the rest missing
      return random.chance(0.3) ? text.slice(0, at) : text
    case 8: {
      const other = random.pick(corpus)
      return text.slice(0, at) + other.slice(random.below(other.length))
    }
    case 9: // a piece of another message
      return text.slice(0, at) + pieceOf(random, random.pick(corpus)) + text.slice(at)
    default: // another case
      return flipCase(text, at, 1 + random.below(12))
  }
}

function replaceAt(text: string, at: number, character: string): string {
  return text.slice(0, at) + character + text.slice(at + 1)
}

function atLineStart(random: Random, text: string, line: string): string {
  const lines = text.split(/(?<=\r\n)/)
  lines.splice(random.below(lines.length + 1), 0, line)
  return lines.join('')
}

function pieceOf(random: Random, text: string): string {
  const from = random.below(text.length)
  return text.slice(from, from + 1 + random.below(40))
}

function flipCase(text: string, from: number, length: number): string {
  const piece = text.slice(from, from + length)
  const flipped = piece.replace(/[a-zA-Z]/g, letter => String.fromCharCode(letter.charCodeAt(0) ^ 32))
  return text.slice(0, from) + flipped + text.slice(from + length)
}
