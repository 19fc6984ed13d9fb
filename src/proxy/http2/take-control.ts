// Frames that concern no request of their own: settings, windows, and streams that a client takes back.

import {
  ACK,
  FLOW_CONTROL_ERROR,
  FRAME_BYTES_MAX,
  FRAME_SIZE_ERROR,
  HEADER_TABLE_SIZE,
  INITIAL_WINDOW_SIZE,
  MAX_FRAME_SIZE,
  PROTOCOL_ERROR,
  readUint32,
  SETTINGS,
  WINDOW_BYTES_MAX,
} from './frame.ts'
import type {Session} from './session.ts'

/** What MAX_FRAME_SIZE may be at most (RFC 9113 §6.5.2). */
const FRAME_SIZE_MAX = 0xff_ff_ff
/** Honest clients open windows by a good part of what they are. */
const SMALL_UPDATE_BYTES = 512

/** RFC 9113 §6.5: what the client wants, in `bytes[from, to)`. */
export function takeSettings(
  session: Session,
  isAck: boolean,
  stream: number,
  bytes: Buffer,
  from: number,
  to: number,
): void {
  if (stream !== 0) {
    session.end(PROTOCOL_ERROR)
    return
  }
  if ((to - from) % 6 !== 0 || (isAck && to > from)) {
    session.end(FRAME_SIZE_ERROR)
    return
  }
  if (isAck) return
  for (let at = from; at < to && !session.isOver; at += 6) {
    take(session, ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0), readUint32(bytes, at + 2))
  }
  if (!session.isOver) session.say(SETTINGS, ACK, 0, [])
}

/** RFC 9113 §6.9: the client takes so many bytes more, of a stream or of all. */
export function takeWindowUpdate(session: Session, id: number, bytes: number): void {
  const stream = session.streams.get(id)
  // Windows that open by a few bytes make frames of a few bytes (CVE-2019-9511).
  if (bytes < SMALL_UPDATE_BYTES) session.countCostly()
  if (id > session.lastStream || (bytes === 0 && stream === undefined)) {
    session.end(PROTOCOL_ERROR)
  } else if (id === 0) {
    session.sendWindow += bytes
    if (session.sendWindow > WINDOW_BYTES_MAX) session.end(FLOW_CONTROL_ERROR)
    else session.pump()
  } else if (bytes === 0) {
    stream?.blame(PROTOCOL_ERROR)
  } else if (stream?.widen(bytes) === false) {
    stream.blame(FLOW_CONTROL_ERROR)
  } else {
    session.pump()
  }
}

/** RFC 9113 §6.4: the client does not want the answer any more. */
export function takeReset(session: Session, id: number): void {
  const stream = session.streams.get(id)
  if (id === 0 || id > session.lastStream) {
    session.end(PROTOCOL_ERROR)
  } else if (stream === undefined) {
    // It has ended; both may have been on their way.
    session.countCostly()
  } else {
    stream.abandon()
    session.countReset()
  }
}

// ---

function take(session: Session, id: number, value: number): void {
  if (id === HEADER_TABLE_SIZE) {
    session.encoder.resize(value)
  } else if (id === INITIAL_WINDOW_SIZE) {
    if (value > WINDOW_BYTES_MAX) session.end(FLOW_CONTROL_ERROR)
    else widenAll(session, value)
  } else if (id === MAX_FRAME_SIZE && (value < FRAME_BYTES_MAX || value > FRAME_SIZE_MAX)) {
    session.end(PROTOCOL_ERROR)
  }
}

// RFC 9113 §6.9.2: streams that are open change by as much as new ones, and may be below nothing.
function widenAll(session: Session, window: number): void {
  const more = window - session.streamSendWindow
  session.streamSendWindow = window
  for (const stream of session.streams.values()) {
    if (stream.widen(more)) continue
    session.end(FLOW_CONTROL_ERROR)
    return
  }
  session.pump()
}
