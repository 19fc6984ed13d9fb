import {quoted, wordsOf} from './completion-words.ts'
import type {Flag, Verb} from './verb.ts'

/** A script for fish 3 and later. */
export function fishCompletion(verbs: readonly Verb[], globalFlags: readonly Flag[]): string {
  const words = wordsOf(verbs, globalFlags)
  const groups = words.groups.map(({name}) => name)
  const lines: string[] = []
  const add = (verb: string, rest: string) =>
    lines.push(`complete -c routesd -n 'test "$(__routesd_verb)" = "${verb}"' ${rest}`)
  for (const {word, summary} of words.first) add('', `-a ${word} -d ${quoted(summary)}`)
  for (const {name, second} of words.groups)
    for (const {word, summary} of second) add(name, `-a ${word} -d ${quoted(summary)}`)
  for (const {name, flags, formats, choices, takesFiles} of words.verbs) {
    if (choices.length > 0) add(name, `-a ${quoted(choices.join(' '))}`)
    if (takesFiles) add(name, '-F')
    for (const flag of flags) add(name, describe(flag, formats))
  }
  return `# fish completion of routesd. Write it to ~/.config/fish/completions/routesd.fish, or load it with
#   routesd completion fish | source
function __routesd_verb
  set -l verb
  set -l skip 0
  for word in (commandline -opc)[2..-1]
    if test $skip = 1
      set skip 0
      continue
    end
    switch $word
      case ${words.valued.join(' ')}
        set skip 1
      case '-*'
      case '*'
        test "$word" = list; and test -n "$verb"; and set word ls
        switch "$verb"
          case ''
            set verb $word
          case ${groups.join(' ')}
            set verb "$verb $word"
        end
    end
  end
  echo $verb
end
complete -c routesd -f
${lines.join('\n')}
`
}

// ---

function describe({name, short, value, summary}: Flag, formats: readonly string[]): string {
  const values =
    name === 'format' ? ` -x -a ${quoted(formats.join(' '))}` : name === 'config' ? ' -r -F' : value ? ' -x' : ''
  return `-l ${name}${short ? ` -s ${short}` : ''}${values} -d ${quoted(summary)}`
}
