// Help, made from the table of verbs.

import {alignColumns} from './table.ts'
import type {Flag, Verb} from './verb.ts'

const EXIT_CODES = `Exit: 0 ok · 1 findings · 2 usage or tool error, no files matched · 3 warnings only, with --strict ·
4 daemon unreachable · 5 timeout of --wait · 130 interrupt`

/** The text of `routesd --help`. */
export function renderHelp(verbs: readonly Verb[], globalFlags: readonly Flag[]): string {
  return [
    'routesd, the reverse proxy that serves a git commit',
    '',
    'Usage: routesd VERB [FLAGS]',
    '',
    ...indent(alignColumns(verbs.map(verb => [`${verb.name} ${verb.operands}`.trim(), verb.summary]))),
    '',
    'With every verb:',
    ...indent(alignColumns(globalFlags.map(flagRow))),
    '',
    EXIT_CODES,
    'Results go to stdout, logs and notes to stderr. `routesd VERB --help` says more.',
  ].join('\n')
}

/** The text of `routesd VERB --help`. */
export function renderVerbHelp(verb: Verb, globalFlags: readonly Flag[]): string {
  const formats = {name: 'format', short: 'o', value: verb.formats.join('|'), summary: `default: ${verb.formats[0]}`}
  const flags = [...verb.flags, ...globalFlags.map(flag => (flag.name === 'format' ? formats : flag))]
  return [
    `Usage: routesd ${[verb.name, verb.operands, '[FLAGS]'].filter(Boolean).join(' ')}`,
    '',
    `${verb.summary[0]?.toUpperCase()}${verb.summary.slice(1)}.`,
    ...(verb.details ? ['', verb.details] : []),
    '',
    'Flags:',
    ...indent(alignColumns(flags.map(flagRow))),
  ].join('\n')
}

// ---

function flagRow(flag: Flag): string[] {
  const short = flag.short ? `-${flag.short}, ` : '    '
  return [`${short}--${flag.name}${flag.value ? ` ${flag.value}` : ''}`, flag.summary]
}

function indent(lines: readonly string[]): string[] {
  return lines.map(line => `  ${line}`)
}
