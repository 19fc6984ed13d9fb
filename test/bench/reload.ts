// What a reload costs: a real repository of many files, a real daemon in a process of its own, commits that change one line.
//
//   node test/bench/reload.ts [--routes 10000] [--files 2500] [--serve commit|worktree] [--bare] [--rounds 5] [--load]
//
// Processor time is that of all threads of the daemon, from the moment before the commit until 0.4 s after it is live on every
// worker; what the daemon spends in the same time without a commit is said beside it. A pause is the most processor
// time that a worker spent in one turn of its loop. git's own processes are not counted.

import {fork} from 'node:child_process'
import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {Agent, createServer, get} from 'node:http'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {parseArgs} from 'node:util'
import {cloneRepo, createRepo, type Repo} from '../helpers/repo.ts'
import type {Answer, Ask, Measured} from './reload/daemon.ts'

export type ReloadOptions = {
  readonly routes: number
  readonly files: number
  readonly serve: 'commit' | 'worktree'
  /** The repository has no work tree, as a mirror. */
  readonly bare: boolean
  readonly rounds: number
  /** Requests all the while. */
  readonly load: boolean
}

export type ReloadMeasured = {
  readonly readyMs: number
  readonly reloads: readonly Measured[]
  /** Of the same time without a change. */
  readonly idle: Measured
  /** Milliseconds of the main thread by stage, of one reload. */
  readonly stages: readonly (readonly [string, number])[]
}

const WARM_UP = 3
const CLIENTS = 4

/** Reloads a daemon that serves so many routes in so many files, each time after a commit that changes one line. */
export async function measureReloads(options: ReloadOptions): Promise<ReloadMeasured> {
  const folder = await mkdtemp(join(tmpdir(), 'routesd-reload-'))
  const origin = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1')
  await new Promise(resolve => origin.once('listening', resolve))
  const {port} = Object(origin.address())
  const {work, commit} = await repositoryIn(folder, options, port)
  const child = fork(new URL('./reload/daemon.ts', import.meta.url), [join(folder, 'routesd.yaml'), folder], {
    execArgv: ['--import', new URL('./reload/threads.ts', import.meta.url).href],
  })
  let stopLoad = () => {}
  try {
    const answer = () => new Promise<Answer>(resolve => child.once('message', message => resolve(message as Answer)))
    const ask = (message: Ask) => {
      const answered = answer()
      child.send(message)
      return answered
    }
    const ready = await answer()
    if (ready.kind !== 'ready') throw new Error('the daemon did not start')
    if (options.load) stopLoad = beginLoad(ready.port)
    const reload = async (kind: 'live' | 'profile'): Promise<Answer> => {
      await ask({kind: 'begin'})
      return ask({kind, revision: await commit()})
    }
    const measure = async (): Promise<Measured> => measuredIn(await reload('live'))
    for (let round = 0; round < WARM_UP; round++) await measure()
    const reloads: Measured[] = []
    for (let round = 0; round < options.rounds; round++) reloads.push(await measure())
    const profile = await reload('profile')
    const took = Math.max(...reloads.map(({tookMs}) => tookMs))
    await ask({kind: 'begin'})
    await new Promise(resolve => setTimeout(resolve, took))
    const idle = measuredIn(await ask({kind: 'live', revision: (await work.git('rev-parse', 'HEAD')).slice(0, 7)}))
    return {readyMs: ready.readyMs, reloads, idle, stages: profile.kind === 'profiled' ? profile.stages : []}
  } finally {
    stopLoad()
    const ended = new Promise(resolve => child.once('exit', resolve))
    if (child.exitCode === null && child.connected) {
      child.send({kind: 'stop'} satisfies Ask)
      await ended
    }
    origin.close()
    await rm(folder, {recursive: true, force: true})
  }
}

