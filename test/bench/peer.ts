// One process of the end-to-end benchmark: `peer.ts ROLE ORIGIN-PORT COLLECTOR-PORT`, prints its port.

import {mkdtempSync} from 'node:fs'
import {Agent, createServer, request} from 'node:http'
import {createServer as createTcpServer} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import httpProxy from 'http-proxy'
import {systemClock} from '../../src/base/clock.ts'
import {silentLog} from '../../src/base/log.ts'
import {createScope} from '../../src/base/scope.ts'
import {createTracing} from '../../src/control/tracing/tracing.ts'
import {proxyOf, proxyServing} from '../helpers/proxy.ts'
import {compiled} from '../helpers/written.ts'

const [, , role, originText, collectorText] = process.argv
const origin = Number(originText)
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n${'x'.repeat(1024)}`,
)

/** Loopback has more addresses than one: other instances. */
const OTHER_HOSTS = ['127.0.0.2', '127.0.0.3']

console.log(await listenAs(role ?? ''))

// ---

async function listenAs(name: string): Promise<number> {
  switch (name) {
    case 'origin': {
      const port = await portOf(answering())
      for (const host of OTHER_HOSTS) await new Promise<void>(resolve => answering().listen(port, host, resolve))
      return port
    }
    case 'ours':
      return (await proxyOf(createScope(), {'x.localhost': `http://127.0.0.1:${origin}`})).port
    case 'ours, logging': {
      const access = {path: join(mkdtempSync(join(tmpdir(), 'routesd-bench-')), 'access.log'), format: 'json'} as const
      return (await proxyOf(createScope(), {'x.localhost': `http://127.0.0.1:${origin}`}, {access})).port
    }
    case 'ours, tracing 0%':
    case 'ours, tracing 10%':
    case 'ours, tracing 100%':
      return tracing(Number(/\d+/.exec(name)?.[0]) / 100)
    case 'ours, 2 workers':
      return (await proxyOf(createScope(), {'x.localhost': `http://127.0.0.1:${origin}`}, {workers: 2})).port
    case 'ours, 3 instances': {
      const instances = ['127.0.0.1', ...OTHER_HOSTS].map(host => `http://${host}:${origin}`)
      const yaml = `routes: [{id: x.localhost, service: s}]\nservices: [{slug: s, instances: [${instances.join(', ')}]}]\n`
      return (await proxyServing(createScope(), compiled({'a.yaml': yaml}))).port
    }
    case 'http-proxy': {
      const proxy = httpProxy.createProxyServer({agent: new Agent({keepAlive: true, maxSockets: 256}), xfwd: true})
      return portOf(
        createServer((incoming, outgoing) => proxy.web(incoming, outgoing, {target: `http://127.0.0.1:${origin}`})),
      )
    }
    default:
      return portOf(plainProxy())
  }
}

async function tracing(sampling: number): Promise<number> {
  const exporter = createTracing({clock: systemClock, log: silentLog, version: '0'})
  const url = `http://127.0.0.1:${collectorText}/v1/traces`
  exporter.use({url, timeoutMs: 10_000, service: 'bench', readHeaders: async () => ({})})
  const options = {forward: {traceparent: true}, sampling, onSpans: exporter.take}
  return (await proxyOf(createScope(), {'x.localhost': `http://127.0.0.1:${origin}`}, options)).port
}

function answering() {
  return createTcpServer(
    {noDelay: true},
    socket => void socket.on('data', () => socket.write(ANSWER)).on('error', () => {}),
  )
}

// The least that node:http needs for the same work.
function plainProxy() {
  const agent = new Agent({keepAlive: true, maxSockets: 256})
  return createServer((incoming, outgoing) => {
    const {method, url: path, headers} = incoming
    const forwarded = {...headers, 'x-forwarded-for': incoming.socket.remoteAddress}
    const upstream = request({agent, host: '127.0.0.1', port: origin, method, path, headers: forwarded}, answer => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    incoming.pipe(upstream)
  })
}

function portOf(server: ReturnType<typeof createTcpServer>): Promise<number> {
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(address !== null && typeof address === 'object' ? address.port : 0)
    })
  })
}
