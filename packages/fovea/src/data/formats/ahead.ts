// Work on a stream, a few items ahead of whoever takes the results, in their order.

interface Begun<A, B> {
  readonly item: A
  readonly result: Promise<B>
}

/**
 * Each item with what `work` made of it. At most `atOnce` are under way; where one fails, its error is thrown in its turn.
 * @param number counts the items from 0
 */
export async function* workAhead<A, B>(
  items: AsyncIterable<A> | Iterable<A>,
  atOnce: number,
  work: (item: A, number: number) => Promise<B>,
): AsyncGenerator<readonly [A, B]> {
  const begun: Begun<A, B>[] = []
  let number = 0
  try {
    for await (const item of items) {
      const result = work(item, number++)
      // Its turn may come after that of another one that fails.
      result.catch(() => undefined)
      begun.push({ item, result })
      if (begun.length >= atOnce) yield await settle(begun.shift()!)
    }
    while (begun.length > 0) yield await settle(begun.shift()!)
  } finally {
    await Promise.allSettled(begun.map(({ result }) => result))
  }
}

async function settle<A, B>({ item, result }: Begun<A, B>): Promise<readonly [A, B]> {
  return [item, await result]
}
