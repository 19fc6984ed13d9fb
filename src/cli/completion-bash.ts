import {quoted, spellings, type VerbWords, wordsOf} from './completion-words.ts'
import type {Flag, Verb} from './verb.ts'

/** A script for bash 4 and later, without the package bash-completion. */
export function bashCompletion(verbs: readonly Verb[], globalFlags: readonly Flag[]): string {
  const words = wordsOf(verbs, globalFlags)
  const groups = words.groups.map(({name}) => name)
  const globals = globalFlags.flatMap(spellings)
  return `# bash completion of routesd. Load it with
#   source <(routesd completion bash)
# or write it to /etc/bash_completion.d/routesd or ~/.local/share/bash-completion/completions/routesd.
_routesd() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} verb= word i choices=
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in
      ${words.valued.join('|')}) ((i++)) ;;
      -*) ;;
      list) if [[ -n $verb ]]; then verb="$verb ls"; fi ;;
      *)
        case $verb in
          '') verb=$word ;;
          ${groups.join('|')}) verb="$verb $word" ;;
        esac
        ;;
    esac
  done
  COMPREPLY=()
  case $prev in
    --config|-c)
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    --format|-o)
      case $verb in
${words.verbs.map(({name, formats}) => `        ${quoted(name)}) choices=${quoted(formats.join(' '))} ;;`).join('\n')}
      esac
      COMPREPLY=($(compgen -W "$choices" -- "$cur"))
      return
      ;;
    ${words.valued.filter(flag => !['--config', '-c', '--format', '-o'].includes(flag)).join('|')}) return ;;
  esac
  case $verb in
    '') choices=${quoted([...words.first.map(({word}) => word), ...globals].join(' '))} ;;
    help) choices=${quoted(words.first.map(({word}) => word).join(' '))} ;;
${words.groups.map(({name, second}) => `    ${name}) choices=${quoted(second.map(({word}) => word).join(' '))} ;;`).join('\n')}
${words.verbs.map(verbCase).join('\n')}
  esac
  COMPREPLY+=($(compgen -W "$choices" -- "$cur"))
}
complete -o filenames -F _routesd routesd
`
}

// ---

function verbCase({name, flags, choices, takesFiles}: VerbWords): string {
  const all = [...choices, ...flags.flatMap(spellings)].join(' ')
  const files = takesFiles ? '; [[ $cur == -* ]] || mapfile -t COMPREPLY < <(compgen -f -- "$cur")' : ''
  // Flags are offered when a flag is begun, or when there is nothing else to offer.
  return `    ${quoted(name)}) choices=${quoted(all)}${files} ;;`
}
