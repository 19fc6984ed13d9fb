// The other opinion: Node's own parser (llhttp), strict, in this process. It is what most instances behind us use.

import {createRequire} from 'node:module'

export type NodeMessage = {
  method: string
  target: string
  status: number
  reason: string
  major: number
  minor: number
  /** Names and values in turn, as sent; trailers apart. */
  fields: string[]
  trailers: string[]
  /** latin1 */
  body: string
  isKeptAlive: boolean
  isUpgrade: boolean
  isHeadDone: boolean
  isDone: boolean
}

export type NodeParser = {
  /** Starts anew. `skipsBody` for an answer to HEAD. */
  begin(skipsBody?: boolean): void
  /** '' or the code of the error. */
  feed(bytes: Buffer): string
  /** The connection has ended: '' or the code of the error. */
  finish(): string
  /** Lets go of the parser, which nothing else frees; to be called between messages, never from within one. */
  close(): void
  /** Every message that has begun, in order. */
  readonly messages: NodeMessage[]
}

/** `onMessage` is called at the end of every message, for whoever reads an endless stream and takes messages out. */
export function createNodeParser(
  kind: 'request' | 'response',
  headBytes: number,
  onMessage: ((message: NodeMessage) => void) | null = null,
): NodeParser {
  const parser: RawParser = new HTTPParser()
  const messages: NodeMessage[] = []
  let current = emptyMessage()
  let skips = false
  let isClosed = false
  parser[HTTPParser.kOnMessageBegin] = () => {
    current = emptyMessage()
    messages.push(current)
  }
  // Called every 32 fields, and for trailers.
  parser[HTTPParser.kOnHeaders] = (fields: string[], target: string) => {
    ;(current.isHeadDone ? current.trailers : current.fields).push(...fields)
    if (!current.isHeadDone) current.target += target
  }
  parser[HTTPParser.kOnHeadersComplete] = (
    major: number,
    minor: number,
    fields: string[] | undefined,
    method: number | undefined,
    target: string | undefined,
    status: number | undefined,
    reason: string | undefined,
    isUpgrade: boolean,
    isKeptAlive: boolean,
  ) => {
    if (fields) current.fields.push(...fields)
    if (target !== undefined) current.target += target
    current.method = method === undefined ? '' : method === QUERY ? 'QUERY' : (methods[method] ?? '?')
    Object.assign(current, {major, minor, isUpgrade, isKeptAlive, isHeadDone: true})
    current.status = status ?? 0
    current.reason = reason ?? ''
    return skips ? 1 : 0
  }
  parser[HTTPParser.kOnBody] = (piece: Buffer) => {
    current.body += piece.latin1Slice(0, piece.length)
  }
  parser[HTTPParser.kOnMessageComplete] = () => {
    current.isDone = true
    onMessage?.(current)
  }
  return {
    messages,
    begin(skipsBody = false) {
      skips = skipsBody
      messages.length = 0
      current = emptyMessage()
      parser.initialize(
        kind === 'request' ? HTTPParser.REQUEST : HTTPParser.RESPONSE,
        {},
        headBytes,
        HTTPParser.kLenientNone,
      )
    },
    feed: bytes => codeOf(parser.execute(bytes)),
    finish: () => codeOf(parser.finish()),
    close() {
      if (isClosed) return
      isClosed = true
      parser.close()
    },
  }
}

/** Names and values of `fields` in turn → pairs. */
export function pairsOf(fields: readonly string[]): [name: string, value: string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i + 1 < fields.length; i += 2) pairs.push([fields[i] ?? '', fields[i + 1] ?? ''])
  return pairs
}

/** Field lines as the pairs that Node's parser would tell, or null when one is no field line. */
export function pairsIn(lines: string): string[] | null {
  if (lines === '') return []
  const pairs: string[] = []
  for (const line of lines.slice(0, -2).split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon <= 0) return null
    pairs.push(line.slice(0, colon), trimSpace(line.slice(colon + 1)))
  }
  return pairs
}

/** Without SP and HTAB around it; String.trim takes 0xa0 too. */
export function trimSpace(value: string): string {
  return value.replace(/^[\t ]+|[\t ]+$/g, '')
}

// ---

type RawParser = {
  initialize(type: number, resource: object, headBytes: number, lenient: number): void
  execute(bytes: Buffer): number | Error
  finish(): number | Error | undefined
  close(): void
  [event: number]: unknown
}
type RawParserClass = {
  new (): RawParser
  readonly REQUEST: number
  readonly RESPONSE: number
  readonly kOnMessageBegin: number
  readonly kOnHeaders: number
  readonly kOnHeadersComplete: number
  readonly kOnBody: number
  readonly kOnMessageComplete: number
  readonly kLenientNone: number
}

// The list that Node shows leaves out what llhttp counts in between for RTSP.
const QUERY = 46

const {HTTPParser, methods} = createRequire(import.meta.url)('_http_common') as {
  HTTPParser: RawParserClass
  methods: readonly string[]
}

function emptyMessage(): NodeMessage {
  return {
    method: '',
    target: '',
    status: 0,
    reason: '',
    major: 0,
    minor: 0,
    fields: [],
    trailers: [],
    body: '',
    isKeptAlive: false,
    isUpgrade: false,
    isHeadDone: false,
    isDone: false,
  }
}

function codeOf(result: number | Error | undefined): string {
  if (!(result instanceof Error)) return ''
  return 'code' in result ? String(result.code) : result.message
}
