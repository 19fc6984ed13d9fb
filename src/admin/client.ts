// The operator's end of the admin socket.

import {type ClientRequest, type IncomingMessage, request} from 'node:http'
import {createInterface} from 'node:readline'
import {AppError, codeOf, EXIT, messageOf} from '../base/errors.ts'
import {explainQuery} from './explain.ts'
import type {
  CertExport,
  CertImport,
  CertRoots,
  CertRow,
  ConfigDump,
  ConfirmAnswer,
  DrainAnswer,
  DrainBody,
  ErrorBody,
  Event,
  ExplainAnswer,
  ExplainAsked,
  HistoryRow,
  InstanceRow,
  RekeyAnswer,
  RekeyBody,
  ResumeAnswer,
  RollbackAnswer,
  RollbackBody,
  RouteRow,
  ServiceRow,
  Status,
  SuspendBody,
  Suspension,
  SyncAnswer,
  UndrainAnswer,
  UnweighAnswer,
  WeighAnswer,
  WeighBody,
} from './protocol.ts'
import {checkSocketPath} from './socket-path.ts'

const ANSWER_MS = 5000
// A sync waits for a fetch, which may be tried twice, and for the reload.
const ACT_MS = 180_000
const REKEY_MS = 300_000
const ANSWER_BYTES = 256 << 20
// Three heartbeats of the server: a stream that is silent for longer is dead.
const SILENCE_MS = 45_000

export type AdminClient = {
  status(): Promise<Status>
  routes(): Promise<readonly RouteRow[]>
  services(): Promise<readonly ServiceRow[]>
  instances(): Promise<readonly InstanceRow[]>
  certs(): Promise<readonly CertRow[]>
  importCert(given: CertImport): Promise<CertRow>
  exportCert(id: string, withKey: boolean): Promise<CertExport>
  renewCert(idOrName: string): Promise<CertRow>
  certRoots(): Promise<CertRoots>
  rekey(body: RekeyBody): Promise<RekeyAnswer>
  history(): Promise<readonly HistoryRow[]>
  config(): Promise<ConfigDump>
  explain(asked: ExplainAsked): Promise<ExplainAnswer>
  drain(id: string, body: DrainBody): Promise<DrainAnswer>
  undrain(id: string): Promise<UndrainAnswer>
  weigh(id: string, body: WeighBody): Promise<WeighAnswer>
  unweigh(id: string): Promise<UnweighAnswer>
  /** Waits for a fetch, so give the client time. */
  sync(): Promise<SyncAnswer>
  suspend(body: SuspendBody): Promise<Suspension>
  resume(): Promise<ResumeAnswer>
  confirm(): Promise<ConfirmAnswer>
  rollback(body: RollbackBody): Promise<RollbackAnswer>
  /** POST /v1/PATH, for actions that are chosen while the program runs. */
  act(path: string, body: unknown): Promise<unknown>
  /** Whether POST /v1/PATH is something that this daemon does; nothing is done. */
  canAct(path: string): Promise<boolean>
  /** The snapshot, then every event, until the daemon ends the stream, the loop is left or the signal aborts it. */
  events(signal?: AbortSignal): AsyncGenerator<Event, void, void>
}

/** The daemon has said no; `code` is that of its answer, 'not-found' for what it does not have. */
export class Refusal extends AppError {
  readonly code: string

  constructor({message, code}: ErrorBody['error']) {
    super(`the daemon refused: ${message} (${code})`)
    this.name = 'Refusal'
    this.code = code
  }
}

/** Calls fail with an AppError: exit code `unreachable` when nobody answers, a Refusal when the daemon says no. */
export function createAdminClient(socket: string, answerMs = ANSWER_MS): AdminClient {
  checkSocketPath(socket)
  return {
    status: async () => (await get(socket, '/v1/status', answerMs)) as Status,
    routes: async () => (await get(socket, '/v1/routes', answerMs)) as readonly RouteRow[],
    services: async () => (await get(socket, '/v1/services', answerMs)) as readonly ServiceRow[],
    instances: async () => (await get(socket, '/v1/instances', answerMs)) as readonly InstanceRow[],
    history: async () => (await get(socket, '/v1/history', answerMs)) as readonly HistoryRow[],
    drain: async (id, body) => (await post(socket, pathOf(id, 'drain'), body, answerMs)) as DrainAnswer,
    undrain: async id => (await post(socket, pathOf(id, 'undrain'), {}, answerMs)) as UndrainAnswer,
    weigh: async (id, body) => (await post(socket, pathOf(id, 'weight'), body, answerMs)) as WeighAnswer,
    unweigh: async id => (await post(socket, pathOf(id, 'unweight'), {}, answerMs)) as UnweighAnswer,
    certs: async () => (await get(socket, '/v1/certs', answerMs)) as readonly CertRow[],
    importCert: async given => (await post(socket, '/v1/certs/import', given, answerMs)) as CertRow,
    exportCert: async (id, withKey) => (await post(socket, '/v1/certs/export', {id, withKey}, answerMs)) as CertExport,
    renewCert: async id => (await post(socket, `/v1/certs/${encodeURIComponent(id)}/renew`, {}, answerMs)) as CertRow,
    certRoots: async () => (await post(socket, '/v1/certs/roots', {}, answerMs)) as CertRoots,
    // Every certificate is written anew, each to the disk: 1,000 take some seconds.
    rekey: async body => (await post(socket, '/v1/certs/rekey', body, Math.max(answerMs, REKEY_MS))) as RekeyAnswer,
    explain: async asked => (await get(socket, `/v1/explain?${explainQuery(asked)}`, answerMs)) as ExplainAnswer,
    config: async () => (await get(socket, '/v1/config', answerMs)) as ConfigDump,
    sync: async () => (await post(socket, '/v1/sync', {}, answerMs)) as SyncAnswer,
    suspend: async body => (await post(socket, '/v1/suspend', body, answerMs)) as Suspension,
    resume: async () => (await post(socket, '/v1/resume', {}, answerMs)) as ResumeAnswer,
    confirm: async () => (await post(socket, '/v1/confirm', {}, answerMs)) as ConfirmAnswer,
    rollback: async body => (await post(socket, '/v1/rollback', body, answerMs)) as RollbackAnswer,
    act: (path, body) => post(socket, `/v1/${path}`, body, Math.max(answerMs, ACT_MS)),
    canAct: path => canAct(socket, `/v1/${path}`, answerMs),
    events: signal => readEvents(socket, answerMs, signal),
  }
}

