// A diff for people: one line for each piece of URL space, and below it what that means.

import type {Change} from '../router/diff.ts'
import type {Diff} from './diff.ts'
import {alignColumns} from './table.ts'
import {paint, type Style} from './terminal.ts'

/** Lines of text without a newline at the end. */
export function renderDiff({from, to, changes, certificates}: Diff, color: boolean): string {
  const lines = [paint(color, 'bold', `${from} → ${to}`), `  ${countChanges(changes)}`]
  const rows = alignColumns(changes.map(({kind, space, before, after}) => [kind, space, destinations(before, after)]))
  for (const [index, {kind, flags, note, before, after}] of changes.entries()) {
    lines.push('', paint(color, STYLES[kind], `  ${rows[index]}`))
    const places = [...new Set([before, after].flatMap(side => (side ? [`${side.file}:${side.line}`] : [])))]
    lines.push(`    ${[...flags, note].join(': ')}`, paint(color, 'dim', `    ${places.join(' → ')}`))
  }
  for (const [what, names] of Object.entries(certificates)) {
    if (names.length > 0) lines.push('', `  certificates to ${what}, where https is served: ${names.join(', ')}`)
  }
  return lines.join('\n')
}

/** '1 change of URL space', 'no URL changes hands'. */
export function countChanges(changes: readonly Change[]): string {
  if (changes.length === 0) return 'no URL is served otherwise'
  const kinds = (['added', 'removed', 'moved', 'changed'] as const).flatMap(kind => {
    const count = changes.filter(change => change.kind === kind).length
    return count === 0 ? [] : [`${count} ${kind}`]
  })
  const shadowed = changes.filter(({flags}) => flags.includes('shadowed')).length
  return kinds.join(', ') + (shadowed === 0 ? '' : `; ${shadowed} shadowed`)
}

// ---

const STYLES: Readonly<Record<Change['kind'], Style>> = {
  added: 'green',
  removed: 'red',
  moved: 'yellow',
  changed: 'yellow',
}

function destinations(before: Change['before'], after: Change['after']): string {
  const [was, is] = [before?.destination ?? '404', after?.destination ?? '404']
  return was === is ? is : `${was} → ${is}`
}
