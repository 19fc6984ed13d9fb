// The front door: argv → verb → exit code. Verbs are loaded one at a time, so that `check` never loads what serves.

import {AppError, EXIT, type ExitCode, messageOf} from '../base/errors.ts'
import {type Arguments, parseArguments} from './arguments.ts'
import {renderHelp, renderVerbHelp} from './help.ts'
import {createTerminal, type Terminal} from './terminal.ts'
import type {Verb} from './verb.ts'
import {GLOBAL_FLAGS, VERBS} from './verbs.ts'

/** Runs one command to its end; whatever is thrown below is told on stderr and becomes an exit code. */
export async function runCommandLine(argv: readonly string[]): Promise<ExitCode> {
  const terminal = createTerminal(argv.includes('--no-color'))
  try {
    process.chdir(terminal.cwd)
    const isVersion = argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')
    return await dispatch(parseArguments(isVersion ? ['version'] : argv, VERBS, GLOBAL_FLAGS), terminal)
  } catch (error) {
    return tell(error, terminal)
  }
}

// ---

async function dispatch({verb, wantsHelp, operands, flags}: Arguments, terminal: Terminal): Promise<ExitCode> {
  if (!verb) {
    const help = renderHelp(VERBS, GLOBAL_FLAGS)
    if (wantsHelp) terminal.out(help)
    else terminal.err(help)
    return wantsHelp ? EXIT.ok : EXIT.usage
  }
  if (wantsHelp) {
    terminal.out(renderVerbHelp(verb, GLOBAL_FLAGS))
    return EXIT.ok
  }
  const values = (flag: string) => flags.get(flag) ?? []
  const format = chooseFormat(verb, values('format').at(-1))
  const execute = await verb.load()
  const configFile = values('config').at(-1) ?? null
  return execute({operands, configFile, format, isOn: flag => flags.has(flag), values, terminal})
}

function chooseFormat(verb: Verb, wanted: string | undefined): string {
  const [first = 'text'] = verb.formats
  if (wanted === undefined) return first
  if (verb.formats.includes(wanted)) return wanted
  throw new AppError(`'${verb.name}' has no format '${wanted}'`, {hint: `it writes ${verb.formats.join(', ')}`})
}

function tell(error: unknown, terminal: Terminal): ExitCode {
  if (error instanceof AppError) {
    terminal.err(`routesd: ${error.message}${error.hint ? ` (${error.hint})` : ''}`)
    return error.exitCode
  }
  const isSystem = error instanceof Error && 'syscall' in error
  terminal.err(`routesd: ${isSystem || !(error instanceof Error) ? messageOf(error) : error.stack}`)
  return EXIT.usage
}
