// The body of a request.

/** The JSON object that a body is, {} for an empty one, null for anything else. */
export function parseObject(text: string): Record<string, unknown> | null {
  if (text.trim() === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? {...value} : null
  } catch {
    return null
  }
}
