// Listen addresses as people write them: 8080, "8080", "127.0.0.1:8080", "[::1]:8080", ":8080" (every interface).

export type Address = {readonly host: string; readonly port: number}

/** The address, or null when it is none. A bare port listens on every interface ('::', which takes IPv4 too). */
export function parseAddress(text: string | number): Address | null {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(String(text))
  if (!match) return null
  const port = Number(match[3])
  if (port > 65535) return null
  return {host: match[1] ?? (match[2] || '::'), port}
}

export function formatAddress({host, port}: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
