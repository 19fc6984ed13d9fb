// A repository as forges offer it: git's own CGI program behind http or https, for whoever has the token, and a real sshd.

import {execFileSync, spawn} from 'node:child_process'
import {existsSync, mkdirSync} from 'node:fs'
import {mkdir, writeFile} from 'node:fs/promises'
import {createServer as createHttp, type IncomingMessage, type ServerResponse} from 'node:http'
import {createServer as createHttps} from 'node:https'
import {type AddressInfo, createServer} from 'node:net'
import {userInfo} from 'node:os'
import type {Pair} from './certificates.ts'
import type {Folder} from './folder.ts'

/** The URL of a folder whose repositories are there for whoever has the token now. */
export async function gitOverHttp(folder: Folder, token: () => string, tls?: Pair): Promise<string> {
  const program = `${execFileSync('git', ['--exec-path'], {encoding: 'utf8'}).trim()}/git-http-backend`
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const wanted = Buffer.from(`x-access-token:${token()}`).toString('base64')
    if (request.headers.authorization === `Basic ${wanted}`) runCgi(program, folder.path, request, response)
    else response.writeHead(401, {'WWW-Authenticate': 'Basic realm="git"'}).end()
  }
  return listenHttp(folder, answer, tls)
}

/** An http server, or with a certificate an https one, that ends with the folder's scope; its URL. */
export async function listenHttp(
  folder: Folder,
  on: (request: IncomingMessage, response: ServerResponse) => void,
  tls?: Pair,
): Promise<string> {
  const server = tls === undefined ? createHttp(on) : createHttps(tls, on)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  folder.scope.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  return `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const SSHD = '/usr/sbin/sshd'
/** Why there can be no sshd here; null when there can. */
export const noSshd = existsSync(SSHD) ? null : 'openssh-server is not installed'

export type Sshd = {
  /** Of a folder, without its path. */
  readonly url: string
  /** A line of known_hosts for the key that it has. */
  readonly knownHost: string
  /** One that it has not. */
  readonly otherHost: string
  /** Files of private keys: one that is let in, the same with a passphrase, one that is not let in. */
  readonly keys: {readonly good: string; readonly locked: string; readonly other: string}
}

/** An sshd that lets in who runs the test, by key alone, on a port of its own. */
export async function startSshd(folder: Folder): Promise<Sshd> {
  await mkdir(folder.at('ssh'), {mode: 0o700})
  const make = (name: string, passphrase = '') => {
    const path = folder.at(`ssh/${name}`)
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-C', name, '-f', path])
    return {path, line: execFileSync('ssh-keygen', ['-y', '-P', passphrase, '-f', path], {encoding: 'utf8'}).trim()}
  }
  const [host, otherHost] = [make('host'), make('other-host')]
  const [good, locked, other] = [make('good'), make('locked', 'a passphrase'), make('other')]
  await writeFile(folder.at('ssh/authorized_keys'), `${good.line}\n${locked.line}\n`)
  const config = [
    `HostKey ${host.path}`,
    `AuthorizedKeysFile ${folder.at('ssh/authorized_keys')}`,
    // Folders below /tmp are not what it would call private.
    ...['StrictModes no', 'UsePAM no', 'PermitRootLogin yes'],
    ...['PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'PrintMotd no'],
  ]
  await writeFile(folder.at('ssh/sshd_config'), `${config.join('\n')}\n`)
  // What its package leaves to the init system; without it sshd does not start as root.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', {recursive: true, mode: 0o755})
  // As inetd does it: we accept, and each connection gets an sshd of its own, so no port has to be guessed.
  const server = createServer({pauseOnConnect: true}, socket => {
    const child = spawn(SSHD, ['-i', '-f', folder.at('ssh/sshd_config')], {stdio: [socket, socket, 'ignore']})
    child.on('close', () => socket.destroy())
    socket.on('error', () => {})
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  folder.scope.defer(() => {
    server.close()
  })
  const {port} = server.address() as AddressInfo
  const known = (line: string) => `[127.0.0.1]:${port} ${line}\n`
  return {
    url: `ssh://${userInfo().username}@127.0.0.1:${port}`,
    knownHost: known(host.line),
    otherHost: known(otherHost.line),
    keys: {good: good.path, locked: locked.path, other: other.path},
  }
}

// ---

function runCgi(file: string, root: string, request: IncomingMessage, response: ServerResponse): void {
  const [path = '', query = ''] = (request.url ?? '').split('?')
  const env = {
    ...{PATH: process.env['PATH'], GIT_PROJECT_ROOT: root, GIT_HTTP_EXPORT_ALL: '1', PATH_INFO: path},
    ...{QUERY_STRING: query, REQUEST_METHOD: request.method, CONTENT_TYPE: request.headers['content-type']},
    ...{HTTP_CONTENT_ENCODING: request.headers['content-encoding'], REMOTE_USER: 'x', GIT_PROTOCOL: ''},
  }
  const child = spawn(file, {env})
  request.pipe(child.stdin)
  const out: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.on('close', () => {
    const all = Buffer.concat(out)
    const end = all.indexOf('\r\n\r\n')
    const fields = all
      .toString('latin1', 0, end)
      .split('\r\n')
      .map(line => line.split(': '))
    const status = Number(fields.find(([name]) => name === 'Status')?.[1]?.slice(0, 3) ?? 200)
    for (const [name = '', value = ''] of fields) if (name !== 'Status') response.setHeader(name, value)
    response.writeHead(status).end(all.subarray(end + 4))
  })
}
