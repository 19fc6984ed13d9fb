import {quoted, spellings, wordsOf} from './completion-words.ts'
import type {Flag, Verb} from './verb.ts'

/** A script for zsh, to be loaded by compinit or by hand. */
export function zshCompletion(verbs: readonly Verb[], globalFlags: readonly Flag[]): string {
  const words = wordsOf(verbs, globalFlags)
  const described = (choices: readonly {readonly word: string; readonly summary: string}[]) =>
    choices.map(({word, summary}) => quoted(`${word}:${summary.replaceAll(':', '\\:')}`)).join(' ')
  const flagsOf = (flags: readonly Flag[]) =>
    described(flags.flatMap(flag => spellings(flag).map(word => ({word, summary: flag.summary}))))
  return `#compdef routesd
# zsh completion of routesd. Write it to a file _routesd in a folder of $fpath, or load it with
#   source <(routesd completion zsh)
_routesd() {
  local verb='' word i
  local -a choices
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    case $word in
      ${words.valued.join('|')}) ((i++)) ;;
      -*) ;;
      *)
        [[ $word == list && -n $verb ]] && word=ls
        case $verb in
          '') verb=$word ;;
          ${words.groups.map(({name}) => name).join('|')}) verb="$verb $word" ;;
        esac
        ;;
    esac
  done
  case \${words[CURRENT-1]} in
    --config|-c) _files; return ;;
    --format|-o)
      case $verb in
${words.verbs.map(({name, formats}) => `        ${quoted(name)}) choices=(${formats.join(' ')}) ;;`).join('\n')}
      esac
      compadd -a choices
      return
      ;;
    ${words.valued.filter(flag => !['--config', '-c', '--format', '-o'].includes(flag)).join('|')}) return ;;
  esac
  case $verb in
    '') choices=(${described(words.first)} ${flagsOf(globalFlags)}) ;;
    help) choices=(${described(words.first)}) ;;
${words.groups.map(({name, second}) => `    ${name}) choices=(${described(second)}) ;;`).join('\n')}
${words.verbs
  .map(
    ({name, flags, choices, takesFiles}) =>
      `    ${quoted(name)}) choices=(${[...choices, flagsOf(flags)].join(' ')})${takesFiles ? '; _files' : ''} ;;`,
  )
  .join('\n')}
  esac
  _describe routesd choices
}
if [[ $funcstack[1] == _routesd ]]; then _routesd "$@"; else compdef _routesd routesd; fi
`
}
