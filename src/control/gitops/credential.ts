// Hands git a token without writing it anywhere: git asks its credential helper (gitcredentials(7)), which asks a socket
// that only this user can open and that is there for one fetch. Neither an argument, nor an environment, nor a file has it.

import {mkdtemp, rm} from 'node:fs/promises'
import {createServer, type Server, type Socket} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {shellQuote} from './ssh.ts'

export type Credential = {
  /** For `-c`: makes git ask here and nowhere else. */
  readonly config: readonly string[]
  close(): Promise<void>
}

/** Runs the helper's file: '.ts' from source, '.js' as built. */
const HELPER = fileURLToPath(
  new URL(`./credential-helper${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
)
const QUESTION_MAX = 8 << 10
/** Any name will do beside a token; this is the one that GitHub's documentation has. */
const USER = 'x-access-token'

/** Answers for the host of `url` with `token`, and for nobody else: a redirect must not carry it away. */
export async function offerToken(url: string, token: string): Promise<Credential> {
  const folder = await mkdtemp(join(tmpdir(), 'routesd-git-'))
  const path = join(folder, 'token')
  const open = new Set<Socket>()
  const server = createServer({allowHalfOpen: true}, socket => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => socket.destroy())
    let question = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      question += chunk
      if (question.length > QUESTION_MAX) socket.destroy()
    })
    socket.on('end', () => socket.end(answer(question, new URL(url), token)))
  })
  await listening(server, path)
  const command = [process.execPath, HELPER, path].map(shellQuote).join(' ')
  return {
    // The empty one forgets every helper that a file has set up.
    config: ['credential.helper=', `credential.helper=!${command}`],
    async close() {
      for (const socket of open) socket.destroy()
      await new Promise(resolve => server.close(resolve))
      await rm(folder, {recursive: true, force: true})
    },
  }
}

// ---

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => resolve())
  })
}

// git-credential(1), INPUT/OUTPUT FORMAT.
function answer(question: string, {protocol, host, hostname}: URL, token: string): string {
  const asked = new Map(
    question.split('\n').map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  const isLocal = hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]'
  if (`${asked.get('protocol')}:` !== protocol || asked.get('host') !== host) return ''
  // On the way to another machine anybody could read it.
  if (protocol !== 'https:' && !isLocal) return ''
  return `username=${asked.get('username') ?? USER}\npassword=${token}\n`
}
