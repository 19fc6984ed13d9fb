// A problem in somebody's file, as data: where it is, what is wrong, what to do. The same value feeds check, the log,
// the status and the terminal UI.

export type Severity = 'error' | 'warning'

export type Diagnostic = {
  /** Stable id of the rule, e.g. 'unknown-key', 'duplicate-id'. */
  readonly rule: string
  readonly severity: Severity
  /** As the user would name it: relative to where the files were read from, e.g. 'routes.d/shop.yaml'. */
  readonly file: string
  /** 1-based; endColumn is the column after the last character. */
  readonly line: number
  readonly column: number
  readonly endLine: number
  readonly endColumn: number
  /** Path in the YAML: '/routes/0/timeouts/connect'; '' for the file. */
  readonly path: string
  readonly message: string
  /** What to do about it, or null. */
  readonly hint: string | null
  /** The line of the file and a caret below the place, for people; null when the file could not be read. */
  readonly excerpt: string | null
}
