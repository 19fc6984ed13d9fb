// completion: what a shell needs to complete a command line, made from the table of verbs, so that it cannot be out of date.

import {AppError, EXIT, type ExitCode} from '../base/errors.ts'
import {bashCompletion} from './completion-bash.ts'
import {fishCompletion} from './completion-fish.ts'
import {zshCompletion} from './completion-zsh.ts'
import type {Call, Flag, Verb} from './verb.ts'

/** Prints the script of one shell; where it belongs stands in its first lines. */
export function completionOf(verbs: readonly Verb[], globalFlags: readonly Flag[]): (call: Call) => Promise<ExitCode> {
  return async ({operands: [shell = ''], terminal}) => {
    const script = SHELLS[shell]
    if (!script)
      throw new AppError(`there is no completion for '${shell}'`, {hint: 'there is one for bash, zsh and fish'})
    terminal.out(script(verbs, globalFlags).trimEnd())
    return EXIT.ok
  }
}

// ---

const SHELLS: Readonly<Record<string, typeof bashCompletion>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
}
