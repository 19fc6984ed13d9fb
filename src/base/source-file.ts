// A file of routes.d as it was read, from a work tree, a git object or the last good copy. The rest of the program does
// not care which.

export type SourceFile = {
  /** Relative to routes.d, with '/' on every system. */
  readonly path: string
  readonly text: string
  /** Of the bytes, hex. */
  readonly sha256: string
}

/** What a set of files may hold, wherever it is read from. What is beyond is refused before a parser sees it. */
export const SOURCE_BOUNDS = {
  fileBytes: 16 * 2 ** 20,
  totalBytes: 256 * 2 ** 20,
  /** Files and folders together. */
  entries: 50_000,
} as const
