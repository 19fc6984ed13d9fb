// Everything that can go wrong on a request's way, as one table: the status we answer, the error type of RFC 9209 §2.3 for
// Proxy-Status, and whether another try is allowed. The same code stands in logs, metrics and the terminal UI.

export type Retry =
  /** Not at all. */
  | 'never'
  /** Nothing of the request can have reached an instance. */
  | 'if-unsent'
  /** The connection was an idle one that the instance may have closed as we wrote (RFC 9112 §9.3.1). */
  | 'if-reused'

export type Failure = {
  readonly status: number
  readonly reason: string
  /** RFC 9209 §2.3; '' for answers that say nothing about the next hop. */
  readonly error: string
  readonly retry: Retry
  /** One sentence for the body. */
  readonly text: string
}

export type FailureCode = keyof typeof FAILURES

const client = (status: number, reason: string, text: string): Failure => ({
  status,
  reason,
  error: 'http_request_error',
  retry: 'never',
  text,
})
const instance = (status: 502 | 503 | 504, error: string, retry: Retry, text: string): Failure => ({
  status,
  reason: status === 502 ? 'Bad Gateway' : status === 503 ? 'Service Unavailable' : 'Gateway Timeout',
  error,
  retry,
  text,
})

export const FAILURES = {
  'bad-request': client(400, 'Bad Request', 'the request is not valid HTTP/1.1'),
  'bad-host': client(400, 'Bad Request', 'the request needs one valid Host'),
  'bad-framing': client(400, 'Bad Request', 'the length of the request is not clear'),
  'bad-path': client(400, 'Bad Request', 'the path can be read in two ways'),
  'bad-chunk': client(400, 'Bad Request', 'the body is not valid chunked coding'),
  'no-route': {
    status: 404,
    reason: 'Not Found',
    error: 'destination_not_found',
    retry: 'never',
    text: 'no route takes this URL',
  },
  'unknown-service': {
    status: 404,
    reason: 'Not Found',
    error: 'destination_not_found',
    retry: 'never',
    text: 'there is no service with this slug',
  },
  'no-healthy-instance': {
    status: 404,
    reason: 'Not Found',
    error: 'destination_unavailable',
    retry: 'if-unsent',
    text: 'no instance of this service is healthy',
  },
  'method-refused': client(405, 'Method Not Allowed', 'this method is not served here'),
  'head-timeout': client(408, 'Request Timeout', 'the request did not arrive in time'),
  'uri-too-long': client(414, 'URI Too Long', 'the target is longer than 8 KiB'),
  'unmet-expectation': client(417, 'Expectation Failed', 'the only expectation met here is 100-continue'),
  'head-too-large': client(431, 'Request Header Fields Too Large', 'the header section is too large'),
  'unknown-method': client(501, 'Not Implemented', 'the method is not known here'),
  'unknown-coding': client(501, 'Not Implemented', 'the only transfer coding understood here is chunked'),
  'body-timeout': client(408, 'Request Timeout', 'the body arrived too slowly'),
  'upgrade-invalid': client(400, 'Bad Request', 'the request is not a valid WebSocket handshake'),
  misdirected: client(421, 'Misdirected Request', 'this connection was made for another host'),
  'client-certificate-required': client(403, 'Forbidden', 'this host wants a certificate of the client'),
  'not-tls': client(400, 'Bad Request', 'https is spoken on this port'),
  'version-unsupported': client(505, 'HTTP Version Not Supported', 'HTTP/1.0 and HTTP/1.1 are served here'),
  'too-many-connections': instance(503, 'connection_limit_reached', 'never', 'there are too many connections'),
  'loop-detected': instance(502, 'proxy_loop_detected', 'never', 'the request has been here before'),
  'no-instance': instance(503, 'destination_unavailable', 'if-unsent', 'no instance can take the request'),
  'all-down': instance(
    503,
    'destination_unavailable',
    'if-unsent',
    'no instance can take the request: all were found down',
  ),
  'all-drained': instance(
    503,
    'destination_unavailable',
    'if-unsent',
    'no instance can take the request: all are drained or marked as down',
  ),
  'circuit-open': instance(
    503,
    'destination_unavailable',
    'never',
    'too many requests have failed: the circuit of the instances is open',
  ),
  'all-busy': instance(
    503,
    'connection_limit_reached',
    'never',
    'every instance has as many requests under way as it may have',
  ),
  'queue-full': instance(503, 'connection_limit_reached', 'never', 'too many requests wait for an instance'),
  'queue-timeout': instance(503, 'connection_limit_reached', 'never', 'no instance had a place in time'),
  'name-unresolved': instance(503, 'dns_error', 'if-unsent', 'the name of the instance does not resolve'),
  'connect-refused': instance(502, 'connection_refused', 'if-unsent', 'the instance refused the connection'),
  'connect-failed': instance(502, 'destination_ip_unroutable', 'if-unsent', 'the instance cannot be reached'),
  'connect-timeout': instance(504, 'connection_timeout', 'if-unsent', 'the instance did not accept in time'),
  'tls-failed': instance(502, 'tls_protocol_error', 'if-unsent', 'no TLS connection to the instance came about'),
  'tls-alpn': instance(
    502,
    'tls_protocol_error',
    'if-unsent',
    'the instance does not agree to speak HTTP/2 over TLS (ALPN h2)',
  ),
  'not-http2': instance(502, 'http_protocol_error', 'if-unsent', 'the instance does not speak HTTP/2'),
  'no-stream': instance(503, 'connection_limit_reached', 'if-unsent', 'the instance takes no more streams of HTTP/2'),
  'stream-refused': instance(503, 'destination_unavailable', 'if-unsent', 'the instance refused the stream unseen'),
  'certificate-invalid': instance(
    502,
    'tls_certificate_error',
    'if-unsent',
    'the certificate of the instance is not valid',
  ),
  'send-timeout': instance(504, 'connection_write_timeout', 'never', 'the instance did not take the request in time'),
  'upgrade-unsupported': {
    status: 501,
    reason: 'Not Implemented',
    error: 'http_upgrade_failed',
    retry: 'never',
    text: 'the instances speak HTTP/2, to which a connection cannot be upgraded',
  },
  'upgrade-failed': instance(502, 'http_upgrade_failed', 'never', 'the instance did not agree to the upgrade'),
  'send-failed': instance(502, 'connection_terminated', 'if-reused', 'the instance closed before it answered'),
  'response-timeout': instance(504, 'http_response_timeout', 'never', 'the instance did not answer in time'),
  'response-invalid': instance(502, 'http_protocol_error', 'never', 'the instance answered with invalid HTTP'),
  'response-head-too-large': instance(
    502,
    'http_response_header_section_size',
    'never',
    'the header section of the answer is too large',
  ),
  'response-incomplete': instance(502, 'http_response_incomplete', 'never', 'the answer of the instance broke off'),
  'internal-error': {
    status: 500,
    reason: 'Internal Server Error',
    error: 'proxy_internal_error',
    retry: 'never',
    text: 'a fault in the proxy',
  },
} as const satisfies Record<string, Failure>

