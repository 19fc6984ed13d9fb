// A service of gRPC without its libraries: answers each message of a call with the same message, and every call with OK.
// node orders.ts [PORT]

import {createServer, type ServerHttp2Stream} from 'node:http2'

const server = createServer()
server.on('stream', (stream: ServerHttp2Stream) => {
  stream.respond({':status': 200, 'content-type': 'application/grpc'}, {waitForTrailers: true})
  stream.on('wantTrailers', () => stream.sendTrailers({'grpc-status': '0'}))
  stream.on('error', () => {})
  // A message is a byte, its length in four, and itself: what comes framed goes framed.
  stream.pipe(stream)
})
server.listen(Number(process.argv[2] ?? 9000), '127.0.0.1', () => console.log('orders listens on', server.address()))
