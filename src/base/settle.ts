// Many things of which some may fail, a few at a time.

/** Does `work` for each item, `limit` of them at once; what became of each, in the order of the items. Never rejects. */
export async function settleEach<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<PromiseSettledResult<R>[]> {
  const results: PromiseSettledResult<R>[] = []
  const rest = items.entries()
  const lanes = Array.from({length: Math.min(limit, items.length)}, async () => {
    // All lanes draw from the one iterator.
    for (const [index, item] of rest) {
      try {
        results[index] = {status: 'fulfilled', value: await work(item)}
      } catch (reason) {
        results[index] = {status: 'rejected', reason}
      }
    }
  })
  await Promise.all(lanes)
  return results
}

/** The value of one; throws what it failed of. */
export function settledValue<R>(result: PromiseSettledResult<R> | undefined): R {
  if (result === undefined) throw new Error('nothing was settled')
  if (result.status === 'rejected') throw result.reason
  return result.value
}