/** Service mode has its own words for two things: a slug is not found, and neither is a service that nobody answers for. */
export function inServiceMode(code: FailureCode): FailureCode {
  if (code === 'no-route') return 'unknown-service'
  return code in UNHEALTHY ? 'no-healthy-instance' : code
}

/** What the body says: the sentence of the code, and for what service mode calls otherwise the reason, too. */
export function textOf(code: FailureCode, reason: FailureCode): string {
  const why = code === 'no-healthy-instance' ? UNHEALTHY[reason] : ''
  return why ? `${FAILURES[code].text}: ${why}` : FAILURES[code].text
}

/** A client that sends what it should not is not listened to any further. */
export function endsConnection(code: FailureCode): boolean {
  return FAILURES[code].error === 'http_request_error'
}

/** Did an instance that was asked fail, as opposed to the client or us? */
export function blamesInstance(code: FailureCode): boolean {
  return BLAMED.has(code)
}

// ---

const BLAMED: ReadonlySet<FailureCode> = new Set([
  'connect-refused',
  'connect-failed',
  'connect-timeout',
  'tls-failed',
  'tls-alpn',
  'not-http2',
  'no-stream',
  'stream-refused',
  'certificate-invalid',
  'send-timeout',
  'send-failed',
  'upgrade-failed',
  'response-timeout',
  'response-invalid',
  'response-head-too-large',
  'response-incomplete',
])

// An instance that is healthy and has no room, or is behind an open circuit, is there: that stays a 503.
const UNHEALTHY: Readonly<Partial<Record<FailureCode, string>>> = {
  'no-instance': '',
  'all-down': 'all were found down',
  'all-drained': 'all are drained or marked as down',
  'name-unresolved': 'their names do not resolve',
}
