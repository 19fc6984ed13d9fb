// health of a service or a target: the question that each of its instances is asked, once however many members share it.

import {createHash} from 'node:crypto'
import {parseDuration} from '../../base/units.ts'
import type {Check, Instance} from '../../snapshot/snapshot.ts'
import type {Health} from '../config/types.ts'
import {asciiAuthority, asciiPath, fieldLine} from './ascii.ts'

// The `default`s of schemas/defs.schema.json; a test holds the two together.
export const DEFAULT_HEALTH = {
  expect: '200-399',
  interval: '5s',
  timeout: '2s',
  rise: 2,
  fall: 3,
  headers: {},
  startDown: false,
} as const

/** The check of an instance; null when nothing is asked. Its key says all of it. */
export function compileCheck(instance: Instance, written: Health | 'off' | false | undefined): Check | null {
  return typeof written === 'object' ? checkOf(instance, written) : null
}

// ---

function checkOf(instance: Instance, written: Health): Check {
  const {interval, timeout, rise, fall, startDown} = {...DEFAULT_HEALTH, ...written}
  const check = {
    instance: instance.key,
    probe: probeOf(written),
    intervalMs: toMs(interval),
    timeoutMs: toMs(timeout),
    rise,
    fall,
    startDown,
  }
  const asked = check.probe.kind === 'http' ? `GET ${check.probe.path}` : 'tcp'
  // All of it, as a mark: two services may ask the same and wait longer for the answer.
  const mark = createHash('sha256').update(JSON.stringify(check)).digest('hex').slice(0, 16)
  return {key: `${instance.key} ${asked} #${mark}`, ...check}
}

function probeOf(written: Health): Check['probe'] {
  const {tcp, path = '/', host = '', expect, headers} = {...DEFAULT_HEALTH, ...written}
  if (tcp) return {kind: 'tcp'}
  const {authority, lines} = splitHost(headers)
  return {
    kind: 'http',
    path: asciiPath(path),
    host: asciiAuthority(host === '' ? authority : host),
    fields: lines.join(''),
    expect: String(expect).split(',').map(rangeOf),
  }
}

// A Host among the headers means what `host` means: there is one Host in a request (RFC 9112 §3.2).
function splitHost(headers: Readonly<Record<string, string>>): {authority: string; lines: string[]} {
  const isHost = ([name]: [string, string]) => name.toLowerCase() === 'host'
  const fields = Object.entries(headers)
  return {
    authority: fields.find(isHost)?.[1] ?? '',
    lines: fields.filter(field => !isHost(field)).map(([name, value]) => fieldLine(name, value)),
  }
}

/** '200-399' → [200, 399], '204' → [204, 204]. */
function rangeOf(text: string): readonly [number, number] {
  const [from = '', to = from] = text.split('-')
  return [Number(from), Number(to)]
}

function toMs(text: string): number {
  const ms = parseDuration(text)
  if (ms === null) throw new Error(`not a duration: ${text}`)
  return ms
}
