// What one worker thread knows: the table in use, the clock, and the scratch records of its parsers.

import {createHostIndex, type HostIndex} from '../router/host-index.ts'
import {privateAnswers} from '../scoreboard/answers.ts'
import {type Bounds, type Doors, openDoors} from '../scoreboard/doors.ts'
import {gaugesOf} from '../scoreboard/gauges.ts'
import type {AccessLog} from './access-log.ts'
import type {Challenges} from './challenge.ts'
import type {Edge} from './edge.ts'
import type {ClientConnection} from './http1/client.ts'
import {ReadBuffers} from './http1/read-buffers.ts'
import {RequestHead} from './http1/request-head.ts'
import {ResponseHead} from './http1/response-head.ts'
import {WriteBuffer} from './http1/write-buffer.ts'
import {EndOfTurn} from './http2/end-of-turn.ts'
import {Pieces} from './http2/frame-writer.ts'
import {RequestFields} from './http2/request-fields.ts'
import type {Session} from './http2/session.ts'
import {createLiveState, type LiveState} from './live-state.ts'
import type {WorkerStart} from './messages.ts'
import {emptyTable, type Table} from './table.ts'
import {Ticks} from './ticks.ts'
import {type Handshake, serveSecured} from './tls/accept.ts'
import {type Certificates, createCertificates} from './tls/certificates.ts'
import type {Tracer} from './tracing/trace.ts'
import {createTrust, type Trust} from './trust.ts'

export class Thread {
  edge: Edge
  readonly live: LiveState
  readonly doors: Doors
  trust: Trust
  readonly ticks = new Ticks()
  readonly clients = new Set<ClientConnection>()
  /** Connections to the https port that are none yet. */
  readonly handshakes = new Set<Handshake>()
  readonly sessions = new Set<Session>()
  readonly certificates: Certificates
  /** Names whose first certificate is being ordered. */
  pendingNames: HostIndex<true> = createHostIndex()
  /** null: there are none. */
  challenges: Challenges | null = null
  /** Where https is served; 0: nowhere. */
  httpsPort = 0
  readonly readBuffers = new ReadBuffers()
  readonly writeBuffer = new WriteBuffer()
  readonly requestHead = new RequestHead()
  readonly responseHead = new ResponseHead()
  /** For HTTP/2: the fields of a request, its head as text, memory for what is sent, and who sends it. */
  readonly requestFields = new RequestFields()
  headBytes: Buffer
  readonly pieces = new Pieces()
  readonly endOfTurn = new EndOfTurn()
  readonly gauges: Float64Array
  /** null: nothing is written of an exchange. */
  access: AccessLog | null = null
  /** null: no request has spans. */
  tracer: Tracer | null = null
  /** Where requests are counted that no route has taken. */
  unrouted: {readonly answers: Float64Array; readonly answersAt: number} = {answers: privateAnswers(), answersAt: 0}
  /** Copies for mirrors that are under way. */
  copies = 0
  table: Table = emptyTable()
  /** Answers carry 'Connection: close' and idle clients are closed. */
  isDraining = false
  /** Called when the last client has gone while draining. */
  onEmpty: (() => void) | null = null

  constructor(
    {lane, lanes, edge, doors, doorsSeed, ticketKeys, gauges}: Omit<WorkerStart, 'access'>,
    onUnusable: (certificate: string, why: string) => void,
  ) {
    this.edge = edge
    this.headBytes = Buffer.allocUnsafeSlow(edge.headBytes)
    this.gauges = gaugesOf(gauges, lane)
    this.live = createLiveState(lane, this.ticks)
    this.doors = openDoors(doors, lane, lanes, doorsSeed, boundsOf(edge))
    this.trust = createTrust(edge.trustedProxies)
    this.certificates = createCertificates({
      minVersion: edge.minTlsVersion,
      ticketKeys,
      onServer: serveSecured,
      onUnusable: ({id}, why) => onUnusable(id, why),
    })
  }

  /** For connections that come from now on, and for the next requests of those that are there. */
  setEdge(edge: Edge): void {
    this.edge = edge
    // A head that did not fit would be cut off, and read as if it were whole.
    if (edge.headBytes > this.headBytes.length) this.headBytes = Buffer.allocUnsafeSlow(edge.headBytes)
    this.trust = createTrust(edge.trustedProxies)
    this.doors.setBounds(boundsOf(edge))
    this.certificates.setMinVersion(edge.minTlsVersion)
  }

  isEmpty(): boolean {
    return this.clients.size === 0 && this.sessions.size === 0 && this.handshakes.size === 0
  }

  /** To be called when a client has gone. */
  tellWhenEmpty(): void {
    if (this.isDraining && this.isEmpty()) this.onEmpty?.()
  }
}

// ---

function boundsOf({maxConnections, perClient}: Edge): Bounds {
  return {total: maxConnections, perClient}
}
