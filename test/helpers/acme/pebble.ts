// Pebble, the test authority of Let's Encrypt, with its name server, on ports of their own (Debian: package pebble).

import {execFileSync, spawn} from 'node:child_process'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import {get} from 'node:https'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {Scope} from '../../../src/base/scope.ts'
import type {ChallengeAnswer} from '../../../src/snapshot/certificate.ts'
import type {Pair} from '../certificates.ts'
import {freePorts} from '../ports.ts'
import {until} from '../until.ts'
import {serverPair} from './authority.ts'

export type PebbleOptions = {
  readonly validityS?: number
  /** Percent of requests whose nonce is refused. */
  readonly badNonces?: number
  /** Percent of authorizations that are used again. */
  readonly reusedAuthorizations?: number
  readonly isStrict?: boolean
  /** Accounts are bound to those of these keys. */
  readonly externalKeys?: Readonly<Record<string, string>>
  /** Where http-01 is looked for; without it, at a port of the test's. */
  readonly httpPort?: number
}

export type Pebble = {
  readonly directoryUrl: string
  readonly port: number
  /** PEM of who signed its own certificate, and that pair. */
  readonly ca: string
  readonly server: Pair
  /** Where it looks for http-01. */
  readonly httpPort: number
  /** Its name server can be told what to say here. */
  readonly dnsApi: string
  /** PEM of who signs, after all, what it signs. */
  root(): Promise<string>
  log(): string
  stop(): Promise<void>
}

/** Whether it can run here; a test that needs it says so when not. */
export const hasPebble = canRun('pebble') && canRun('pebble-challtestsrv')

export async function pebbleOf(scope: Scope, options: PebbleOptions = {}): Promise<Pebble> {
  const folder = mkdtempSync(join(tmpdir(), 'routesd-pebble-'))
  scope.defer(() => rmSync(folder, {recursive: true}))
  const {ca, server} = serverPair()
  const [port = 0, management = 0, dns = 0, dnsApi = 0, free = 0] = await freePorts(5)
  const httpPort = options.httpPort ?? free
  writeFileSync(join(folder, 'cert.pem'), server.cert)
  writeFileSync(join(folder, 'key.pem'), server.key)
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: 'cert.pem',
    privateKey: 'key.pem',
    httpPort,
    tlsPort: 1,
    externalAccountBindingRequired: options.externalKeys !== undefined,
    externalAccountMACKeys: options.externalKeys ?? {},
    ...(options.validityS === undefined ? {} : {certificateValidityPeriod: options.validityS}),
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify({pebble}))
  const names = ['-dns01', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${dnsApi}`, '-defaultIPv6', '']
  const off = ['-http01', '', '-https01', '', '-tlsalpn01', '']
  const nameServer = start('pebble-challtestsrv', [...names, '-defaultIPv4', '127.0.0.1', ...off], folder)
  scope.defer(nameServer.stop)
  const args = ['-config', 'config.json', '-dnsserver', `127.0.0.1:${dns}`, ...(options.isStrict ? ['-strict'] : [])]
  const authority = start('pebble', args, folder, {
    PEBBLE_VA_NOSLEEP: '1',
    PEBBLE_WFE_NONCEREJECT: String(options.badNonces ?? 0),
    PEBBLE_AUTHZREUSE: String(options.reusedAuthorizations ?? 0),
  })
  scope.defer(authority.stop)
  await until('Pebble to listen', () => /Listening on: /.test(authority.said()), 15_000)
  await until('its name server', () => /Starting challenge servers|Creating/.test(nameServer.said()), 15_000)
  return {
    directoryUrl: `https://127.0.0.1:${port}/dir`,
    port,
    ca,
    server,
    httpPort,
    dnsApi: `http://127.0.0.1:${dnsApi}`,
    root: () => textAt(`https://127.0.0.1:${management}/roots/0`, ca),
    log: authority.said,
    stop: authority.stop,
  }
}

export type Responder = {
  setChallenges(answers: readonly ChallengeAnswer[]): Promise<void>
  answers(): readonly ChallengeAnswer[]
  /** Requests so far. */
  asked(): number
  /** What is answered in place of the right thing; null: the right thing. */
  lie(text: string | null): void
}

/** Answers http-01 where Pebble looks for it, as the data plane would: for its host, and for no other. */
export async function responderOf(scope: Scope, port: number): Promise<Responder> {
  let answers: readonly ChallengeAnswer[] = []
  let lie: string | null = null
  let asked = 0
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    asked++
    const host = (request.headers.host ?? '').replace(/:\d+$/, '')
    const token = (request.url ?? '').replace('/.well-known/acme-challenge/', '')
    const found = answers.find(answer => answer.host === host && answer.token === token)
    response.statusCode = found === undefined ? 404 : 200
    response.end(lie ?? found?.keyAuthorization ?? '')
  })
  await new Promise<void>(done => server.listen(port, '127.0.0.1', done))
  scope.defer(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    async setChallenges(next) {
      answers = next
    },
    answers: () => answers,
    asked: () => asked,
    lie(text) {
      lie = text
    },
  }
}

// ---

function textAt(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = get(url, {ca}, async answer => {
      let text = ''
      for await (const chunk of answer.setEncoding('utf8')) text += chunk
      resolve(text)
    })
    asked.on('error', reject)
  })
}

type Started = {said(): string; stop(): Promise<void>}

function start(command: string, args: readonly string[], cwd: string, env: Record<string, string> = {}): Started {
  const child = spawn(command, args, {cwd, env: {...process.env, ...env}, stdio: ['ignore', 'pipe', 'pipe']})
  let said = ''
  const keep = (data: Buffer) => {
    said += data.toString()
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const ended = new Promise<void>(done => void child.once('close', () => done()))
  return {
    said: () => said,
    async stop() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

function canRun(command: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`], {stdio: 'ignore'})
    return true
  } catch {
    return false
  }
}
