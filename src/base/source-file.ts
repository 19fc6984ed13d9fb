// A file of routes.d as it was read, from a work tree, a git object or the last good copy. The rest of the program does
// not care which.

export type SourceFile = {
  /** Relative to routes.d, with '/' on every system. */
  readonly path: string
  readonly text: string
  /** Of the bytes, hex. */
  readonly sha256: string
}
