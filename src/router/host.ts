// The host of a request, decided once: lower case, no port, no trailing dot. Everything that is not plainly a host name or
// an IP literal is refused, because the instance behind us may read it differently (RFC 9110 §7.2, RFC 3986 §3.2.2).

const HOST_CHARS_MAX = 255

/**
 * 'Shop.Example.com.:8080' → 'shop.example.com', '[::1]:80' → '[::1]'; '' when the value is not a valid Host.
 * The empty Host that the grammar allows is refused too: nothing can be routed by it.
 */
export function normalizeHost(value: string): string {
  if (value.length === 0 || value.length > HOST_CHARS_MAX) return ''
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(value)
  if (!match || Number(match[2] ?? 0) > 65535) return ''
  const host = (match[1] ?? '').toLowerCase()
  const bare = host.endsWith('.') ? host.slice(0, -1) : host
  return bare === '' || bare.startsWith('.') || host.includes('..') ? '' : bare
}

/** 'a.example.com' → 'example.com'; '' for a bare name and for an IP, so that '*.localhost' never takes 'localhost'. */
export function parentOf(host: string): string {
  const dot = host.indexOf('.')
  return dot < 0 || host.startsWith('[') ? '' : host.slice(dot + 1)
}
