// The event stream: one JSON object per line. A reader first gets a snapshot that carries the number of the last event,
// then every event after it, so a reader that counts sees a gap. A reader that does not read is dropped: it would
// otherwise hold every event of the daemon in memory.

import type {ServerResponse} from 'node:http'
import type {Event, EventBody, Operations} from './protocol.ts'

const READERS = 32
const UNSENT_BYTES = 1 << 20
const HEARTBEAT_MS = 15_000

export type EventStream = {
  /** Sends events to this response until either side ends; false when there are too many readers already. */
  add(response: ServerResponse): boolean
  /** Ends every reader. */
  close(): void
}

export function createEventStream(operations: Operations, heartbeatMs = HEARTBEAT_MS): EventStream {
  const readers = new Set<ServerResponse>()
  let seq = 0

  const broadcast = (body: EventBody) => {
    seq += 1
    const line = render(seq, body)
    for (const reader of readers) send(reader, line)
  }
  const unsubscribe = operations.subscribe(broadcast)
  const heartbeat = setInterval(broadcast, heartbeatMs, {type: 'heartbeat'} satisfies EventBody)
  heartbeat.unref()

  return {
    add(response) {
      if (readers.size >= READERS) return false
      response.writeHead(200, {'content-type': 'application/x-ndjson', 'cache-control': 'no-store'})
      response.write(render(seq, {type: 'snapshot', status: operations.status()}))
      readers.add(response)
      response.once('close', () => readers.delete(response))
      return true
    },
    close() {
      unsubscribe()
      clearInterval(heartbeat)
      for (const reader of readers) reader.end()
      readers.clear()
    },
  }
}

// ---

function render(seq: number, body: EventBody): string {
  const event: Event = {seq, at: new Date().toISOString(), ...body}
  return `${JSON.stringify(event)}\n`
}

function send(reader: ServerResponse, line: string): void {
  reader.write(line)
  if (reader.writableLength > UNSENT_BYTES) reader.destroy()
}
