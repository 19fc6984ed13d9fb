// What a verb is: a row of the table in verbs.ts, and the call that its file gets.

import type {ExitCode} from '../base/errors.ts'
import type {Terminal} from './terminal.ts'

export type Verb = {
  /** 'check', 'routes ls' */
  readonly name: string
  /** Positional arguments as help shows them: '[PATH…]'. */
  readonly operands: string
  /** At least and at most so many operands. */
  readonly arity: readonly [number, number]
  readonly summary: string
  /** Paragraphs below the usage in its own help. */
  readonly details: string
  readonly flags: readonly Flag[]
  /** What an operand is one of, for shells to complete. */
  readonly choices?: readonly string[]
  /** The values of --format; the first is the default. */
  readonly formats: readonly string[]
  /** Loads the file of the verb, and with it only what the verb needs. */
  load(): Promise<(call: Call) => Promise<ExitCode>>
}

export type Flag = {
  readonly name: string
  readonly short?: string
  /** What its value is called in help; a flag without one is a switch. */
  readonly value?: string
  readonly summary: string
}

export type Call = {
  readonly operands: readonly string[]
  /** -c, relative to the folder of the caller; null when it was not given. */
  readonly configFile: string | null
  readonly format: string
  readonly isOn: (flag: string) => boolean
  /** Every value of a flag, in order. */
  readonly values: (flag: string) => readonly string[]
  readonly terminal: Terminal
}