if (import.meta.main) {
  const {values} = parseArgs({
    options: {
      routes: {type: 'string', default: '10000'},
      files: {type: 'string', default: '2500'},
      serve: {type: 'string', default: 'commit'},
      rounds: {type: 'string', default: '5'},
      bare: {type: 'boolean', default: false},
      load: {type: 'boolean', default: false},
    },
  })
  const {readyMs, reloads, idle, stages} = await measureReloads({
    ...values,
    routes: Number(values.routes),
    files: Number(values.files),
    rounds: Number(values.rounds),
    serve: values.serve === 'worktree' ? 'worktree' : 'commit',
  })
  const line = (name: string, {cpuMs, mainMs, pauseMs, tookMs, rssMiB}: Measured) =>
    console.log(
      `${name.padEnd(10)} ${cpuMs.toFixed(0).padStart(6)} ms CPU, ${mainMs.toFixed(0).padStart(6)} of it main thread; ` +
        `longest pause of a worker ${pauseMs.toFixed(1)} ms; live after ${tookMs.toFixed(0)} ms; ${rssMiB.toFixed(0)} MiB`,
    )
  console.log(
    `${values.routes} routes in ${values.files} files, serve: ${values.serve}; ready in ${readyMs.toFixed(0)} ms`,
  )
  for (const reload of reloads) line('reload', reload)
  line('nothing', idle)
  const sorted = stages.toSorted(([, a], [, b]) => b - a)
  console.log(`main thread: ${sorted.map(([stage, ms]) => `${stage} ${ms.toFixed(1)}`).join(', ')} ms`)
}

// ---

async function repositoryIn(
  folder: string,
  {routes, files, serve, bare}: ReloadOptions,
  port: number,
): Promise<{work: Repo; commit: () => Promise<string>}> {
  const top = join(folder, bare ? 'work' : 'repo')
  let work: Repo
  if (bare) work = await cloneRepo(await createRepo(join(folder, 'repo'), '--bare'), top)
  else work = await createRepo(top)
  const nameOf = (file: number) => join(top, 'routes.d', `d${file % 100}`, `f${file}.yaml`)
  for (let file = 0; file < files; file++) {
    const count = Math.floor(((file + 1) * routes) / files) - Math.floor((file * routes) / files)
    const target = `http://10.${file >> 16}.${(file >> 8) & 255}.${file & 255}:8080`
    const paths = Array.from(
      {length: count},
      (_, route) => `- id: h${file}.example.com/p${route}\n  target: "${target}"\n`,
    )
    if (file < 100) await mkdir(dirname(nameOf(file)), {recursive: true})
    await writeFile(nameOf(file), paths.join(''))
  }
  await writeFile(join(top, 'routes.d', 'load.yaml'), `- id: load.localhost\n  target: "http://127.0.0.1:${port}"\n`)
  await writeFile(
    join(folder, 'routesd.yaml'),
    `workers: 2\nroutes: ${bare ? 'repo' : 'repo/routes.d'}\nlisten: {http: "127.0.0.1:0", service: off}\ngit: {serve: ${serve}}\n`,
  )
  let edits = 0
  const commit = async () => {
    const path = nameOf((edits++ * 7919) % files)
    const text = await readFile(path, 'utf8')
    await writeFile(
      path,
      text.replace(/target: "http:\/\/[0-9.]+:\d+"/, `target: "http://10.200.0.${edits % 250}:9090"`),
    )
    await work.git('commit', '--quiet', '--all', '--message', `edit ${edits}`)
    if (bare) await work.git('push', '--quiet', 'origin', 'HEAD:main')
    return (await work.git('rev-parse', 'HEAD')).slice(0, 7)
  }
  await work.commit('all')
  if (bare) await work.git('push', '--quiet', 'origin', 'HEAD:main')
  return {work, commit}
}

function measuredIn(answer: Answer): Measured {
  if (answer.kind !== 'measured') throw new Error(`an answer of kind ${answer.kind}`)
  return answer.measured
}

function beginLoad(port: number): () => void {
  const agent = new Agent({keepAlive: true, maxSockets: CLIENTS})
  let ended = false
  const next = () => {
    if (ended) return
    get({port, agent, headers: {host: 'load.localhost'}}, response => {
      response.resume()
      response.on('end', next)
    }).on('error', next)
  }
  for (let client = 0; client < CLIENTS; client++) next()
  return () => {
    ended = true
    agent.destroy()
  }
}
