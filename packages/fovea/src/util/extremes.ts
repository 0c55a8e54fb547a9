// The least and the greatest of a list of any length: `Math.max(...list)` puts the whole list on the stack, which fails from some 100,000 on.

/** As `Math.max(start, ...values)`: NaN where one is NaN. @param start What an empty list gives. */
export function maxOf(values: Iterable<number>, start = Number.NEGATIVE_INFINITY): number {
  let most = start
  for (const value of values) most = Math.max(most, value)
  return most
}

/** As `Math.min(start, ...values)`: NaN where one is NaN. @param start What an empty list gives. */
export function minOf(values: Iterable<number>, start = Number.POSITIVE_INFINITY): number {
  let least = start
  for (const value of values) least = Math.min(least, value)
  return least
}
