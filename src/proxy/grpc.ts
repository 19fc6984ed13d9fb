// What gRPC wants beyond HTTP/2 (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).

import type {Exchange} from './exchange.ts'
import {FAILURES, type FailureCode} from './failure.ts'
import {fieldValue} from './http1/field.ts'

/** Are these the fields of a call of gRPC? gRPC-Web is none: its answers go to browsers, which want plain HTTP. */
export function isCall(method: string, fields: string): boolean {
  return method === 'POST' && /^application\/grpc(?:$|[+; ])/i.test(fieldValue(fields, 'content-type'))
}

/**
 * May the client be silent while it sends? In a call both sides speak when they have something to say, and the instance
 * loses no more by it than a stream.
 */
export function mayBeSilent({isGrpc, origin}: Exchange): boolean {
  return isGrpc && origin !== null && origin.http2 !== null
}

/**
 * The head of an answer of our own to a call, which has no body: clients of gRPC look for a grpc-status, not for a status of
 * HTTP, as Envoy answers them.
 */
export function callFailure(code: FailureCode, fields: string, text: string): string {
  const {status, error} = FAILURES[code]
  return (
    `HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: ${grpcStatusOf(status)}\r\n` +
    `grpc-message: ${text.replaceAll('%', '%25')}\r\nProxy-Status: routesd; error=${error}\r\n${fields}\r\n`
  )
}

// ---

const UNKNOWN = 2
const UNAVAILABLE = 14

// What clients make of the status of HTTP where there is no grpc-status
// (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
function grpcStatusOf(status: number): number {
  return GRPC_STATUS[status] ?? UNKNOWN
}

const GRPC_STATUS: Readonly<Record<number, number>> = {
  400: 13,
  401: 16,
  403: 7,
  404: 12,
  429: UNAVAILABLE,
  502: UNAVAILABLE,
  503: UNAVAILABLE,
  504: UNAVAILABLE,
}
