// Errors of the control plane that a person can act on. The request path never throws: see proxy/failure.ts.

/** Exit codes of DESIGN §7; the number is the contract. */
export const EXIT = {
  ok: 0,
  findings: 1,
  usage: 2,
  warnings: 3,
  unreachable: 4,
  timeout: 5,
  interrupted: 130,
  /** Ended by SIGTERM, because it cannot end by itself. */
  terminated: 143,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What went wrong in one line, what to do about it in a second, and the exit code it leads to. */
export class AppError extends Error {
  readonly hint: string | null
  readonly exitCode: ExitCode

  constructor(message: string, options: {hint?: string; exitCode?: ExitCode; cause?: unknown} = {}) {
    super(message, options.cause === undefined ? undefined : {cause: options.cause})
    this.name = 'AppError'
    this.hint = options.hint ?? null
    this.exitCode = options.exitCode ?? EXIT.usage
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The system error code ('ENOENT', …) of anything that was thrown, or ''. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** Marks a branch that the types say cannot be reached; throws, because then the types were wrong. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`)
}
