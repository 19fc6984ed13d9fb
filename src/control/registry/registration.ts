// What an instance says of itself when it registers: {url} or {scheme, host, port}, and {path, tags, deploymentId}.

import {RegistryRefusal} from './refusal.ts'

/** Where an instance is, in normal form. */
export type Place = {
  /** With its port always: 'http://10.0.0.1:8080/base'. */
  readonly url: string
  readonly scheme: 'http' | 'https'
  /** A name or an IP address without brackets. */
  readonly host: string
  readonly port: number
  /** '' or '/base'. */
  readonly path: string
}

/** Reads a URL strictly, as the targets of routes.d are read, or says what is wrong with it. */
export type ReadPlace = (url: string) => Place | {readonly problem: string; readonly isDenied: boolean}

export type Registration = {
  readonly place: Place
  readonly tags: readonly string[]
  readonly deploymentId: string
}

const TAGS_MAX = 32
const CHARS_MAX = 256
const URL_CHARS_MAX = 2048

/** The registration in a body that was JSON; throws RegistryRefusal (400, or 403 for a place that is denied). */
export function readRegistration(body: unknown, readPlace: ReadPlace): Registration {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw bad('the body must be a JSON object, for example {"url": "http://10.0.0.1:8080"}')
  const unknown = Object.keys(body).find(key => !KEYS.includes(key))
  if (unknown !== undefined) throw bad(`unknown field ${JSON.stringify(unknown)}; there are ${KEYS.join(', ')}`)
  const fields = body as Readonly<Record<string, unknown>>
  const place = readPlace(urlOf(fields))
  if ('problem' in place) {
    if (place.isDenied) throw new RegistryRefusal(403, 'denied-target', place.problem)
    throw new RegistryRefusal(400, 'bad-url', place.problem)
  }
  return {place, tags: tagsOf(fields['tags']), deploymentId: textOf(fields, 'deploymentId') ?? ''}
}

// ---

const KEYS = ['url', 'scheme', 'host', 'port', 'path', 'tags', 'deploymentId']

function urlOf(fields: Readonly<Record<string, unknown>>): string {
  const path = textOf(fields, 'path') ?? ''
  if (path !== '' && !path.startsWith('/')) throw bad('"path" must begin with a slash')
  const url = textOf(fields, 'url', URL_CHARS_MAX)
  if (url === undefined) return originOf(fields) + path
  const other = ['scheme', 'host', 'port'].find(key => fields[key] !== undefined)
  if (other !== undefined) throw bad(`"url" says it all: leave ${JSON.stringify(other)} out`)
  if (path === '') return url
  const own = /^[^:]+:\/\/[^/]*(.*)$/.exec(url)?.[1] ?? ''
  if (own === '' || own === '/') return url.replace(/\/$/, '') + path
  if (own.replace(/\/$/, '') !== path.replace(/\/$/, '')) throw bad('"url" has another path than "path"')
  return url
}

function originOf(fields: Readonly<Record<string, unknown>>): string {
  const host = textOf(fields, 'host')
  if (host === undefined) throw bad('"url" is missing, or "host"')
  const {port} = fields
  if (port !== undefined && !Number.isInteger(port)) throw bad('"port" must be a number')
  const bare = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return `${textOf(fields, 'scheme') ?? 'http'}://${bare}${port === undefined ? '' : `:${port}`}`
}

function tagsOf(value: unknown): readonly string[] {
  if (value === undefined) return []
  const isGood =
    Array.isArray(value) &&
    value.length <= TAGS_MAX &&
    value.every(tag => typeof tag === 'string' && tag.length <= CHARS_MAX)
  if (!isGood) throw bad(`"tags" must be a list of at most ${TAGS_MAX} texts of at most ${CHARS_MAX} characters`)
  return value as readonly string[]
}

function textOf(fields: Readonly<Record<string, unknown>>, key: string, charsMax = CHARS_MAX): string | undefined {
  const value = fields[key]
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value.length > charsMax)
    throw bad(`${JSON.stringify(key)} must be a text of at most ${charsMax} characters`)
  return value
}

function bad(message: string): RegistryRefusal {
  return new RegistryRefusal(400, 'bad-request', message)
}
