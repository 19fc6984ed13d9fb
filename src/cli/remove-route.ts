// Takes one route out of the text of a file of routes.d and leaves every other byte, comments too, as a person wrote it.
// Only whole lines are cut, or one element of a flow list; the caller reads the result again and refuses it if it says
// anything but "the same without this route".

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseAllDocuments,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'

/** The text without the route; '' when nothing is left; null when the route is not in it. */
export function removeRoute(text: string, isWanted: (id: string) => boolean): string | null {
  const documents = parseAllDocuments(text, {keepSourceTokens: true})
  if (!Array.isArray(documents)) return null
  for (const [index, document] of documents.entries()) {
    const cut = findCut(document, isWanted, text)
    if (cut === null) continue
    if (cut !== 'document') return text.slice(0, cut.from) + text.slice(cut.to)
    return documents.length === 1 ? '' : withoutDocument(text, documents, index)
  }
  return null
}

// ---

type Range = {readonly from: number; readonly to: number}
type Cut = Range | 'document' | null

function findCut(document: Document.Parsed, isWanted: (id: string) => boolean, text: string): Cut {
  const root = document.contents as Node | null
  if (isSeq(root)) return cutItem(root, document, isWanted, text)
  if (!isMap(root)) return null
  if (hasId(root, isWanted)) return 'document'
  const pair = root.items.find(item => isScalar(item.key) && item.key.value === 'routes')
  const list = pair?.value
  if (!isSeq(list)) return null
  const cut = cutItem(list, document, isWanted, text)
  if (cut !== 'document') return cut
  // `routes` was the last thing the mapping said.
  const isAlone = root.items.every(item => item === pair || (isScalar(item.key) && item.key.value === '$schema'))
  return isAlone ? 'document' : wholeLines(text, startOf(pair?.key), endOf(list))
}

function cutItem(list: YAMLSeq, document: Document.Parsed, isWanted: (id: string) => boolean, text: string): Cut {
  const index = list.items.findIndex(item => {
    const node = isAlias(item) ? item.resolve(document) : item
    return isMap(node) && hasId(node, isWanted)
  })
  if (index < 0) return null
  if (list.items.length === 1) return 'document'
  const item = list.items[index]
  const token = list.srcToken
  if (token?.type === 'block-seq') {
    const dash = token.items[index]?.start.find(part => part.type === 'seq-item-ind')
    return wholeLines(text, dash?.offset ?? startOf(item), endOf(item))
  }
  const next = list.items[index + 1]
  if (next !== undefined) return {from: startOf(item), to: startOf(next)}
  return {from: endOf(list.items[index - 1]), to: endOf(item)}
}

function hasId(map: YAMLMap, isWanted: (id: string) => boolean): boolean {
  const id = map.get('id')
  return typeof id === 'string' && isWanted(id)
}

function startOf(node: unknown): number {
  return rangeOf(node)[0]
}

function endOf(node: unknown): number {
  return rangeOf(node)[1]
}

function rangeOf(node: unknown): readonly [number, number, ...unknown[]] {
  const range = (node as Node | undefined)?.range
  if (!range) throw new Error('a parsed node without a range')
  return range
}

// From the beginning of the first line to the end of the last, with what stands behind the value on it. The range of a
// block scalar or a nested list ends after its line break already.
function wholeLines(text: string, start: number, end: number): Range {
  const from = text.lastIndexOf('\n', start - 1) + 1
  if (text[end - 1] === '\n') return {from, to: end}
  const lineEnd = text.indexOf('\n', end)
  return {from, to: lineEnd < 0 ? text.length : lineEnd + 1}
}

// A document reaches from its '---', or the start of the text, to the '---' of the next one.
function withoutDocument(text: string, documents: readonly Document.Parsed[], index: number): string {
  const marks = [...text.matchAll(/^---(?=\s|$)/gm)].map(match => match.index)
  const starts = marks.length === documents.length ? marks : [0, ...marks]
  if (starts.length !== documents.length) throw new Error('the documents of the file cannot be told apart')
  const from = index === 0 ? 0 : (starts[index] ?? 0)
  return text.slice(0, from) + text.slice(starts[index + 1] ?? text.length)
}
