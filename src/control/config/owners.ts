// Who may claim what: an entry of `owners` in the settings gives hosts, prefixes and services to the files that its
// pattern matches, and to no others. As with routes, the most specific entry that covers a claim decides: who owns
// x.com/a owns x.com/a/b too, unless another entry names that. What no entry covers is free for every file.

import {normalizeId} from '../../base/route-id.ts'
import {NAMED_BY} from './check-entry.ts'
import type {PlacedEntry, PlacedProblem} from './cross-checks.ts'
import type {SettingsOwner} from './types.ts'

/** Claims of what belongs to other files. `pathOf`: where a file stands below routes.d. */
export function checkOwners(
  entries: readonly PlacedEntry[],
  owners: readonly SettingsOwner[],
  pathOf: (file: string) => string,
): PlacedProblem[] {
  if (owners.length === 0) return []
  const places = indexPlaces(owners)
  const slugs = indexSlugs(owners)
  const matches = createFileMatcher(owners, pathOf)
  const found: PlacedProblem[] = []
  for (const placed of entries) {
    const owned = ownersOf(placed, places, slugs)
    if (owned.length > 0 && !owned.some(({index}) => matches(placed.file, index)))
      found.push(breach(placed, owned, owners))
  }
  return found
}

// ---

/** An entry of the list, by its index, and the words of it that cover a claim. */
type Owned = {readonly index: number; readonly written: string}
type Place = Owned & {readonly prefix: string}
type Slug = Owned & {readonly pattern: RegExp; readonly literal: number}

function indexPlaces(owners: readonly SettingsOwner[]): Map<string, Place[]> {
  const places = new Map<string, Place[]>()
  for (const [index, {routes = []}] of owners.entries()) {
    for (const written of routes) {
      const id = normalizeId(written)
      // The settings were refused otherwise.
      if ('problem' in id) continue
      const known = places.get(id.host)
      const place = {index, written, prefix: id.prefix}
      if (known) known.push(place)
      else places.set(id.host, [place])
    }
  }
  return places
}

function indexSlugs(owners: readonly SettingsOwner[]): Slug[] {
  return owners.flatMap(({services = []}, index) =>
    services.map(written => {
      const words = written.split('*')
      const pattern = new RegExp(`^${words.map(escapePattern).join('.*')}$`)
      return {index, written, pattern, literal: words.join('').length + (words.length === 1 ? 1 : 0)}
    }),
  )
}

function ownersOf({entry, facts}: PlacedEntry, places: ReadonlyMap<string, readonly Place[]>, slugs: readonly Slug[]) {
  const {name} = facts
  if (name === null || entry.kind === 'test') return []
  return entry.kind === 'service' ? ownersOfSlug(name, slugs) : ownersOfPlace(name, places)
}

function ownersOfSlug(slug: string, slugs: readonly Slug[]): readonly Owned[] {
  const covering = slugs.filter(({pattern}) => pattern.test(slug))
  const most = Math.max(...covering.map(({literal}) => literal))
  return covering.filter(({literal}) => literal === most)
}

function ownersOfPlace(name: string, places: ReadonlyMap<string, readonly Place[]>): readonly Owned[] {
  const slash = name.indexOf('/')
  const host = slash < 0 ? name : name.slice(0, slash)
  const prefix = slash < 0 ? '' : name.slice(slash)
  for (const pattern of patternsOver(host)) {
    // A more specific host takes all of its URLs from a wildcard, whatever the prefixes of either.
    const covering = (places.get(pattern) ?? []).filter(place => pattern !== host || covers(place.prefix, prefix))
    const most = Math.max(...covering.map(place => place.prefix.length))
    if (covering.length > 0) return pattern === host ? covering.filter(place => place.prefix.length === most) : covering
  }
  return []
}

/** The host itself, then the wildcards that match it. */
function patternsOver(host: string): string[] {
  const dot = host.indexOf('.')
  const isOpen = dot >= 0 && !host.startsWith('*.') && !host.startsWith('[')
  return [...new Set([host, ...(isOpen ? [`*${host.slice(dot)}`] : []), '*'])]
}

function covers(owned: string, prefix: string): boolean {
  return prefix === owned || prefix.startsWith(`${owned}/`)
}

/** Whether a file matches the pattern of an entry; each pair is matched once. */
function createFileMatcher(
  owners: readonly SettingsOwner[],
  pathOf: (file: string) => string,
): (file: string, index: number) => boolean {
  const patterns = owners.map(({files}) => globPattern(files))
  const known = new Map<string, Map<number, boolean>>()
  return (file, index) => {
    const answers = known.get(file) ?? new Map<number, boolean>()
    known.set(file, answers)
    const answer = answers.get(index) ?? patterns[index]?.test(pathOf(file)) === true
    answers.set(index, answer)
    return answer
  }
}

/** '*' within a folder, '**' across folders: 'team-a/**' is everything below team-a, '**\/x.yaml' also x.yaml itself. */
function globPattern(glob: string): RegExp {
  const words = glob.replace(/^\.?\/+/, '').split(/(\*\*\/|\*\*|\*|\?)/)
  const body = words.map(word => GLOB[word] ?? escapePattern(word)).join('')
  return new RegExp(`^${body}$`)
}

const GLOB: Readonly<Record<string, string>> = {'**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]'}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}

function breach(
  {entry, file, facts}: PlacedEntry,
  owned: readonly Owned[],
  owners: readonly SettingsOwner[],
): PlacedProblem {
  const [first] = owned
  const files = [...new Set(owned.map(({index}) => owners[index]?.files ?? ''))].map(glob => JSON.stringify(glob))
  const what = first && first.written !== facts.name ? `, which owns ${JSON.stringify(first.written)}` : ''
  return {
    file,
    problem: {
      rule: 'owners',
      severity: 'error',
      message: `${entry.kind} ${JSON.stringify(facts.name)} belongs to ${files.join(' and ')}${what}`,
      hint: `owners[${first?.index}] in the settings says so: only files that match may claim it.`,
      place: {document: entry.document, pointer: `${entry.pointer}/${NAMED_BY[entry.kind]}`, at: 'value'},
    },
  }
}
