// Who opens a thing says here how it is closed. Closers run last in, first out, each once, and one that fails does not
// keep the others from running: the first error is thrown after all have run.

export type Closer = () => unknown

export type Scope = {
  /** Registers a closer and returns the value, so that `const s = scope.own(open(), s => s.close())` reads in one line. */
  own<T>(value: T, close: (value: T) => unknown): T
  defer(close: Closer): void
  close(): Promise<void>
}

export function createScope(): Scope {
  const closers: Closer[] = []
  return {
    own(value, close) {
      closers.push(() => close(value))
      return value
    },
    defer(close) {
      closers.push(close)
    },
    async close() {
      let failed: unknown = null
      for (let closer = closers.pop(); closer; closer = closers.pop()) {
        try {
          await closer()
        } catch (error) {
          failed ??= error
        }
      }
      if (failed) throw failed
    },
  }
}
