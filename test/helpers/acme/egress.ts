// A program that orders a certificate and ends by itself, and then says where it has connected to and what it has looked up:
//
//   {"directory": "127.0.0.1:14000", "connected": ["127.0.0.1:14000"], "lookups": 0}
//
// By itself: whatever greenlock would do later keeps it alive until it has.

import {createHook} from 'node:async_hooks'
import {subscribe} from 'node:diagnostics_channel'
import type {Socket} from 'node:net'
import {createScope} from '../../../src/base/scope.ts'
import {labOf} from './issuer.ts'

const connected = new Set<string>()
let lookups = 0
subscribe('net.client.socket', message => {
  const {socket} = message as {socket: Socket}
  socket.once('connect', () => connected.add(`${socket.remoteAddress}:${socket.remotePort}`))
  socket.once('error', error => connected.add(String(error)))
})
createHook({
  init(_id, type) {
    if (type === 'GETADDRINFOREQWRAP' || type === 'QUERYWRAP') lookups++
  },
}).enable()

const scope = createScope()
const lab = await labOf(scope)
connected.clear()
lookups = 0
await lab.issuer.issue(['shop.example.com'])
await lab.issuer.issue(['www.example.com'])
await scope.close()
process.on('exit', () => {
  console.log(JSON.stringify({directory: `127.0.0.1:${lab.pebble.port}`, connected: [...connected], lookups}))
})
