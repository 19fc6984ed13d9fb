// A request to a built-in service that is not done, and why.

export class RegistryRefusal extends Error {
  readonly status: number
  /** A word for machines, e.g. 'unknown-service'. */
  readonly code: string
  readonly fields: Readonly<Record<string, string>>

  constructor(status: number, code: string, message: string, fields: Readonly<Record<string, string>> = {}) {
    super(message)
    this.name = 'RegistryRefusal'
    this.status = status
    this.code = code
    this.fields = fields
  }
}
