// Just enough of XML to read what we write: elements, attributes, text, the five entities. Throws on anything else, so
// that what it reads is well-formed.

export type Element = {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly Element[]
  readonly text: string
}

/** The root of a document. */
export function readXml(document: string): Element {
  const body = document.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '')
  if (body === document) throw new Error('no XML declaration')
  const root = open('', {})
  const above = [root]
  for (const [token] of body.matchAll(/<[^>]*>|[^<]+/g)) {
    const inner = above.at(-1) ?? root
    const tag = /^<(\/?)([a-z-]+)((?: [a-z]+="[^"<]*")*)(\/?)>$/.exec(token)
    if (!tag) {
      if (/[<>]/.test(token)) throw new Error(`not a tag: ${token}`)
      inner.text += decode(token)
      continue
    }
    const [, closes, name = '', attributes = '', isEmpty] = tag
    if (closes) {
      if (above.pop()?.name !== name) throw new Error(`</${name}> ends nothing`)
      continue
    }
    const element = open(name, attributesIn(attributes))
    inner.children.push(element)
    if (!isEmpty) above.push(element)
  }
  const [only, ...others] = root.children
  if (above.length !== 1 || !only || others.length > 0 || root.text.trim() !== '')
    throw new Error('not one whole element')
  return only
}

// ---

function open(name: string, attributes: Record<string, string>) {
  return {name, attributes, children: [] as Element[], text: ''}
}

function attributesIn(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/ ([a-z]+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, decode(value)])
  const attributes = Object.fromEntries(pairs)
  if (Object.keys(attributes).length !== pairs.length) throw new Error(`an attribute stands twice:${text}`)
  return attributes
}

function decode(text: string): string {
  if (/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(text)) throw new Error('a character that XML cannot hold')
  return text.replace(/&([^;&]*)(;?)/g, (_, name: string, end: string) => {
    const value = {amp: '&', lt: '<', gt: '>', quot: '"', '#10': '\n'}[name]
    if (value === undefined || end === '') throw new Error(`no such entity: &${name}`)
    return value
  })
}
