// What can follow what, for the scripts of all shells: words only, no shell.

import type {Flag, Verb} from './verb.ts'

export type Words = {
  /** First words: verbs and groups of them. */
  readonly first: readonly Choice[]
  /** 'routes' → ls, save, rm. */
  readonly groups: readonly {readonly name: string; readonly second: readonly Choice[]}[]
  readonly verbs: readonly VerbWords[]
  /** Flags whose next word is their value. */
  readonly valued: readonly string[]
}

export type Choice = {readonly word: string; readonly summary: string}

export type VerbWords = {
  readonly name: string
  readonly flags: readonly Flag[]
  readonly formats: readonly string[]
  /** What its operand is one of; empty when that is not known here. */
  readonly choices: readonly string[]
  readonly takesFiles: boolean
}

export function wordsOf(verbs: readonly Verb[], globalFlags: readonly Flag[]): Words {
  const groupNames = [...new Set(verbs.flatMap(({name}) => (name.includes(' ') ? [firstOf(name)] : [])))]
  const groups = groupNames.map(name => ({
    name,
    second: verbs
      .filter(verb => verb.name.startsWith(`${name} `))
      .map(verb => ({word: verb.name.slice(name.length + 1), summary: verb.summary})),
  }))
  const first = [
    ...verbs.filter(({name}) => !name.includes(' ')).map(({name, summary}) => ({word: name, summary})),
    ...groups.map(({name, second}) => ({word: name, summary: second.map(({word}) => word).join(', ')})),
    {word: 'help', summary: 'what verbs there are, or what one of them does'},
  ]
  const flags = [...globalFlags, ...verbs.flatMap(verb => verb.flags)]
  const valued = [...new Set(flags.filter(({value}) => value).flatMap(spellings))]
  return {
    first,
    groups,
    valued,
    verbs: verbs.map(verb => ({
      name: verb.name,
      flags: [...verb.flags, ...globalFlags],
      formats: verb.formats,
      choices: verb.choices ?? [],
      takesFiles: /\bPATH\b/.test(verb.operands),
    })),
  }
}

/** '--config' and '-c'. */
export function spellings({name, short}: Flag): string[] {
  return short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`]
}

/** A text that a shell takes as it is. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

// ---

function firstOf(name: string): string {
  return name.split(' ')[0] ?? name
}