/** What is read, or null when this daemon has no such thing. */
export async function readIfThere<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof Refusal && error.code === 'not-found') return null
    throw error
  }
}

// ---

function pathOf(id: string, action: 'drain' | 'undrain' | 'weight' | 'unweight'): string {
  return `/v1/instances/${encodeURIComponent(id)}/${action}`
}

async function get(socket: string, path: string, answerMs: number): Promise<unknown> {
  return readAnswer(socket, await send(socket, 'GET', path, '', answerMs))
}

async function post(socket: string, path: string, body: unknown, answerMs: number): Promise<unknown> {
  return readAnswer(socket, await send(socket, 'POST', path, JSON.stringify(body), answerMs))
}

// GET changes nothing: what answers POST only says so with 405, and what is not there with 404.
async function canAct(socket: string, path: string, answerMs: number): Promise<boolean> {
  try {
    await get(socket, path, answerMs)
    return true
  } catch (error) {
    if (error instanceof Refusal) return error.code === 'method-not-allowed'
    throw error
  }
}

async function readAnswer(socket: string, {response, done}: Answer): Promise<unknown> {
  try {
    const body = JSON.parse(await text(response)) as unknown
    if (response.statusCode !== 200) throw refusal(body)
    return body
  } catch (error) {
    if (error instanceof AppError) throw error
    throw unreachableAt(socket, error)
  } finally {
    done()
  }
}

async function* readEvents(socket: string, answerMs: number, signal?: AbortSignal): AsyncGenerator<Event, void, void> {
  const {response, done} = await send(socket, 'GET', '/v1/events', '', answerMs)
  const leave = () => response.destroy()
  signal?.addEventListener('abort', leave)
  if (signal?.aborted) leave()
  try {
    if (response.statusCode !== 200) throw refusal(JSON.parse(await text(response)))
    response.socket.setTimeout(SILENCE_MS, () => response.destroy(new Error(`silent for ${SILENCE_MS / 1000} s`)))
    done()
    for await (const line of createInterface({input: response, crlfDelay: Number.POSITIVE_INFINITY})) {
      yield JSON.parse(line) as Event
    }
  } finally {
    done()
    signal?.removeEventListener('abort', leave)
    response.destroy()
  }
}

type Answer = {readonly response: IncomingMessage; readonly done: () => void}

// The whole call has one deadline, head and body together; `done` lifts it.
function send(socket: string, method: string, path: string, body: string, answerMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call: ClientRequest = request({socketPath: socket, method, path, agent: false, headers: {host: 'routesd'}})
    const timer = setTimeout(() => call.destroy(new Error(`no answer within ${answerMs / 1000} s`)), answerMs)
    const done = () => clearTimeout(timer)
    call.once('response', response => resolve({response, done}))
    call.on('error', error => {
      done()
      reject(unreachableAt(socket, error))
    })
    call.end(body)
  })
}

async function text(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length
    if (bytes > ANSWER_BYTES) throw new Error(`the answer is larger than ${ANSWER_BYTES} bytes`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function refusal(body: unknown): Refusal {
  return new Refusal((body as ErrorBody).error)
}

function unreachableAt(socket: string, cause: unknown): AppError {
  return new AppError(`no daemon at ${socket}: ${reason(cause)}`, {exitCode: EXIT.unreachable, cause})
}

function reason(cause: unknown): string {
  switch (codeOf(cause)) {
    case 'ENOENT':
      return 'there is no such socket; start one with `routesd run`'
    case 'ECONNREFUSED':
      return 'nobody listens any more; start one with `routesd run`'
    case 'EACCES':
    case 'EPERM':
      return 'the socket belongs to another user'
    default:
      return messageOf(cause)
  }
}
