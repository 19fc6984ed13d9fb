// Answers of instances, ours against Node's parser in response mode, as answers to GET and to HEAD: the same rule as for
// requests, and a connection that we would use again is one that it would keep.

import {isFramingName} from '../../src/proxy/http1/field.ts'
import {RESPONSES} from './corpus.ts'
import {generate} from './generate.ts'
import {createNodeParser, type NodeMessage, pairsIn, pairsOf, trimSpace} from './node-parser.ts'
import {type OwnResponse, RESPONSE_HEAD_BYTES, readResponse} from './own-reader.ts'
import {createRandom} from './random.ts'
import {type Budget, count, createFindings, type Finding, guarded, type Report, repeat, tableOf} from './report.ts'

export async function fuzzResponses(budget: Budget): Promise<Report> {
  const random = createRandom(budget.seed)
  const findings = createFindings()
  const counts = new Map<string, number>()
  const {inputs, ms} = repeat(budget.seconds, findings, () => {
    const text = generate(random, RESPONSES)
    const method = random.chance(0.2) ? 'HEAD' : 'GET'
    const finding = compareResponses(text, method, name => count(counts, name))
    if (finding) findings.add(finding, smaller => compareResponses(smaller, method))
  })
  return {name: 'responses', inputs, ms, findings: findings.list(), notes: tableOf('answers:', counts)}
}

/** The first way in which we are looser than Node's parser with this answer, or null. */
export function compareResponses(
  text: string,
  method: string,
  seen: (name: string) => void = () => {},
): Finding | null {
  const bytes = Buffer.from(text, 'latin1')
  const own = guarded(text, () => readResponse(bytes, method))
  if (typeof own === 'object' && 'what' in own) return own
  if (typeof own === 'object') {
    seen(own.isUntilClose ? 'accepted, until close' : own.isKeptAlive ? 'accepted, kept' : 'accepted, closed')
    return compareAnswer(text, bytes, method, own)
  }
  node.begin(method === 'HEAD')
  const error = node.feed(bytes)
  const isDone = node.messages[0]?.isDone ?? false
  if (own === 'more-body' && error !== '' && !isDone) {
    return {what: `a body that llhttp refuses (${error}) is passed on`, input: text, expected: 'refused', got: own}
  }
  seen(
    own !== 'refused'
      ? `incomplete: ${own}`
      : isDone
        ? 'stricter than llhttp'
        : error === ''
          ? 'refused early'
          : 'refused by both',
  )
  return null
}

// ---

const node = createNodeParser('response', RESPONSE_HEAD_BYTES)

function compareAnswer(input: string, bytes: Buffer, method: string, own: OwnResponse): Finding | null {
  const differs = (what: string, expected: unknown, got: unknown): Finding => ({
    what,
    input,
    expected: JSON.stringify(expected),
    got: JSON.stringify(got),
  })
  node.begin(method === 'HEAD')
  const early = node.feed(bytes.subarray(0, own.end - 1))
  if (early !== '') return differs(`accepted, but llhttp says ${early}`, early, 'accepted')
  if (node.messages[0]?.isDone) return differs('the answer ends earlier for llhttp', 'before', own.end)
  const late = node.feed(bytes.subarray(own.end - 1, own.end))
  if (late !== '') return differs(`accepted, but llhttp says ${late}`, late, 'accepted')
  const theirs = node.messages[0]
  if (own.isUntilClose && theirs?.isDone)
    return differs('the body has an end for llhttp', theirs.body.length, 'until close')
  if (own.isUntilClose) node.finish()
  if (!theirs?.isDone) return differs('the answer ends later for llhttp', 'after', own.end)

  if (theirs.status !== own.status || theirs.minor !== own.minor)
    return differs('status line', [theirs.status, theirs.minor], [own.status, own.minor])
  if (trimSpace(theirs.reason) !== trimSpace(own.reason)) return differs('reason', theirs.reason, own.reason)
  if (theirs.body !== own.body) return differs('body', theirs.body, own.body)
  if (JSON.stringify(pairsIn(own.trailers)) !== JSON.stringify(theirs.trailers))
    return differs('trailers', theirs.trailers, own.trailers)
  // llhttp reads Proxy-Connection like Connection, and judges an answer to HEAD before it is told of the method.
  const isExcused = method === 'HEAD' || theirs.fields.some(name => name.toLowerCase() === 'proxy-connection')
  if (own.isKeptAlive && !theirs.isKeptAlive && !isExcused)
    return differs('the connection is kept, llhttp closes it', false, true)
  return compareFields(differs, own, theirs)
}

// What is passed on are lines of the head in their order, and none that says where the message ends.
function compareFields(
  differs: (what: string, expected: unknown, got: unknown) => Finding,
  own: OwnResponse,
  theirs: NodeMessage,
): Finding | null {
  const kept = own.fields === '' ? [] : own.fields.slice(0, -2).split('\r\n')
  const pairs = pairsOf(theirs.fields)
  const options = pairs
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.toLowerCase().split(/[\t ]*,[\t ]*/))
  let at = 0
  for (const [name, value] of pairs) {
    const [keptName = '', keptValue = ''] = splitLine(kept[at])
    if (keptName === name && keptValue === trimSpace(value) && !isHopField(name.toLowerCase())) at++
    else if (!mayBeTaken(name.toLowerCase(), options))
      return differs('a field is lost', [name, value], kept[at] ?? null)
  }
  return at === kept.length ? null : differs('a field is passed on that must not be', 'nothing', kept[at])
}

function splitLine(line: string | undefined): string[] {
  const colon = line?.indexOf(':') ?? -1
  return line === undefined || colon < 0 ? [] : [line.slice(0, colon), trimSpace(line.slice(colon + 1))]
}

// TE means nothing in an answer.
function isHopField(name: string): boolean {
  return isFramingName(name) && name !== 'te'
}

function mayBeTaken(name: string, options: readonly string[]): boolean {
  return isFramingName(name) || /^(?:proxy-.*|alt-svc)$/.test(name) || options.includes(name)
}
