// Fields that no route may write or take away: they say where a message ends and what becomes of the connection, which
// the data plane alone decides for each side (RFC 9110 §7.6.1, RFC 9112 §6).

/** `name` in any case. */
export function isManaged(name: string): boolean {
  return MANAGED.has(name.toLowerCase())
}

// ---

const MANAGED = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
